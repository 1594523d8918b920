//! The ring over real loopback sockets: ranks are threads, peers that misbehave are raw sockets.

#![allow(clippy::unwrap_used)]

use super::wire::{Content, Header, SEGMENT};
use super::*;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const QUICK: Deadlines = Deadlines {
    join: Duration::from_secs(20),
    operation: Duration::from_secs(20),
    stall: Duration::from_secs(20),
};

/// Runs `body` on every rank of a world and returns what each of them said.
fn on_ranks<T: Send>(
    world: usize,
    deadlines: Deadlines,
    body: impl Fn(&mut TcpRing) -> T + Sync,
) -> Vec<T> {
    let rings = TcpRing::threads(world, deadlines).unwrap();
    thread::scope(|scope| {
        let body = &body;
        let ranks: Vec<_> =
            rings.into_iter().map(|mut ring| scope.spawn(move || body(&mut ring))).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// Values of `rank` that differ everywhere; whole numbers, so that their sums are exact.
fn whole(rank: usize, len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 31 + rank * 977) % 1000) as f32 - 500.0).collect()
}

/// Values whose sum depends on the order of the additions.
fn fractions(rank: usize, len: usize) -> Vec<f32> {
    (0..len)
        .map(|i| ((i * 31 + rank * 977) % 1000) as f32 / 7.0 * 10f32.powi(rank as i32))
        .collect()
}

