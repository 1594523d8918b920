//! What ranks ask of NCCL, what comes of it, and how it ends, against libraries that stand in for it.
#![allow(clippy::unwrap_used)]

mod unattended;

use super::calls::{Element, Place};
use super::fakes::{Fakes, LENGTHS, QUICK, each, on_ranks, sum, values};
use super::*;
use crate::collective::{Solo, share};
use expect_test::{Expect, expect};
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn host_values_are_summed_on_every_world() {
    let fakes = Fakes::new(&[]);
    for world in [1, 2, 4] {
        on_ranks(&fakes, world, QUICK, |nccl| {
            for len in LENGTHS {
                let mut buffer = values(nccl.rank(), len);
                Collective::all_reduce(nccl, &mut buffer).unwrap();
                assert!(buffer == sum(world, len), "world {world}, length {len}");

                let mut buffer = values(nccl.rank(), len);
                let own = Collective::reduce_scatter(nccl, &mut buffer).unwrap();
                assert_eq!(own, share(len, nccl.rank(), world));
                assert!(buffer[own.clone()] == sum(world, len)[own.clone()]);

                buffer[..own.start].fill(f32::NAN);
                buffer[own.end..].fill(f32::NAN);
                Collective::all_gather(nccl, &mut buffer).unwrap();
                assert!(buffer == sum(world, len), "world {world}, length {len}");

                let mut bytes = vec![nccl.rank() as u8; len];
                nccl.broadcast(&mut bytes, world - 1).unwrap();
                assert!(bytes == vec![world as u8 - 1; len]);
                nccl.barrier().unwrap();
            }
        });
        assert_eq!(fakes.allocated(), 0, "memory of the GPU is given back");
    }
}

/// Values as they lie in a GPU's memory.
fn packed(values: &[f32], element: Element) -> Vec<u8> {
    let bits = values.iter().map(|value| value.to_bits());
    match element {
        Element::F32 => bits.flat_map(u32::to_le_bytes).collect(),
        Element::Bf16 => bits.flat_map(|bits| ((bits >> 16) as u16).to_le_bytes()).collect(),
    }
}

/// What a rank's part of memory holds after `operation`.
fn on_gpu(nccl: &mut Nccl, operation: Operation, values: &[f32], element: Element) -> Vec<u8> {
    let mut bytes = packed(values, element);
    let mut nccl = nccl.member();
    let address = nccl.context.allocate(bytes.len()).unwrap();
    unsafe { nccl.stream.upload(&bytes, address) }.unwrap();
    let here = nccl.begin(operation, values.len()).unwrap();
    nccl.queue(here, Place { address, len: values.len(), element }).unwrap();
    nccl.settle().unwrap();
    unsafe { nccl.stream.download(address, &mut bytes) }.unwrap();
    nccl.stream.synchronize().unwrap();
    nccl.context.free(address).unwrap();
    bytes
}

#[test]
fn memory_of_the_gpu_is_summed_in_place() {
    let fakes = Fakes::new(&[]);
    for (world, element) in [(1, Element::F32), (2, Element::Bf16), (4, Element::F32)] {
        on_ranks(&fakes, world, QUICK, |nccl| {
            for len in [1, 7, 8, 24] {
                let mine = values(nccl.rank(), len);
                let expected = packed(&sum(world, len), element);
                let summed = on_gpu(nccl, Operation::AllReduce, &mine, element);
                assert!(summed == expected, "all-reduce, world {world}, length {len}");

                let own = share(len, nccl.rank(), world);
                let own = own.start * element.size()..own.end * element.size();
                let summed = on_gpu(nccl, Operation::ReduceScatter, &mine, element);
                assert!(summed[own.clone()] == expected[own.clone()], "reduce-scatter, {len}");

                let own = share(len, nccl.rank(), world);
                let mut part = vec![99.0; len];
                part[own.clone()].copy_from_slice(&sum(world, len)[own]);
                let gathered = on_gpu(nccl, Operation::AllGather, &part, element);
                assert!(gathered == expected, "all-gather, world {world}, length {len}");
            }
        });
    }
}

