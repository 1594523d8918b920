//! Sums between GPUs: NCCL carries them, and the ring over TCP all the rest.
//!
//! # Layout
//! - [`library`]: the functions of NCCL, opened at run time. `calls`: which of them an operation is.
//! - `wait`: nothing is waited for without a look at the others and at the clock.
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
#[cfg(test)]
mod real;
#[cfg(test)]
mod tests;
mod wait;

pub use library::{NcclLibrary, Version};

use super::{
    Collective, CollectiveError, Control, Deadlines, DeviceCollective, Moment, Operation,
    Whereabouts, share,
};
use crate::whereabouts;
use calls::{Call, Element, Place, calls};
use library::{Handle, IN_PROGRESS, SUCCESS, UniqueId};
use model::cuda::{Context, CudaError, Driver, Stream};
use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

/// Host values up to this size go around the ring.
const SHORT: usize = 64 * 1024;

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
    /// Everything but sums of many values, and what is known of the others.
    control: Box<dyn Control>,
    library: Arc<NcclLibrary>,
    /// `ncclComm_t`, until it is given back.
    communicator: Option<Handle>,
    context: Context,
    /// NCCL's own queue. It orders with no other: what it works on is done before, and waited for after.
    stream: Stream,
    deadlines: Deadlines,
    sequence: u64,
    /// Why nothing works any more.
    closed: Option<String>,
    /// Address and bytes of device memory for values of the host: as many as the most that came so far.
    staging: Option<(u64, usize)>,
    /// The last operation that is queued and was not waited for.
    queued: Option<Whereabouts>,
    /// Memory of tensors that queued operations work on.
    held: Vec<Box<dyn Any + Send>>,
}

