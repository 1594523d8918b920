//! Sums between GPUs: NCCL carries them, and the ring over TCP all the rest.
//!
//! # Layout
//! - [`library`]: the functions of NCCL, opened at run time. `calls`: which of them an operation is.
//! - `member`: what a rank holds of NCCL. `wait`: it waits for nothing without a look at the others and at
//!   the clock. `watch`: somebody looks while the rank computes, too.
//! - `device`: tensors where they lie.
//!
//! Values that lie in a GPU's memory are summed there. Those of the host take the way through it where
//! they are many; a few, such as the parts of a norm, go around the ring, which is as fast as the copies
//! would be and does not wait for the GPU. Bytes and barriers are the ring's anyway. It also carries the
//! id by which NCCL's ranks find each other, and it knows what NCCL does not: who has hung up, and why.
//!
//! NCCL computes each sum in one place and copies it, so that every rank has the same bits. The order of
//! its additions depends on the world, the length, and the ways between the GPUs that it finds: on one
//! machine the same from run to run, on another one not.

mod calls;
mod device;
#[cfg(test)]
mod fakes;
pub mod library;
mod member;
#[cfg(test)]
mod real;
#[cfg(test)]
mod tests;
mod wait;
mod watch;

pub use library::{NcclLibrary, Version};

use super::{
    Collective, CollectiveError, Control, Deadlines, DeviceCollective, Moment, Operation,
    Whereabouts,
};
use library::UniqueId;
use member::Member;
use model::cuda::{Context, CudaError, Driver};
use std::ops::Range;
use std::sync::{Arc, MutexGuard};
use watch::Watch;

/// The GPU of a rank, and the library that sums on it.
#[derive(Debug)]
pub struct Gpu {
    context: Context,
    library: Arc<NcclLibrary>,
}

impl Gpu {
    /// The GPU with this number among those that the process may see, and NCCL as this machine has it.
    pub fn open(ordinal: usize) -> Result<Self, CudaError> {
        let context = Driver::load()?.context(ordinal)?;
        Ok(Self::new(context, NcclLibrary::load()?))
    }

    /// A GPU and a library that are open.
    pub fn new(context: Context, library: Arc<NcclLibrary>) -> Self {
        Self { context, library }
    }
}

/// A rank with a GPU.
pub struct Nccl {
    rank: usize,
    world: usize,
    watch: Watch,
    /// What was asked for of tensors and has not begun.
    #[cfg(feature = "cuda")]
    fresh: Vec<device::Fresh>,
    /// How it comes behind what fills the tensors.
    #[cfg(feature = "cuda")]
    order: device::Order,
}

impl Nccl {
    /// Connects the GPUs of all ranks; every rank brings its `control`, and its GPU or what is wrong with it.
    pub fn new(
        mut control: Box<dyn Control>,
        gpu: Result<Gpu, CudaError>,
        deadlines: Deadlines,
    ) -> Result<Self, CollectiveError> {
        let (rank, world) = (control.rank(), control.world());
        let Gpu { context, library } = gpu.map_err(|error| unusable(&mut *control, error))?;
        same_version(&mut *control, library.version())?;
        let id = exchange_id(&mut *control, &library)?;
        let stream = context.stream().map_err(|error| unusable(&mut *control, error))?;
        let communicator =
            library.init(id, rank, world).map_err(|error| unusable(&mut *control, error))?;
        let mut member = Member {
            rank,
            world,
            control,
            library,
            communicator: Some(communicator),
            context,
            stream: Arc::new(stream),
            deadlines,
            sequence: 0,
            closed: None,
            found: None,
            staging: None,
            queued: None,
            held: Vec::new(),
            over: false,
        };
        let moment = Moment { operation: Operation::Meeting, sequence: 0 };
        let here = Whereabouts { moment, len: 0 };
        member.wait(here, deadlines.join, Member::is_ready)?;
        Ok(Self {
            rank,
            world,
            watch: Watch::over(member, here)?,
            #[cfg(feature = "cuda")]
            fresh: Vec::new(),
            #[cfg(feature = "cuda")]
            order: device::Order::of_this_process(),
        })
    }