fn plain_sum(world: usize, len: usize) -> Vec<f32> {
    let mut sum = vec![0.0; len];
    for rank in 0..world {
        sum.iter_mut().zip(whole(rank, len)).for_each(|(sum, value)| *sum += value);
    }
    sum
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Below and above the size at which buffers are cut, and with shares of different length.
const LENGTHS: [usize; 9] = [0, 1, 2, 3, 7, 1001, 16_384, 16_385, 200_003];

#[test]
fn the_sum_over_ranks_is_the_plain_sum() {
    for world in 1..=5 {
        let sums = on_ranks(world, QUICK, |ring| {
            LENGTHS.map(|len| {
                let mut buffer = whole(ring.rank(), len);
                ring.all_reduce(&mut buffer).unwrap();
                buffer
            })
        });
        for rank in sums {
            for (sum, len) in rank.into_iter().zip(LENGTHS) {
                assert_eq!(sum, plain_sum(world, len), "world {world}, length {len}");
            }
        }
    }
}

#[test]
fn every_rank_and_every_repetition_has_the_same_bits() {
    for world in 2..=5 {
        let run = || {
            on_ranks(world, QUICK, |ring| {
                [1001, 100_003].map(|len| {
                    let mut buffer = fractions(ring.rank(), len);
                    ring.all_reduce(&mut buffer).unwrap();
                    bits(&buffer)
                })
            })
        };
        let first = run();
        assert!(first.iter().all(|rank| *rank == first[0]), "world {world}");
        assert_eq!(first, run(), "world {world}");
    }
}

#[test]
fn shares_are_summed_and_gathered() {
    for world in 1..=5 {
        on_ranks(world, QUICK, |ring| {
            for len in LENGTHS {
                let mut buffer = whole(ring.rank(), len);
                let own = ring.reduce_scatter(&mut buffer).unwrap();
                assert_eq!(own, share(len, ring.rank(), world));
                assert_eq!(buffer[own.clone()], plain_sum(world, len)[own.clone()]);
                // What is not ours must come from the others.
                buffer[..own.start].fill(f32::NAN);
                buffer[own.end..].fill(f32::NAN);
                ring.all_gather(&mut buffer).unwrap();
                assert_eq!(buffer, plain_sum(world, len), "world {world}, length {len}");
            }
        });
    }
}

#[test]
fn bytes_of_any_root_reach_everybody() {
    for world in 1..=4 {
        on_ranks(world, QUICK, |ring| {
            for root in 0..world {
                for len in [0, 1, SEGMENT, 3 * SEGMENT + 5] {
                    let original: Vec<u8> = (0..len).map(|i| (i * 7 + root) as u8).collect();
                    let mut bytes = vec![255; 10];
                    if ring.rank() == root {
                        bytes.clone_from(&original);
                    }
                    ring.broadcast(&mut bytes, root).unwrap();
                    assert!(bytes == original, "world {world}, root {root}, length {len}");
                }
            }
        });
    }
}

#[test]
fn nobody_leaves_a_barrier_before_the_last_one_enters() {
    let times = on_ranks(4, QUICK, |ring| {
        thread::sleep(Duration::from_millis(if ring.rank() == 2 { 200 } else { 0 }));
        let entered = Instant::now();
        ring.barrier().unwrap();
        (entered, Instant::now())
    });
    let last = times.iter().map(|(entered, _)| *entered).max().unwrap();
    assert!(times.iter().all(|(_, left)| *left >= last));
}

#[test]
fn a_rank_that_dies_is_named_by_all_others() {
    for len in [10, 1_000_000] {
        let begun = Instant::now();
        let errors = on_ranks(4, QUICK, |ring| {
            let mut buffer = vec![1.0; len];
            for step in 0.. {
                if ring.rank() == 2 && step == 3 {
                    return None;
                }
                if let Err(error) = ring.all_reduce(&mut buffer) {
                    return Some(error);
                }
            }
            None
        });
        assert!(begun.elapsed() < Duration::from_secs(10));
        for (rank, error) in errors.into_iter().enumerate().filter(|(rank, _)| *rank != 2) {
            let error = error.unwrap();
            assert_eq!(error.culprit(), Some(2), "rank {rank}: {error}");
            assert!(error.to_string().starts_with("rank 2 hung up during all-reduce 4"), "{error}");
            assert_eq!(error.exit_code(), 75);
        }
    }
}

#[test]
fn an_aborted_ring_is_closed_for_everybody() {
    let errors = on_ranks(3, QUICK, |ring| {
        if ring.rank() == 1 {
            ring.barrier().unwrap();
            ring.abort();
        }
        // The others may learn of it before they have left the first barrier.
        let first = ring.barrier().and_then(|()| ring.barrier()).unwrap_err();
        (first.to_string(), ring.barrier().unwrap_err().to_string())
    });
    for (rank, (first, second)) in errors.into_iter().enumerate() {
        assert!(first.contains("rank 1 gave up after operation 1"), "rank {rank}: {first}");
        assert!(second.starts_with("the ring is closed: rank 1 gave up"), "rank {rank}: {second}");
    }
}

/// What the two ranks of a world say when they do different things.
fn check_diverged(
    expected: [&str; 2],
    body: impl Fn(&mut TcpRing) -> Result<(), CollectiveError> + Sync,
) {
    let errors = on_ranks(2, QUICK, |ring| body(ring).unwrap_err());
    // The first to notice tells the other one, which may or may not have seen it itself.
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(errors.iter().any(|error| matches!(error, CollectiveError::Diverged { .. })));
    for text in texts {
        assert!(expected.iter().any(|expected| text.starts_with(expected)), "{text}");
    }
}

#[test]
fn ranks_that_do_different_things_are_told_what() {
    check_diverged(
        [
            "rank 0 is at all-reduce 1 of 100 values, but rank 1 is at all-reduce 1 of 101 values",
            "rank 1 is at all-reduce 1 of 101 values, but rank 0 is at all-reduce 1 of 100 values",
        ],
        |ring| ring.all_reduce(&mut vec![0.0; 100 + ring.rank()]),
    );
    check_diverged(
        [
            "rank 0 is at all-reduce 1 of 5 values, but rank 1 is at barrier 1: they no longer",
            "rank 1 is at barrier 1, but rank 0 is at all-reduce 1 of 5 values: they no longer",
        ],
        |ring| if ring.rank() == 0 { ring.all_reduce(&mut [0.0; 5]) } else { ring.barrier() },
    );
    check_diverged(
        [
            "rank 0 is at barrier 2, but rank 1 is at broadcast 1 from rank 1: they no longer",
            "rank 1 is at barrier 2, but rank 0 is at broadcast 1 from rank 0: they no longer",
        ],
        |ring| {
            let root = ring.rank();
            ring.broadcast(&mut vec![1, 2, 3], root)?;
            ring.barrier()
        },
    );
}

#[test]
fn a_rank_that_hangs_is_named_at_the_deadline() {
    let deadlines = Deadlines { operation: Duration::from_millis(300), ..QUICK };
    let errors = on_ranks(3, deadlines, |ring| {
        if ring.rank() == 1 {
            thread::sleep(Duration::from_secs(2));
            return None;
        }
        let begun = Instant::now();
        let error = ring.all_reduce(&mut [1.0]).unwrap_err();
        assert!(begun.elapsed() < Duration::from_millis(1500), "{error}");
        Some(error)
    });
    for error in errors.into_iter().flatten() {
        assert_eq!(error.culprit(), Some(1), "{error}");
        assert!(
            error.to_string().starts_with("rank 1 did not finish for 0.3 s during all-reduce 1")
        );
    }
}

/// Rank 0 of a world of two whose neighbour is `peer`, a thread that holds the raw sockets.
fn against(
    deadlines: Deadlines,
    peer: impl FnOnce(TcpStream, TcpStream) + Send,
) -> CollectiveError {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (next, its_prev) = (connect(), listener.accept().unwrap().0);
    let (prev, its_next) = (connect(), listener.accept().unwrap().0);
    let identity = Identity {
        run: "raw".to_owned(),
        generation: 0,
        rank: 0,
        world: 2,
        program: String::new(),
    };
    let mut ring = TcpRing::new(&identity, next, prev, deadlines).unwrap();
    thread::scope(|scope| {
        scope.spawn(move || peer(its_next, its_prev));
        ring.all_reduce(&mut [1.0, 2.0]).unwrap_err()
    })
}

/// The frame that rank 1 would send.
fn frame() -> Vec<u8> {
    let header = Header {
        generation: 0,
        moment: Moment { operation: Operation::AllReduce, sequence: 1 },
        content: Content::Floats,
        total: 2,
        part: 0,
        length: 8,
    };
    let payload = [1.0f32.to_le_bytes(), 2.0f32.to_le_bytes()].concat();
    let mut frame = header.encode(&payload).to_vec();
    frame.extend_from_slice(&payload);
    frame
}

#[test]
fn a_frame_that_stops_in_the_middle_is_not_waited_for_long() {
    let deadlines = Deadlines { stall: Duration::from_millis(200), ..QUICK };
    let error = against(deadlines, |mut next, _prev| {
        next.write_all(&frame()[..44]).unwrap();
        thread::sleep(Duration::from_secs(1));
    });
    assert_eq!(error.to_string(), "rank 1 stopped within a frame for 0.2 s during all-reduce 1");
}

#[test]
fn a_connection_that_trickles_does_not_outlive_the_deadline() {
    let deadlines = Deadlines { operation: Duration::from_millis(400), ..QUICK };
    let begun = Instant::now();
    let error = against(deadlines, |mut next, _prev| {
        for byte in frame() {
            thread::sleep(Duration::from_millis(50));
            if next.write_all(&[byte]).is_err() {
                return;
            }
        }
    });
    assert!(matches!(error, CollectiveError::Late { peer: 1, .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_damaged_frame_is_noticed() {
    let error = against(QUICK, |mut next, _prev| {
        let mut frame = frame();
        *frame.last_mut().unwrap() ^= 1;
        next.write_all(&frame).unwrap();
        thread::sleep(Duration::from_millis(200));
    });
    let text = error.to_string();
    assert!(text.starts_with("a frame from rank 1 arrived damaged during all-reduce 1: crc32"));
}

fn membership(rank: usize, world: usize, secret: &Secret) -> Membership {
    Membership {
        identity: Identity {
            run: "test".to_owned(),
            generation: 1,
            rank,
            world,
            program: "build".to_owned(),
        },
        secret: secret.clone(),
        deadlines: Deadlines { join: Duration::from_millis(800), ..QUICK },
        stop: None,
    }
}

/// A rank that is asked to stop while it waits for others leaves, wherever it waits.
#[test]
fn who_is_asked_to_stop_waits_for_nobody() {
    let secret = Secret::random().unwrap();
    let free = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    // Nobody ever answers there: what connects waits for the first word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_at = silent.local_addr().unwrap().to_string();
    for (rank, address) in [(0, free()), (1, free()), (1, silent_at)] {
        let stop: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        let patient = Deadlines { join: Duration::from_secs(300), ..QUICK };
        let own =
            Membership { deadlines: patient, stop: Some(stop), ..membership(rank, 2, &secret) };
        let begun = Instant::now();
        let error = thread::scope(|scope| {
            let meeting = scope.spawn(|| rendezvous::join(&address, &own).err().unwrap());
            thread::sleep(Duration::from_millis(300));
            assert!(!meeting.is_finished(), "it waits");
            stop.store(true, Ordering::Relaxed);
            meeting.join().unwrap()
        });
        assert!(begun.elapsed() < Duration::from_secs(60), "{error}");
        assert!(matches!(error, CollectiveError::Asked { rank: it } if it == rank), "{error}");
        assert_eq!(error.exit_code(), 76);
    }
}

/// What a host of two says that only `visitor` comes to, and what the visitor says.
fn check_refused(visitor: impl FnOnce(&mut Membership), host_says: &str, visitor_says: &str) {
    let secret = Secret::random().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut guest = membership(1, 2, &secret);
    visitor(&mut guest);
    let (host, guest) = thread::scope(|scope| {
        let address = address.as_str();
        let guest = scope.spawn(move || rendezvous::visit(address, &guest).unwrap_err());
        (rendezvous::host(listener, &membership(0, 2, &secret)).unwrap_err(), guest.join().unwrap())
    });
    assert_eq!(host.to_string().replace(&address, "ADDRESS"), host_says);
    assert_eq!(guest.to_string().replace(&address, "ADDRESS"), visitor_says);
    assert_eq!(guest.exit_code(), 69);
}

const ALONE: &str = "waited 0.8 s at ADDRESS for 2 ranks: rank 1 did not come";

#[test]
fn strangers_are_refused() {
    check_refused(
        |guest| guest.secret = Secret::random().unwrap(),
        ALONE,
        "rank 1 and ADDRESS do not belong together: \
         it does not know the secret of this start of the run",
    );
    check_refused(
        |guest| guest.identity.generation = 2,
        ALONE,
        "rank 1 and ADDRESS do not belong together: its start is `1`, ours is `2`",
    );
    check_refused(
        |guest| guest.identity.program = "other".to_owned(),
        ALONE,
        "rank 1 and ADDRESS do not belong together: \
         its build of the program is `build`, ours is `other`",
    );
    check_refused(
        |guest| guest.identity.rank = 0,
        ALONE,
        "rank 0 and ADDRESS do not belong together: there is no place for rank 0",
    );
}

#[test]
fn strangers_do_not_keep_the_ranks_apart() {
    let secret = Secret::random().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut stranger = TcpStream::connect(&address).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let silent = TcpStream::connect(&address).unwrap();
    thread::scope(|scope| {
        let guest = membership(1, 2, &secret);
        let visitor = scope.spawn(move || rendezvous::visit(&address, &guest).unwrap().barrier());
        rendezvous::host(listener, &membership(0, 2, &secret)).unwrap().barrier().unwrap();
        visitor.join().unwrap().unwrap();
    });
    drop(silent);
}

/// What another carrier's operation is, for the ring beside it.
fn whereabouts(sequence: u64) -> Whereabouts {
    let moment = Moment { operation: Operation::AllReduce, sequence };
    Whereabouts { moment, len: (1 << 40) + sequence }
}

#[test]
fn everybody_says_where_it_is() {
    on_ranks(3, QUICK, |ring| {
        let here = whereabouts((1 << 33) + ring.rank() as u64);
        assert!(ring.news(here.moment).is_none());
        ring.barrier().unwrap();
        let answers = ring.ask(here, QUICK.operation).unwrap();
        assert_eq!(answers, [0, 1, 2].map(|rank| whereabouts((1 << 33) + rank)));
        // The ring is as it was.
        ring.barrier().unwrap();
    });
}

#[test]
fn news_of_a_neighbour_come_without_waiting() {
    let here = whereabouts(7);
    let hear = |ring: &mut TcpRing| {
        let begun = Instant::now();
        loop {
            if let Some(news) = ring.news(here.moment) {
                return news;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "no news");
            thread::sleep(Duration::from_millis(1));
        }
    };
    let world = || TcpRing::threads(2, QUICK).unwrap();

    let mut ranks = world();
    drop(ranks.pop());
    assert!(matches!(hear(&mut ranks[0]), News::Gone(1)));

    let mut ranks = world();
    ranks[1].end(Some(0), "rank 0 is to blame");
    match hear(&mut ranks[0]) {
        News::Left(error) => {
            assert_eq!(error.to_string(), "rank 0 is to blame (said rank 1)");
            assert_eq!(error.culprit(), Some(0));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(ranks[0].barrier(), Err(CollectiveError::Closed { .. })));

    let mut ranks = world();
    let patience = Duration::from_millis(300);
    let error = ranks[1].ask(here, patience).unwrap_err();
    let said = "rank 0 did not say where it is for 0.3 s during question 1";
    assert_eq!(error.to_string(), said);
    match hear(&mut ranks[0]) {
        News::Left(error) => assert_eq!(error.to_string(), format!("{said} (said rank 1)")),
        other => panic!("{other:?}"),
    }

    let mut ranks = world();
    let (first, second) = ranks.split_at_mut(1);
    thread::scope(|scope| {
        let asking = scope.spawn(|| second[0].ask(here, QUICK.operation).unwrap());
        assert!(matches!(hear(&mut first[0]), News::Asks));
        assert_eq!(first[0].ask(here, QUICK.operation).unwrap(), [here; 2]);
        assert_eq!(asking.join().unwrap(), [here; 2]);
    });
}

/// `127.1` is a name to us: only the system knows that it means 127.0.0.1.
#[test]
fn under_a_name_ranks_meet_where_they_reach_each_other() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.1:{free}");
    let secret = Secret::random().unwrap();
    let sums = thread::scope(|scope| {
        let ranks: Vec<_> = (0..3)
            .map(|rank| {
                let (mut own, address) = (membership(rank, 3, &secret), address.as_str());
                own.deadlines = QUICK;
                scope.spawn(move || {
                    let mut ring = rendezvous::join(address, &own).unwrap();
                    let mut buffer = [rank as f32 + 1.0];
                    ring.all_reduce(&mut buffer).unwrap();
                    buffer[0]
                })
            })
            .collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect::<Vec<f32>>()
    });
    assert_eq!(sums, [6.0; 3]);
}

#[test]
fn what_is_wrong_with_an_address_is_one_sentence() {
    let secret = Secret::random().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = |address: &str, rank: usize| {
        let error = rendezvous::join(address, &membership(rank, 2, &secret)).err().unwrap();
        assert_eq!(error.exit_code(), 75);
        error.to_string()
    };
    let start = format!("rank 0 failed to listen at {address}: Address already in use");
    assert!(said(&address, 0).starts_with(&start));
    assert!(said("127.1:many", 0).starts_with("rank 0 failed to listen at 127.1:many: "));
    // A name that nobody knows yet is asked for until the deadline.
    let start = "rank 1 failed to reach rank 0 at nobody.invalid:4000: ";
    assert!(said("nobody.invalid:4000", 1).starts_with(start));
}
