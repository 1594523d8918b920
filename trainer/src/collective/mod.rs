//! Sums over ranks: what training asks of its world, whoever carries the bytes.
//!
//! # Layout
//! - [`Solo`]: a world of one, where every operation is already done.
//! - [`Threads`]: ranks as threads of this process, for what is computed here under several worlds.
//! - [`TcpRing`]: ranks as processes (or threads, in tests) that pass frames around a ring.
//! - [`Nccl`]: ranks with a GPU each; NCCL carries the sums, a ring everything else.
//! - [`Carrier`]: which of the two a run takes.
//! - `wire`: a frame as bytes. `transfer`: frames in both directions at once, with deadlines.
//! - [`hello`]: who is at the other end, proved by the run's secret.
//! - [`rendezvous`]: rank 0 hosts, everyone learns everyone's address.
//!
//! Every rank calls the same operations in the same order with the same lengths. A rank that does
//! not is named, together with what it did instead; nothing here waits without a deadline.

mod carrier;
mod control;
pub mod hello;
pub mod nccl;
pub mod rendezvous;
pub mod ring;
#[cfg(test)]
mod ring_tests;
mod solo;
mod threads;
mod transfer;
mod wire;

pub use carrier::Carrier;
pub use control::{Control, News, Whereabouts};
pub use hello::{Identity, Secret};
pub use nccl::Nccl;
pub use rendezvous::{Membership, join, meet};
pub use ring::TcpRing;
pub use solo::Solo;
pub use threads::Threads;

use burn::tensor::Tensor;
use model::cuda::CudaError;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

/// The ranks of one run, seen from one of them.
///
/// After an error the collective is closed: the neighbours have been told why, and every further
/// operation fails at once.
pub trait Collective: Send {
    /// This rank, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn world(&self) -> usize;

    /// Replaces `buffer` by its sum over the world, the same bits on every rank.
    ///
    /// The order of the additions depends on the world and on the length only.
    fn all_reduce(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError>;

    /// Sums over the world, but only this rank's [`share`] of `buffer`, which is returned.
    ///
    /// The rest of `buffer` holds partial sums afterwards: nothing to rely on.
    fn reduce_scatter(&mut self, buffer: &mut [f32]) -> Result<Range<usize>, CollectiveError>;

    /// Fills `buffer` from everybody's [`share`] of it.
    fn all_gather(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError>;

    /// Replaces `bytes` by those of `root`; the others need not know the length.
    fn broadcast(&mut self, bytes: &mut Vec<u8>, root: usize) -> Result<(), CollectiveError>;

    /// Returns when every rank has called it.
    fn barrier(&mut self) -> Result<(), CollectiveError>;

    /// Closes the collective, so that no other rank waits for this one.
    fn abort(&mut self);

    /// How tensors are summed where they lie; `None` where the carrier only reaches host memory.
    fn on_device(&mut self) -> Option<&mut dyn DeviceCollective> {
        None
    }
}

/// Sums over tensors that stay on the device, in place.
///
/// A buffer is contiguous, of f32 or bf16, and of the same length on each rank; for the two halves, that
/// length is a multiple of the world. What is asked for may go on after the call returns: a buffer is read
/// and changed again only after [`finish`](Self::finish).
pub trait DeviceCollective {
    /// Replaces `buffer` by its sum over the world, the same bits on every rank.
    fn all_reduce(&mut self, buffer: &mut Tensor<1>) -> Result<(), CollectiveError>;

    /// Sums over the world, but only this rank's [`share`] of `buffer`; nothing relies on the rest.
    fn reduce_scatter(&mut self, buffer: &mut Tensor<1>) -> Result<(), CollectiveError>;

    /// Fills `buffer` from everybody's [`share`] of it.
    fn all_gather(&mut self, buffer: &mut Tensor<1>) -> Result<(), CollectiveError>;

    /// Lets what was asked for so far begin, as one group; without it, [`finish`](Self::finish) does.
    ///
    /// Groups are the same on every rank, and no buffer is in one of them twice.
    fn flush(&mut self) -> Result<(), CollectiveError> {
        Ok(())
    }

    /// Returns when all of the above is done and visible to the tensor library.
    fn finish(&mut self) -> Result<(), CollectiveError>;
}

/// How long a rank waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For everybody to come to the rendezvous.
    pub join: Duration,
    /// For a whole operation, the others' way to it included.
    pub operation: Duration,
    /// For the next byte of a frame that has begun.
    pub stall: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            join: Duration::from_secs(60),
            // A rank may wait here while another one writes a checkpoint or finishes its answers.
            operation: Duration::from_secs(600),
            stall: Duration::from_secs(30),
        }
    }
}