    /// What is this thread's alone until it is let go of: nobody watches meanwhile.
    fn member(&self) -> MutexGuard<'_, Member> {
        self.watch.member()
    }
}

impl Collective for Nccl {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world(&self) -> usize {
        self.world
    }

    fn all_reduce(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        self.member().all_reduce(buffer)
    }

    fn reduce_scatter(&mut self, buffer: &mut [f32]) -> Result<Range<usize>, CollectiveError> {
        self.member().reduce_scatter(buffer)
    }

    fn all_gather(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        self.member().all_gather(buffer)
    }

    fn broadcast(&mut self, bytes: &mut Vec<u8>, root: usize) -> Result<(), CollectiveError> {
        self.member().around(Operation::Broadcast, 0, |ring| ring.broadcast(bytes, root))
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        self.member().around(Operation::Barrier, 0, |ring| ring.barrier())
    }

    fn abort(&mut self) {
        self.member().abort();
        #[cfg(feature = "cuda")]
        self.fresh.clear();
    }

    fn on_device(&mut self) -> Option<&mut dyn DeviceCollective> {
        device::of(self)
    }
}

/// The ranks learn that there is no sense in waiting for this one.
fn unusable(control: &mut dyn Control, source: CudaError) -> CollectiveError {
    let rank = control.rank();
    let way_out = match &source {
        CudaError::Missing { what: "NCCL", .. } | CudaError::Symbol { .. } => {
            "install NCCL 2.14 or later (the library libnccl.so.2, as in the Python package \
             nvidia-nccl-cu13), or say with KNOWCODER_NCCL where it lies, or set collective = \"tcp\" in the \
             cluster file"
        }
        CudaError::Missing { .. } => {
            "install the driver, or set run.device = \"flex\" to compute without a GPU"
        }
        CudaError::Call { call: "cuDeviceGet", .. } => {
            "a rank takes the GPU with its number on its machine, so that a machine must not have more ranks than \
             GPUs that a process may see (CUDA_VISIBLE_DEVICES)"
        }
        _ => {
            "NCCL_DEBUG=INFO says more; collective = \"tcp\" in the cluster file does without NCCL"
        }
    };
    let error = CollectiveError::Unusable { rank, source, way_out };
    control.end(Some(rank), &error.to_string());
    error
}

/// Ranks with different builds of NCCL would wait for each other.
fn same_version(control: &mut dyn Control, version: Version) -> Result<(), CollectiveError> {
    let (rank, world) = (control.rank(), control.world());
    // Five digits: every f32 has room for them.
    let mut versions = vec![0.0; world];
    versions[rank] = version.code() as f32;
    control.all_gather(&mut versions)?;
    let Some(peer) = versions.iter().position(|there| *there != versions[rank]) else {
        return Ok(());
    };
    let there = Version::of(versions[peer] as u32).to_string();
    Err(CollectiveError::Versions { rank, here: version.to_string(), peer, there })
}

/// What rank 0 makes, everybody has.
fn exchange_id(
    control: &mut dyn Control,
    library: &NcclLibrary,
) -> Result<UniqueId, CollectiveError> {
    let mut bytes = Vec::new();
    if control.rank() == 0 {
        let id = library.unique_id().map_err(|error| unusable(control, error))?;
        bytes.extend_from_slice(&id.0);
    }
    control.broadcast(&mut bytes, 0)?;
    bytes.try_into().map(UniqueId).map_err(|bytes: Vec<u8>| CollectiveError::Damaged {
        peer: 0,
        moment: Moment { operation: Operation::Meeting, sequence: 0 },
        reason: format!("an id of {} bytes, not of 128", bytes.len()),
    })
}