// SAFETY: a communicator may be used from any thread, by one at a time, which `&mut` says.
unsafe impl Send for Nccl {}

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
        let mut nccl = Self {
            rank,
            world,
            control,
            library,
            communicator: Some(communicator),
            context,
            stream,
            deadlines,
            sequence: 0,
            closed: None,
            staging: None,
            queued: None,
            held: Vec::new(),
        };
        let moment = Moment { operation: Operation::Meeting, sequence: 0 };
        let here = Whereabouts { moment, len: 0 };
        nccl.wait(here, deadlines.join, Self::is_ready)?;
        Ok(nccl)
    }

    fn begin(&mut self, operation: Operation, len: usize) -> Result<Whereabouts, CollectiveError> {
        if let Some(reason) = &self.closed {
            return Err(CollectiveError::Closed { reason: reason.clone() });
        }
        self.sequence += 1;
        let moment = Moment { operation, sequence: self.sequence };
        Ok(Whereabouts { moment, len: len as u64 })
    }

    /// Whether NCCL has taken everything that was asked of it.
    fn is_ready(&self) -> Result<bool, CudaError> {
        match self.communicator.map(|handle| (handle, self.library.state(handle))) {
            None | Some((_, Ok(SUCCESS))) => Ok(true),
            Some((_, Ok(IN_PROGRESS))) => Ok(false),
            Some((handle, Ok(status))) => {
                Err(self.library.error("ncclCommGetAsyncError", status, Some(handle)))
            }
            Some((_, Err(error))) => Err(error),
        }
    }

    /// Whether the GPU has done everything that was queued.
    fn is_idle(&self) -> Result<bool, CudaError> {
        self.stream.is_idle()
    }

    /// Queues an operation over values in the GPU's memory.
    fn queue(&mut self, here: Whereabouts, place: Place) -> Result<(), CollectiveError> {
        let calls = calls(here.moment.operation, place, (self.rank, self.world));
        self.submit(&calls).map_err(|error| self.fail(here, error))?;
        self.queued = Some(here);
        // The first of a kind connects the ranks before it can be queued.
        let wait = || self.wait(here, self.deadlines.operation, Self::is_ready);
        whereabouts::own().during(here.moment, wait)
    }

    fn submit(&self, calls: &[Call]) -> Result<(), CudaError> {
        let Some(communicator) = self.communicator else { return Ok(()) };
        self.context.enter()?;
        // SAFETY: whoever asks holds the memory until it has been waited for.
        let queue = |call| unsafe { self.library.queue(call, communicator, self.stream.raw()) };
        if calls.len() < 2 {
            return calls.iter().try_for_each(queue);
        }
        self.library.group_start()?;
        let queued = calls.iter().try_for_each(queue);
        // A group that is begun is ended, come what may.
        queued.and(self.library.group_end())
    }

    /// Waits for what is queued, and lets go of the tensors.
    fn settle(&mut self) -> Result<(), CollectiveError> {
        if let Some(here) = self.queued {
            let wait = || self.wait(here, self.deadlines.operation, Self::is_idle);
            whereabouts::own().during(here.moment, wait)?;
            self.queued = None;
        }
        self.held.clear();
        Ok(())
    }

    /// An operation over host values by way of the GPU: `sent` of them go there, `kept` come back.
    fn staged(
        &mut self,
        operation: Operation,
        buffer: &mut [f32],
        sent: Range<usize>,
        kept: Range<usize>,
    ) -> Result<(), CollectiveError> {
        let here = self.begin(operation, buffer.len())?;
        self.settle()?;
        let address = self.room(size_of_val(buffer)).map_err(|error| self.fail(here, error))?;
        let at = |index: usize| address + (index * size_of::<f32>()) as u64;
        // SAFETY: the room is as large as the buffer, and the copy is waited for below.
        unsafe { self.stream.upload(bytes(&mut buffer[sent.clone()]), at(sent.start)) }
            .map_err(|error| self.fail(here, error))?;
        self.queue(here, Place { address, len: buffer.len(), element: Element::F32 })?;
        // Before the copy is asked for: one to such memory waits by itself, without an end.
        self.settle()?;
        // SAFETY: as above.
        unsafe { self.stream.download(at(kept.start), bytes(&mut buffer[kept])) }
            .map_err(|error| self.fail(here, error))?;
        self.wait(here, self.deadlines.operation, Self::is_idle)
    }

    /// Device memory of at least so many bytes.
    fn room(&mut self, bytes: usize) -> Result<u64, CudaError> {
        match self.staging {
            Some((address, room)) if room >= bytes => return Ok(address),
            Some((address, _)) => self.context.free(address)?,
            None => {}
        }
        self.staging = None;
        let address = self.context.allocate(bytes)?;
        self.staging = Some((address, bytes));
        Ok(address)
    }

    /// An operation that the ring does.
    fn around(
        &mut self,
        operation: Operation,
        len: usize,
        work: impl FnOnce(&mut dyn Control) -> Result<(), CollectiveError>,
    ) -> Result<(), CollectiveError> {
        let here = self.begin(operation, len)?;
        let control = &mut *self.control;
        whereabouts::own()
            .during(here.moment, || work(control))
            .map_err(|error| self.close(here, error))
    }

    fn is_short(&self, buffer: &[f32]) -> bool {
        size_of_val(buffer) <= SHORT
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
        let all = 0..buffer.len();
        if self.is_short(buffer) {
            return self.around(Operation::AllReduce, all.len(), |ring| ring.all_reduce(buffer));
        }
        self.staged(Operation::AllReduce, buffer, all.clone(), all)
    }

    fn reduce_scatter(&mut self, buffer: &mut [f32]) -> Result<Range<usize>, CollectiveError> {
        let (all, own) = (0..buffer.len(), share(buffer.len(), self.rank, self.world));
        if self.is_short(buffer) {
            self.around(Operation::ReduceScatter, all.len(), |ring| {
                ring.reduce_scatter(buffer).map(drop)
            })?;
        } else {
            self.staged(Operation::ReduceScatter, buffer, all, own.clone())?;
        }
        Ok(own)
    }

    fn all_gather(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        let (all, own) = (0..buffer.len(), share(buffer.len(), self.rank, self.world));
        if self.is_short(buffer) {
            return self.around(Operation::AllGather, all.len(), |ring| ring.all_gather(buffer));
        }
        self.staged(Operation::AllGather, buffer, own, all)
    }

    fn broadcast(&mut self, bytes: &mut Vec<u8>, root: usize) -> Result<(), CollectiveError> {
        self.around(Operation::Broadcast, 0, |ring| ring.broadcast(bytes, root))
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        self.around(Operation::Barrier, 0, |ring| ring.barrier())
    }

    fn abort(&mut self) {
        if self.closed.is_none() {
            let reason = format!("rank {} gave up after operation {}", self.rank, self.sequence);
            // The others first: what NCCL does below may take a while.
            self.control.end(Some(self.rank), &reason);
            self.closed = Some(reason);
            self.cut();
        }
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

/// Values as the driver takes them.
fn bytes(values: &mut [f32]) -> &mut [u8] {
    let len = size_of_val(values);
    // SAFETY: any four bytes are an f32, and the other way around.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), len) }
}