/// The part of a buffer of `len` values that belongs to `rank`.
pub fn share(len: usize, rank: usize, world: usize) -> Range<usize> {
    assert!(rank < world, "rank {rank} is not in a world of {world}");
    // Through u128, since `len * world` of a large buffer need not fit.
    let cut = |part: usize| (len as u128 * part as u128 / world as u128) as usize;
    cut(rank)..cut(rank + 1)
}

/// Which operation a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`Collective::all_reduce`].
    AllReduce,
    /// [`Collective::reduce_scatter`].
    ReduceScatter,
    /// [`Collective::all_gather`].
    AllGather,
    /// [`Collective::broadcast`].
    Broadcast,
    /// [`Collective::barrier`].
    Barrier,
    /// [`Control::ask`].
    Question,
    /// The beginning, where a carrier connects the ranks.
    Meeting,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AllReduce => "all-reduce",
            Self::ReduceScatter => "reduce-scatter",
            Self::AllGather => "all-gather",
            Self::Broadcast => "broadcast",
            Self::Barrier => "barrier",
            Self::Question => "question",
            Self::Meeting => "meeting",
        })
    }
}

/// A numbered operation: `all-reduce 412`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// What is being done.
    pub operation: Operation,
    /// The how-manieth operation of the run's life it is, from 1.
    pub sequence: u64,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operation, self.sequence)
    }
}

/// What a neighbour that is connected failed to do in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// To come to an operation that the others are in.
    Absent,
    /// To say the rest of a frame that it had begun.
    Within,
    /// To take what it is sent.
    Full,
    /// To say where it is.
    Silent,
    /// To send its part of an operation.
    Unfinished,
}

impl Lateness {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Absent, Self::Within, Self::Full, Self::Silent, Self::Unfinished];
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "did not come",
            Self::Within => "stopped within a frame",
            Self::Full => "took nothing",
            Self::Silent => "did not say where it is",
            Self::Unfinished => "did not finish",
        })
    }
}

/// What the sentences of errors are told by that speak of waiting in vain.
const FOR: &str = " for ";
const ABSENT: &str = " did not come";
const STILL: &str = " and nothing moves";

/// Whether a rank's last sentence says that it waited in vain for others that are there or should be: a hang,
/// and no broken connection.
pub fn tells_of_a_hang(sentence: &str) -> bool {
    let waits = |what: &Lateness| sentence.contains(&format!(" {what}{FOR}"));
    let met_in_vain = sentence.contains(" ranks: rank") && sentence.contains(ABSENT);
    let stuck = sentence.contains(" ranks wait in ") && sentence.contains(STILL);
    Lateness::ALL.iter().any(waits) || met_in_vain || stuck
}

