//! What a rank holds of NCCL, and how an operation goes over it.

use super::super::{CollectiveError, Control, Deadlines, Moment, Operation, Whereabouts, share};
use super::calls::{Call, Element, Place, calls};
use super::library::{Handle, IN_PROGRESS, NcclLibrary, SUCCESS};
use crate::whereabouts;
use model::cuda::{Context, CudaError, Stream};
use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

/// Host values up to this size go around the ring.
const SHORT: usize = 64 * 1024;

/// A rank's communicator, and what goes with it: used by one thread at a time.
pub(super) struct Member {
    pub rank: usize,
    pub world: usize,
    /// Everything but sums of many values, and what is known of the others.
    pub control: Box<dyn Control>,
    pub library: Arc<NcclLibrary>,
    /// `ncclComm_t`, until it is given back.
    pub communicator: Option<Handle>,
    pub context: Context,
    /// NCCL's own queue. It orders with no other: what it works on is done before, and waited for after.
    pub stream: Arc<Stream>,
    pub deadlines: Deadlines,
    pub sequence: u64,
    /// Why nothing works any more.
    pub closed: Option<String>,
    /// What ended everything while nobody waited: said once, by what is asked for next.
    pub found: Option<CollectiveError>,
    /// Address and bytes of device memory for values of the host: as many as the most that came so far.
    pub staging: Option<(u64, usize)>,
    /// The last operation that is queued and was not waited for.
    pub queued: Option<Whereabouts>,
    /// Memory of tensors that queued operations work on.
    pub held: Vec<Box<dyn Any + Send>>,
    /// Nobody needs to be watched any more.
    pub over: bool,
}

// SAFETY: a communicator may be used from any thread, by one at a time, which `&mut` says.
unsafe impl Send for Member {}

impl Member {
    /// The next operation.
    pub fn begin(
        &mut self,
        operation: Operation,
        len: usize,
    ) -> Result<Whereabouts, CollectiveError> {
        self.usable()?;
        self.sequence += 1;
        let moment = Moment { operation, sequence: self.sequence };
        Ok(Whereabouts { moment, len: len as u64 })
    }

    /// Refuses what comes after the end.
    pub fn usable(&mut self) -> Result<(), CollectiveError> {
        match (self.found.take(), &self.closed) {
            (Some(error), _) => Err(error),
            (None, Some(reason)) => Err(CollectiveError::Closed { reason: reason.clone() }),
            (None, None) => Ok(()),
        }
    }

    /// The end, because this process cannot go on; the others are told.
    pub fn ended(&mut self, here: Whereabouts, why: &dyn std::fmt::Display) -> CollectiveError {
        let error = CollectiveError::Device {
            rank: self.rank,
            moment: here.moment,
            reason: why.to_string(),
        };
        self.control.end(Some(self.rank), &error.to_string());
        self.close(here, error)
    }

    /// Whether NCCL has taken everything that was asked of it.
    pub fn is_ready(&self) -> Result<bool, CudaError> {
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
    pub fn is_idle(&self) -> Result<bool, CudaError> {
        self.stream.is_idle()
    }

    /// Queues an operation over values in the GPU's memory.
    pub fn queue(&mut self, here: Whereabouts, place: Place) -> Result<(), CollectiveError> {
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

    /// Queues operations over values in the GPU's memory as one group, and does not wait for NCCL to take it:
    /// that is waited for before NCCL is asked for anything else.
    #[cfg_attr(not(any(feature = "cuda", test)), allow(dead_code))]
    pub fn launch(&mut self, group: &[(Whereabouts, Place)]) -> Result<(), CollectiveError> {
        let Some((here, _)) = group.last().copied() else { return Ok(()) };
        self.taken()?;
        let world = (self.rank, self.world);
        let of = |(here, place): &(Whereabouts, Place)| calls(here.moment.operation, *place, world);
        let calls: Vec<Call> = group.iter().flat_map(of).collect();
        self.submit(&calls).map_err(|error| self.fail(here, error))?;
        self.queued = Some(here);
        Ok(())
    }

    /// Returns when NCCL has taken what is queued.
    pub fn taken(&mut self) -> Result<(), CollectiveError> {
        let Some(here) = self.queued else { return Ok(()) };
        let wait = || self.wait(here, self.deadlines.operation, Self::is_ready);
        whereabouts::own().during(here.moment, wait)
    }

    /// Waits for what is queued, and lets go of the tensors.
    pub fn settle(&mut self) -> Result<(), CollectiveError> {
        self.taken()?;
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
    pub fn around(
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

    /// See [`Collective::all_reduce`](super::Collective::all_reduce).
    pub fn all_reduce(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        let all = 0..buffer.len();
        if is_short(buffer) {
            return self.around(Operation::AllReduce, all.len(), |ring| ring.all_reduce(buffer));
        }
        self.staged(Operation::AllReduce, buffer, all.clone(), all)
    }

    /// See [`Collective::reduce_scatter`](super::Collective::reduce_scatter).
    pub fn reduce_scatter(&mut self, buffer: &mut [f32]) -> Result<Range<usize>, CollectiveError> {
        let (all, own) = (0..buffer.len(), share(buffer.len(), self.rank, self.world));
        if is_short(buffer) {
            self.around(Operation::ReduceScatter, all.len(), |ring| {
                ring.reduce_scatter(buffer).map(drop)
            })?;
        } else {
            self.staged(Operation::ReduceScatter, buffer, all, own.clone())?;
        }
        Ok(own)
    }

    /// See [`Collective::all_gather`](super::Collective::all_gather).
    pub fn all_gather(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        let (all, own) = (0..buffer.len(), share(buffer.len(), self.rank, self.world));
        if is_short(buffer) {
            return self.around(Operation::AllGather, all.len(), |ring| ring.all_gather(buffer));
        }
        self.staged(Operation::AllGather, buffer, own, all)
    }

    /// See [`Collective::abort`](super::Collective::abort).
    pub fn abort(&mut self) {
        if self.closed.is_none() {
            let reason = format!("rank {} gave up after operation {}", self.rank, self.sequence);
            // The others first: what NCCL does below may take a while.
            self.control.end(Some(self.rank), &reason);
            self.closed = Some(reason);
            self.cut();
        }
    }
}

fn is_short(buffer: &[f32]) -> bool {
    size_of_val(buffer) <= SHORT
}

/// Values as the driver takes them.
fn bytes(values: &mut [f32]) -> &mut [u8] {
    let len = size_of_val(values);
    // SAFETY: any four bytes are an f32, and the other way around.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), len) }
}