/// What rank 1 of a world asks of NCCL when `body` runs on it.
fn check_log(fakes: &Fakes, world: usize, body: impl Fn(&mut Nccl) + Sync, expected: Expect) {
    on_ranks(fakes, world, QUICK, body);
    expected.assert_eq(&fakes.log(1));
}

#[test]
fn calls_come_in_order_with_their_sizes_types_and_groups() {
    check_log(
        &Fakes::new(&[]),
        2,
        |nccl| {
            Collective::all_reduce(nccl, &mut vec![1.0; 20_000]).unwrap();
            Collective::all_reduce(nccl, &mut [1.0; 10]).unwrap();
            Collective::all_gather(nccl, &mut vec![1.0; 20_001]).unwrap();
            Collective::reduce_scatter(nccl, &mut vec![1.0; 20_002]).unwrap();
            on_gpu(nccl, Operation::AllReduce, &[1.0; 5], Element::Bf16);
            on_gpu(nccl, Operation::ReduceScatter, &[1.0; 5], Element::Bf16);
            on_gpu(nccl, Operation::AllGather, &[1.0; 6], Element::F32);
        },
        expect![[r#"
            init of 2, not blocking
            all-reduce 20000 f32
            group
            broadcast 10000 f32 root 0, grouped
            broadcast 10001 f32 root 1, grouped
            group end
            reduce-scatter 10001 f32
            all-reduce 5 bf16
            group
            reduce 2 bf16 root 0, grouped
            reduce 3 bf16 root 1, grouped
            group end
            all-gather 3 f32
            finalize
            destroy"#]],
    );
}

#[test]
fn an_old_library_is_asked_in_the_old_way() {
    check_log(
        &Fakes::new(&["-DOLD"]),
        2,
        |nccl| Collective::all_reduce(nccl, &mut vec![1.0; 20_000]).unwrap(),
        expect![[r#"
            init of 2, blocking
            all-reduce 20000 f32
            destroy"#]],
    );
}

/// For an operation, where it is to be waited for in vain.
const SOON: Duration = Duration::from_millis(500);

/// The errors of all ranks but those that have none.
fn errors(
    fakes: &Fakes,
    world: usize,
    operation: Duration,
    body: impl Fn(&mut Nccl) -> Option<CollectiveError> + Sync,
) -> Vec<Option<CollectiveError>> {
    let errors = on_ranks(fakes, world, Deadlines { operation, ..QUICK }, |nccl| {
        let error = body(nccl)?;
        let again = Collective::all_reduce(nccl, &mut vec![1.0; 20_000]).unwrap_err();
        assert!(matches!(again, CollectiveError::Closed { .. }), "{again}");
        let again = nccl.barrier().unwrap_err();
        assert!(matches!(again, CollectiveError::Closed { .. }), "{again}");
        Some(error)
    });
    for (rank, error) in errors.iter().enumerate() {
        let log = fakes.log(rank);
        assert!(!log.contains("AFTER ITS END"), "rank {rank}:\n{log}");
        if error.is_some() {
            assert_eq!(log.lines().last(), Some("abort"), "rank {rank}:\n{log}");
        }
    }
    errors
}

/// An all-reduce through the GPU.
fn summed(nccl: &mut Nccl) -> Option<CollectiveError> {
    Collective::all_reduce(nccl, &mut vec![1.0; 20_000]).err()
}

#[test]
fn a_rank_that_dies_is_named_by_all_others() {
    let fakes = Fakes::new(&[]);
    let begun = Instant::now();
    let errors = errors(&fakes, 4, QUICK.operation, |nccl| {
        assert!(summed(nccl).is_none());
        match nccl.rank() {
            2 => {
                // As a process that is killed: without a word to anybody.
                let mut member = nccl.member();
                member.closed = Some("dead".to_owned());
                member.control = Box::new(Solo);
                None
            }
            _ => summed(nccl),
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(20));
    for (rank, error) in errors.iter().enumerate().filter(|(rank, _)| *rank != 2) {
        let error = error.as_ref().unwrap();
        assert_eq!(error.culprit(), Some(2), "rank {rank}: {error}");
        assert!(error.to_string().starts_with("rank 2 hung up during all-reduce 2"), "{error}");
        assert_eq!(error.exit_code(), 75);
    }
}

#[test]
fn a_rank_that_gives_up_says_so() {
    let fakes = Fakes::new(&[]);
    let errors = errors(&fakes, 3, QUICK.operation, |nccl| {
        if nccl.rank() == 1 {
            nccl.abort();
            nccl.abort();
            return None;
        }
        summed(nccl)
    });
    for error in [&errors[0], &errors[2]] {
        let error = error.as_ref().unwrap();
        assert_eq!(error.culprit(), Some(1), "{error}");
        assert!(error.to_string().contains("rank 1 gave up after operation 0"), "{error}");
    }
    assert_eq!(fakes.log(1).lines().filter(|line| *line == "abort").count(), 1);
}

#[test]
fn a_rank_that_does_not_come_is_named_at_the_deadline() {
    let fakes = Fakes::new(&[]);
    let errors = errors(&fakes, 3, SOON, |nccl| {
        if nccl.rank() == 1 {
            thread::sleep(Duration::from_secs(3));
            return None;
        }
        summed(nccl)
    });
    for error in [&errors[0], &errors[2]] {
        let error = error.as_ref().unwrap();
        assert_eq!(error.culprit(), Some(1), "{error}");
        let said = "rank 1 did not say where it is for 0.5 s during";
        assert!(error.to_string().starts_with(said), "{error}");
    }
}

#[test]
fn ranks_that_all_wait_say_that_nothing_moves() {
    let fakes = Fakes::new(&[]);
    fakes.set("hang_rank", 1);
    fakes.set("hang_at", 2);
    let errors = errors(&fakes, 2, SOON, |nccl| {
        assert!(summed(nccl).is_none());
        summed(nccl)
    });
    let texts: Vec<String> = errors.into_iter().map(|error| error.unwrap().to_string()).collect();
    // The other one may have been told.
    assert!(texts.iter().all(|text| text.starts_with("all 2 ranks wait in all-reduce 2 for 0.5")));
}

#[test]
fn ranks_that_do_different_things_are_told_what() {
    let fakes = Fakes::new(&[]);
    let errors = errors(&fakes, 2, SOON, |nccl| {
        Collective::all_reduce(nccl, &mut vec![1.0; 20_000 + nccl.rank()]).err()
    });
    for error in errors {
        let text = error.unwrap().to_string();
        assert!(text.contains("all-reduce 1 of 20000 values"), "{text}");
        assert!(text.contains("all-reduce 1 of 20001 values"), "{text}");
        assert!(text.contains("they no longer do the same"), "{text}");
    }
}

#[test]
fn what_nccl_notices_ends_everything() {
    let fakes = Fakes::new(&[]);
    fakes.set("fail_rank", 1);
    fakes.set("fail_at", 1);
    let errors = errors(&fakes, 2, QUICK.operation, summed);
    let said = "rank 1 failed in all-reduce 1: ncclCommGetAsyncError failed with 6: remote process exited or \
                there was a network error (the stand-in was told to)";
    assert_eq!(errors[1].as_ref().unwrap().to_string(), said);
    assert_eq!(errors[0].as_ref().unwrap().to_string(), format!("{said} (said rank 1)"));
}

/// What the ranks of a world of two say that cannot be connected.
fn check_unusable(
    flags: &[&str],
    gpu: impl Fn(&Fakes, usize) -> Result<Gpu, CudaError> + Sync,
    expected: [Expect; 2],
) {
    let fakes = Fakes::new(flags);
    let errors = Mutex::new(Vec::new());
    each(2, QUICK, |control| {
        let rank = control.rank();
        let error = Nccl::new(control, gpu(&fakes, rank), QUICK).err().unwrap();
        errors.lock().unwrap().push((rank, error));
    });
    let mut errors = errors.into_inner().unwrap();
    errors.sort_by_key(|(rank, _)| *rank);
    for ((_, error), expected) in errors.into_iter().zip(expected) {
        let text = error.to_string().replace(&fakes.dir.path().display().to_string(), "DIR");
        expected.assert_eq(&text);
    }
}

#[test]
fn a_library_that_is_missing_is_said_with_the_way_out() {
    let missing = |_: &Fakes, rank: usize| {
        let error = CudaError::Missing {
            what: "NCCL",
            tried: "libnccl.so.2, libnccl.so".to_owned(),
            reason: "libnccl.so: cannot open shared object file".to_owned(),
        };
        // The other rank has it, and is told.
        if rank == 0 { Err(error) } else { Fakes::new(&[]).gpu(0) }
    };
    check_unusable(
        &[],
        missing,
        [
            expect![[
                r#"rank 0 cannot sum over NCCL: NCCL is not here (looked for libnccl.so.2, libnccl.so): libnccl.so: cannot open shared object file; install NCCL 2.14 or later (the library libnccl.so.2, as in the Python package nvidia-nccl-cu13), or say with KNOWCODER_NCCL where it lies, or set collective = "tcp" in the cluster file"#
            ]],
            expect![[
                r#"rank 0 cannot sum over NCCL: NCCL is not here (looked for libnccl.so.2, libnccl.so): libnccl.so: cannot open shared object file; install NCCL 2.14 or later (the library libnccl.so.2, as in the Python package nvidia-nccl-cu13), or say with KNOWCODER_NCCL where it lies, or set collective = "tcp" in the cluster file (said rank 0)"#
            ]],
        ],
    );
    let nowhere = NcclLibrary::load_from(&[PathBuf::from("/nowhere/libnccl.so.2")]).unwrap_err();
    assert!(nowhere.to_string().starts_with("NCCL is not here (looked for /nowhere/libnccl.so.2)"));
}

#[test]
fn a_library_that_lacks_a_function_or_is_too_old_is_refused() {
    let fakes = Fakes::new(&["-DLACK_ASYNC_ERROR"]);
    let text = fakes.gpu(0).unwrap_err().to_string();
    assert!(text.ends_with("fake_nccl.so has no function `ncclCommGetAsyncError`: it is too old"));
    let fakes = Fakes::new(&[]);
    fakes.set("version", 2708);
    let text = fakes.gpu(0).unwrap_err().to_string();
    assert!(text.ends_with("is NCCL 2.7.8, and sums of bf16 need 2.10.0 or later"), "{text}");
    let text = fakes.gpu(9).unwrap_err().to_string();
    assert_eq!(text, "cuDeviceGet failed with 101: invalid device ordinal");
}

#[test]
fn ranks_with_other_versions_are_told_apart() {
    let turns = Mutex::new(());
    let gpu = |fakes: &Fakes, rank: usize| {
        let _turn = turns.lock().unwrap();
        fakes.set("version", 22_703 + rank as i32);
        fakes.gpu(rank)
    };
    check_unusable(
        &[],
        gpu,
        [
            expect![
                "rank 0 has NCCL 2.27.3, but rank 1 has NCCL 2.27.4: ranks need the same; KNOWCODER_NCCL says which one is opened"
            ],
            expect![
                "rank 1 has NCCL 2.27.4, but rank 0 has NCCL 2.27.3: ranks need the same; KNOWCODER_NCCL says which one is opened"
            ],
        ],
    );
}

#[test]
fn an_id_that_cannot_be_made_is_told_to_all() {
    let refuse = |fakes: &Fakes, rank: usize| {
        fakes.set("refuse", 1);
        fakes.gpu(rank)
    };
    check_unusable(
        &[],
        refuse,
        [
            expect![[
                r#"rank 0 cannot sum over NCCL: ncclGetUniqueId failed with 4: invalid argument (the stand-in was told to); NCCL_DEBUG=INFO says more; collective = "tcp" in the cluster file does without NCCL"#
            ]],
            expect![[
                r#"rank 0 cannot sum over NCCL: ncclGetUniqueId failed with 4: invalid argument (the stand-in was told to); NCCL_DEBUG=INFO says more; collective = "tcp" in the cluster file does without NCCL (said rank 0)"#
            ]],
        ],
    );
}