/// Why ranks could not meet, or could not go on together.
#[derive(Debug, thiserror::Error)]
pub enum CollectiveError {
    /// The connection to a neighbour ended.
    #[error("rank {peer} hung up during {moment}")]
    HungUp {
        /// The neighbour.
        peer: usize,
        /// Which operation it left.
        moment: Moment,
    },
    /// A neighbour is connected but does not move.
    #[error("rank {peer} {what}{FOR}{seconds} s during {moment}")]
    Late {
        /// The neighbour.
        peer: usize,
        /// What it failed to do.
        what: Lateness,
        /// How long we waited.
        seconds: f64,
        /// During which operation.
        moment: Moment,
    },
    /// Two ranks are not at the same operation, or not with the same length.
    #[error("rank {rank} is at {here}, but rank {peer} is at {there}: they no longer do the same")]
    Diverged {
        /// This rank.
        rank: usize,
        /// What it does: operation, number and length.
        here: String,
        /// The neighbour.
        peer: usize,
        /// What the neighbour does.
        there: String,
    },
    /// A frame does not fit its checksum.
    #[error("a frame from rank {peer} arrived damaged during {moment}: {reason}")]
    Damaged {
        /// The neighbour.
        peer: usize,
        /// During which operation.
        moment: Moment,
        /// What does not fit.
        reason: String,
    },
    /// Another rank closed the ring and said why.
    #[error("{reason} (said rank {teller})")]
    Told {
        /// The neighbour that told us.
        teller: usize,
        /// The rank it holds responsible, if any.
        culprit: Option<usize>,
        /// Its reason.
        reason: String,
    },
    /// An operation after the first error.
    #[error("the ring is closed: {reason}")]
    Closed {
        /// The first error.
        reason: String,
    },
    /// The other end is not of this run, or says that we are not.
    #[error("rank {rank} and {address} do not belong together: {reason}")]
    Refused {
        /// This rank.
        rank: usize,
        /// The other end.
        address: String,
        /// What differs.
        reason: String,
    },
    /// Not everybody came to the rendezvous.
    #[error("waited {seconds} s at {address} for {world} ranks: {missing}{ABSENT}")]
    Incomplete {
        /// Where rank 0 listens.
        address: String,
        /// How many ranks the run has.
        world: usize,
        /// Who is missing: `rank 2`, `ranks 2 and 5`.
        missing: String,
        /// How long we waited.
        seconds: f64,
    },
    /// The system refused a connection.
    #[error("rank {rank} failed to {what}: {source}")]
    Network {
        /// This rank.
        rank: usize,
        /// Verb and address.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// NCCL, or the driver below it, is not here or cannot be used.
    #[error("rank {rank} cannot sum over NCCL: {source}; {way_out}")]
    Unusable {
        /// The rank.
        rank: usize,
        /// What is missing, and where it was looked for.
        source: CudaError,
        /// What to do.
        way_out: &'static str,
    },
    /// Ranks have found different builds of NCCL, which do not speak with each other.
    #[error(
        "rank {rank} has NCCL {here}, but rank {peer} has NCCL {there}: ranks need the same; \
         KNOWCODER_NCCL says which one is opened"
    )]
    Versions {
        /// This rank.
        rank: usize,
        /// Its version.
        here: String,
        /// The first rank with another one.
        peer: usize,
        /// The version there.
        there: String,
    },
    /// NCCL or the driver refused to go on.
    #[error("rank {rank} failed in {moment}: {reason}")]
    Device {
        /// The rank.
        rank: usize,
        /// What it did.
        moment: Moment,
        /// What the library said.
        reason: String,
    },
    /// Every rank is there and waits, but nothing moves.
    #[error(
        "all {world} ranks wait in {moment} for {seconds} s{STILL}; the way between their GPUs is \
         broken (NCCL_DEBUG=INFO shows which one is taken)"
    )]
    Stuck {
        /// How many ranks there are.
        world: usize,
        /// In what they wait.
        moment: Moment,
        /// How long we waited.
        seconds: f64,
    },
    /// The rank was asked to stop before all had met.
    #[error("rank {rank} was asked to stop while the ranks met")]
    Asked {
        /// This rank.
        rank: usize,
    },
    /// The run's secret could not be read or written.
    #[error("the secret of the run, `{}`, {reason}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl CollectiveError {
    /// The rank that this error is about, if it is another one than ours: who to look at first.
    pub fn culprit(&self) -> Option<usize> {
        match self {
            Self::HungUp { peer, .. } | Self::Late { peer, .. } => Some(*peer),
            Self::Told { culprit, .. } => *culprit,
            _ => None,
        }
    }

    /// The exit code that a rank ends with: 70 our bug, 69 no way to each other, 76 as asked, 75 try again.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Diverged { .. } => 70,
            Self::Asked { .. } => 76,
            Self::Refused { .. }
            | Self::Secret { .. }
            | Self::Unusable { .. }
            | Self::Versions { .. } => 69,
            _ => 75,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_in_vain_is_told_from_what_broke() {
        let moment = Moment { operation: Operation::AllReduce, sequence: 812 };
        let seconds = 8.0;
        let mut hangs: Vec<CollectiveError> = Lateness::ALL
            .iter()
            .map(|what| CollectiveError::Late { peer: 1, what: *what, seconds, moment })
            .collect();
        hangs.push(CollectiveError::Stuck { world: 4, moment, seconds });
        let address = "10.0.0.1:29400".to_owned();
        hangs.extend(["rank 2", "ranks 2, 5"].map(|missing| CollectiveError::Incomplete {
            address: address.clone(),
            world: 6,
            missing: missing.to_owned(),
            seconds,
        }));
        for error in hangs {
            let reason = error.to_string();
            assert!(tells_of_a_hang(&reason), "{reason}");
            // Passed on by a neighbour, and with what was being done.
            let told = CollectiveError::Told { teller: 3, culprit: Some(1), reason };
            assert!(tells_of_a_hang(&format!("error: phase `p`, step 41: {told}")), "{told}");
        }
        let source = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        for error in [
            CollectiveError::HungUp { peer: 1, moment },
            CollectiveError::Asked { rank: 0 },
            CollectiveError::Damaged { peer: 1, moment, reason: "its checksum differs".to_owned() },
            CollectiveError::Device { rank: 0, moment, reason: "error 700".to_owned() },
            CollectiveError::Network {
                rank: 1,
                what: format!("reach rank 0 at {address}"),
                source: source(),
            },
            CollectiveError::Refused {
                rank: 1,
                address,
                reason: "there is no place for rank 9".to_owned(),
            },
        ] {
            assert!(!tells_of_a_hang(&error.to_string()), "{error}");
        }
    }

    #[test]
    fn shares_cover_every_length_once() {
        for world in 1..=5 {
            for len in [0, 1, 2, 3, 7, 100, 101] {
                let parts: Vec<_> = (0..world).map(|rank| share(len, rank, world)).collect();
                assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), len);
                assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
            }
        }
    }
}
