//! What ends while no rank waits for it, and what does not let itself be ended.

use super::{Fakes, QUICK, SOON, on_ranks, sum, summed, values};
use crate::collective::nccl::calls::{Element, Place};
use crate::collective::nccl::{Deadlines, Nccl};
use crate::collective::{Collective, CollectiveError, Operation, Solo};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Queues a sum in the memory of the GPU, as tensors are summed, and does not wait for it.
fn leave_out(nccl: &Nccl) {
    let mut member = nccl.member();
    let mine = values(member.rank, 8);
    let bytes: Vec<u8> = mine.iter().flat_map(|value| value.to_le_bytes()).collect();
    let address = member.context.allocate(bytes.len()).unwrap();
    unsafe { member.stream.upload(&bytes, address) }.unwrap();
    let here = member.begin(Operation::AllReduce, 8).unwrap();
    member.queue(here, Place { address, len: 8, element: Element::F32 }).unwrap();
    drop(member);
    nccl.watch.begin();
}

/// Returns when NCCL was cut off for this rank, which asks for nothing meanwhile.
fn until_cut_off(fakes: &Fakes, rank: usize) {
    let begun = Instant::now();
    while fakes.log(rank).lines().last() != Some("abort") {
        assert!(begun.elapsed() < Duration::from_secs(30), "rank {rank}:\n{}", fakes.log(rank));
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_group_is_queued_at_once_behind_other_work() {
    let fakes = Fakes::new(&[]);
    let seen = Barrier::new(2);
    on_ranks(&fakes, 2, QUICK, |nccl| {
        let mut member = nccl.member();
        let context = member.context.clone();
        // The tensor library's own queue, in which a kernel takes its time before the values are there.
        let other = context.stream().unwrap();
        let mine = values(member.rank, 8);
        let bytes: Vec<u8> = mine.iter().flat_map(|value| value.to_le_bytes()).collect();
        let places = [(); 3].map(|()| context.allocate(bytes.len()).unwrap());
        fakes.hold(&other);
        for address in places {
            unsafe { other.upload(&bytes, address) }.unwrap();
        }
        unsafe { member.stream.follow(other.raw()) }.unwrap();
        for group in [&places[..2], &places[2..]] {
            let group: Vec<_> = group
                .iter()
                .map(|address| {
                    let place = Place { address: *address, len: 8, element: Element::F32 };
                    (member.begin(Operation::AllReduce, 8).unwrap(), place)
                })
                .collect();
            member.launch(&group).unwrap();
        }
        // All of it is queued, and nothing has begun.
        thread::sleep(Duration::from_millis(100));
        assert!(!member.stream.is_idle().unwrap());
        seen.wait();
        if member.rank == 1 {
            fakes.open_gate();
        }
        member.settle().unwrap();
        let mut found = vec![0; bytes.len()];
        for address in places {
            unsafe { member.stream.download(address, &mut found) }.unwrap();
            member.stream.synchronize().unwrap();
            let sums: Vec<u8> = sum(2, 8).iter().flat_map(|value| value.to_le_bytes()).collect();
            assert_eq!(found, sums);
            context.free(address).unwrap();
        }
    });
    let log = fakes.log(0);
    assert!(!log.contains("BEFORE IT WAS READY"), "{log}");
    let calls: Vec<&str> = log.lines().skip(1).take(5).collect();
    let grouped = "all-reduce 8 f32, grouped";
    assert_eq!(calls, ["group", grouped, grouped, "group end", "all-reduce 8 f32"]);
}

/// What a rank is told that asks for something at last; it is told once.
fn told(nccl: &mut Nccl) -> CollectiveError {
    let error = nccl.barrier().unwrap_err();
    let again = nccl.barrier().unwrap_err();
    assert!(matches!(again, CollectiveError::Closed { .. }), "{again}");
    error
}

#[test]
fn what_fails_while_all_compute_ends_what_is_queued() {
    let fakes = Fakes::new(&[]);
    let queued = Barrier::new(2);
    let errors = on_ranks(&fakes, 2, QUICK, |nccl| {
        leave_out(nccl);
        queued.wait();
        fakes.set("fail_between", 1);
        until_cut_off(&fakes, nccl.rank());
        told(nccl).to_string()
    });
    let said = "rank 1 failed in all-reduce 1: ncclCommGetAsyncError failed with 6: remote process exited or \
                there was a network error (the stand-in was told to)";
    assert_eq!(errors, [format!("{said} (said rank 1)"), said.to_owned()]);
    for rank in 0..2 {
        assert!(!fakes.log(rank).contains("AFTER ITS END"), "{}", fakes.log(rank));
    }
}

#[test]
fn a_rank_that_dies_while_another_computes_is_named() {
    let fakes = Fakes::new(&[]);
    let errors = on_ranks(&fakes, 2, QUICK, |nccl| {
        if nccl.rank() == 1 {
            let mut member = nccl.member();
            member.closed = Some("dead".to_owned());
            member.control = Box::new(Solo);
            return None;
        }
        leave_out(nccl);
        until_cut_off(&fakes, 0);
        Some(told(nccl))
    });
    let error = errors[0].as_ref().unwrap();
    assert_eq!(error.culprit(), Some(1), "{error}");
    assert_eq!(error.to_string(), "rank 1 hung up during all-reduce 1");
}

/// Counts how often such values are dropped.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_abort_without_an_end_holds_up_nobody() {
    static GIVEN_BACK: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let fakes = Fakes::new(&[]);
    fakes.set("hang_rank", 1);
    fakes.set("hang_at", 2);
    fakes.set("hang_abort", 0);
    let begun = Instant::now();
    let deadlines = Deadlines { operation: SOON, ..QUICK };
    let errors = on_ranks(&fakes, 2, deadlines, |nccl| {
        assert!(summed(nccl).is_none());
        // Kept while the second sum is out, as the memory of tensors is.
        let room = {
            let mut member = nccl.member();
            let address = member.context.allocate(32).unwrap();
            let here = member.begin(Operation::AllReduce, 8).unwrap();
            member.queue(here, Place { address, len: 8, element: Element::F32 }).unwrap();
            let rank = member.rank;
            member.held.push(Box::new(Counted(&GIVEN_BACK[rank])));
            member.settle().unwrap_err()
        };
        assert!(matches!(nccl.barrier(), Err(CollectiveError::Closed { .. })));
        room.to_string()
    });
    assert!(begun.elapsed() < Duration::from_secs(25));
    // Both have learned of it, although the first one's NCCL never came back.
    for text in &errors {
        assert!(text.starts_with("all 2 ranks wait in all-reduce 2 for 0.5"), "{text}");
    }
    assert_eq!(fakes.log(0).lines().last(), Some("abort without an end"));
    assert_eq!(fakes.log(1).lines().last(), Some("abort"));
    // What NCCL may still write is never given to others.
    assert_eq!([0, 1].map(|rank| GIVEN_BACK[rank].load(Ordering::SeqCst)), [0, 1]);
    // The rooms of the second sums, and the first one's for values of the host.
    assert_eq!(fakes.allocated(), 3);
}
