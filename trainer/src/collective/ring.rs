//! Ranks in a ring over TCP: each sends to the next and hears from the previous one.
//!
//! This is the road of CPU runs and of tests. A buffer is cut into one share per rank; `world - 1`
//! exchanges sum every share on its owner, and `world - 1` more hand the sums around. A share is
//! summed in ring order, always the same, and then copied: every rank ends with the same bits, and
//! equal worlds give equal bits. Small buffers travel whole and are summed by everybody in rank
//! order: half as many exchanges, and the same promise.
//!
//! When a rank fails it tells both neighbours why before it closes, and they pass it on: all ranks
//! name the first culprit.

mod control;

use super::transfer::{self, Incoming, Note, Outgoing, Ready, Sink, Source, Trouble};
use super::wire::{Content, Header, SEGMENT};
use super::{
    Collective, CollectiveError, Deadlines, Lateness, Moment, Operation, hello, rendezvous, share,
};
use crate::whereabouts;
use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::time::{Duration, Instant};

/// A buffer up to this size travels whole: there, the number of exchanges costs more than bytes.
const SMALL: usize = 64 * 1024;

/// How long to wait for a better reason when a neighbour just vanished.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// One rank's place in the ring.
#[derive(Debug)]
pub struct TcpRing {
    rank: usize,
    world: usize,
    generation: u32,
    next: TcpStream,
    prev: TcpStream,
    deadlines: Deadlines,
    sequence: u64,
    /// Why nothing works any more.
    closed: Option<String>,
    outbox: Vec<u8>,
    inbox: Vec<u8>,
}

/// One call of an operation: what all its frames have in common.
#[derive(Clone, Copy)]
struct Call {
    moment: Moment,
    content: Content,
    total: usize,
    begun: Instant,
}

impl TcpRing {
    /// The place of `identity` between two connections that have been greeted.
    pub(super) fn new(
        identity: &hello::Identity,
        next: TcpStream,
        prev: TcpStream,
        deadlines: Deadlines,
    ) -> std::io::Result<Self> {
        for stream in [&next, &prev] {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
        }
        Ok(Self {
            rank: identity.rank,
            world: identity.world,
            generation: identity.generation,
            next,
            prev,
            deadlines,
            sequence: 0,
            closed: None,
            outbox: Vec::new(),
            inbox: Vec::new(),
        })
    }

    /// All ranks of a ring inside this process, for tests and for ranks that are threads.
    pub fn threads(world: usize, deadlines: Deadlines) -> Result<Vec<Self>, CollectiveError> {
        rendezvous::within_process(world, deadlines)
    }

    fn begin(
        &mut self,
        operation: Operation,
        content: Content,
        total: usize,
    ) -> Result<Call, CollectiveError> {
        if let Some(reason) = &self.closed {
            return Err(CollectiveError::Closed { reason: reason.clone() });
        }
        self.sequence += 1;
        let moment = Moment { operation, sequence: self.sequence };
        Ok(Call { moment, content, total, begun: Instant::now() })
    }

    /// The rank `steps` places before this one.
    fn before(&self, steps: usize) -> usize {
        (self.rank + self.world - steps % self.world) % self.world
    }

    fn next_rank(&self) -> usize {
        (self.rank + 1) % self.world
    }

    /// Sums every share on its owner; `buffer` elsewhere holds partial sums.
    fn scatter(&mut self, call: &Call, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        let (len, world) = (buffer.len(), self.world);
        for step in 0..world - 1 {
            let sent = share(len, self.before(step + 1), world);
            let received = share(len, self.before(step + 2), world);
            let (source, sink) = two(buffer, sent, received);
            self.exchange(call, step, Source::Floats(source), Sink::Add(sink))?;
        }
        Ok(())
    }

    /// Hands every owner's share around; exchanges are numbered from `first`.
    fn gather(
        &mut self,
        call: &Call,
        first: usize,
        buffer: &mut [f32],
    ) -> Result<(), CollectiveError> {
        let (len, world) = (buffer.len(), self.world);
        for step in 0..world - 1 {
            let sent = share(len, self.before(step), world);
            let received = share(len, self.before(step + 1), world);
            let (source, sink) = two(buffer, sent, received);
            self.exchange(call, first + step, Source::Floats(source), Sink::Store(sink))?;
        }
        Ok(())
    }

    /// Gives everybody everybody's whole buffer, and adds them in rank order.
    fn sum_small(&mut self, call: &Call, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        let len = buffer.len();
        let mut all = vec![0.0; len * self.world];
        all[self.rank * len..][..len].copy_from_slice(buffer);
        self.gather(call, 0, &mut all)?;
        buffer.copy_from_slice(&all[..len]);
        for other in 1..self.world {
            let values = &all[other * len..][..len];
            buffer.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        Ok(())
    }

    /// The root's bytes go from rank to rank.
    fn pass_on(
        &mut self,
        call: &Call,
        bytes: &mut Vec<u8>,
        root: usize,
    ) -> Result<(), CollectiveError> {
        let (is_root, is_last) = (self.rank == root, self.next_rank() == root);
        let mut length = (bytes.len() as u64).to_le_bytes();
        if !is_root {
            self.exchange(call, 0, Source::Nothing, Sink::Bytes(&mut length))?;
            bytes.clear();
        }
        if !is_last {
            self.exchange(call, 0, Source::Bytes(&length), Sink::Nothing)?;
        }
        // Segment by segment: a rank passes one on while the next arrives.
        let length = u64::from_le_bytes(length) as usize;
        let mut arrived = if is_root { length } else { 0 };
        let mut sent = if is_last { length } else { 0 };
        while arrived < length || sent < length {
            let end = (arrived + SEGMENT).min(length);
            bytes.resize(bytes.len().max(end), 0);
            let (here, coming) = bytes.split_at_mut(arrived);
            let passed = (sent + SEGMENT).min(here.len()).max(sent);
            let source =
                if sent < passed { Source::Bytes(&here[sent..passed]) } else { Source::Nothing };
            let sink = if arrived < end {
                Sink::Bytes(&mut coming[..end - arrived])
            } else {
                Sink::Nothing
            };
            self.exchange(call, 1, source, sink)?;
            (arrived, sent) = (end, passed);
        }
        Ok(())
    }

    /// Sends `source` to the next rank while `sink` is filled by the previous one.
    fn exchange(
        &mut self,
        call: &Call,
        part: usize,
        source: Source<'_>,
        sink: Sink<'_>,
    ) -> Result<(), CollectiveError> {
        let header = self.header(call, part);
        let (mut outbox, mut inbox) =
            (std::mem::take(&mut self.outbox), std::mem::take(&mut self.inbox));
        let mut outgoing = Outgoing::new(source, header, &mut outbox);
        let mut incoming = Incoming::new(sink, header, &mut inbox);
        let result = self.drive(call, part, &mut outgoing, &mut incoming);
        let between_frames = outgoing.is_between_frames();
        (self.outbox, self.inbox) = (outbox, inbox);
        result.inspect_err(|error| self.close(call, error, between_frames))
    }

    /// Moves bytes in both directions until both are done.
    fn drive(
        &self,
        call: &Call,
        part: usize,
        outgoing: &mut Outgoing<'_>,
        incoming: &mut Incoming<'_>,
    ) -> Result<(), CollectiveError> {
        // When one rank hangs, the rank behind it is stuck in the earliest exchange. It gives up
        // first, so that the one at fault is named and not another victim.
        let deadline =
            call.begun + self.deadlines.operation + Duration::from_millis(500) * part as u32;
        let mut moved = Instant::now();
        let mut next_ended = false;
        while !(outgoing.is_done() && incoming.is_done()) {
            let now = Instant::now();
            let stalled = incoming.is_within_frame() && now >= moved + self.deadlines.stall;
            if stalled || now >= deadline {
                return Err(self.late(call, stalled, incoming));
            }
            let wanted = Ready {
                writable: !outgoing.is_done(),
                answered: !next_ended,
                readable: !incoming.is_done(),
            };
            let mut patience = deadline - now;
            if incoming.is_within_frame() {
                patience = patience.min(moved + self.deadlines.stall - now);
            }
            let ready = transfer::wait(&self.next, &self.prev, wanted, patience)
                .map_err(|source| self.network("wait for the neighbours", source))?;
            if ready.answered {
                if let Some(error) = self.hear_next(call, outgoing) {
                    return Err(error);
                }
                next_ended = true;
            }
            if ready.writable && outgoing.push(&self.next).map_err(|_| self.hung_up(call, true))? {
                moved = Instant::now();
            }
            if ready.readable
                && incoming.pull(&self.prev).map_err(|trouble| self.explain(call, part, trouble))?
            {
                moved = Instant::now();
            }
        }
        Ok(())
    }

    /// What it means that the next rank says something: it only speaks when it leaves.
    fn hear_next(&self, call: &Call, outgoing: &Outgoing<'_>) -> Option<CollectiveError> {
        match transfer::read_note(&self.next, LAST_WORDS) {
            Some(note) => Some(told(self.next_rank(), note)),
            // It has all that it needs from us and is allowed to go.
            None if outgoing.is_done() => None,
            None => Some(self.hung_up(call, true)),
        }
    }

    fn explain(&self, call: &Call, part: usize, trouble: Trouble) -> CollectiveError {
        let peer = self.before(1);
        match trouble {
            Trouble::End => self.hung_up(call, false),
            Trouble::Left(note) => told(peer, note),
            Trouble::Damaged(reason) => {
                CollectiveError::Damaged { peer, moment: call.moment, reason }
            }
            Trouble::Diverged(header) => {
                let (mut here, mut there) = (describe(&self.header(call, part)), describe(&header));
                if here == there {
                    here = format!("{here}, exchange {part} of start {}", self.generation);
                    there =
                        format!("{there}, exchange {} of start {}", header.part, header.generation);
                }
                CollectiveError::Diverged { rank: self.rank, here, peer, there }
            }
        }
    }

    /// The end of a connection, unless the next rank has a better explanation.
    fn hung_up(&self, call: &Call, next: bool) -> CollectiveError {
        if let Some(note) = transfer::read_note(&self.next, LAST_WORDS) {
            return told(self.next_rank(), note);
        }
        let peer = if next { self.next_rank() } else { self.before(1) };
        CollectiveError::HungUp { peer, moment: call.moment }
    }

    fn late(&self, call: &Call, stalled: bool, incoming: &Incoming<'_>) -> CollectiveError {
        let moment = call.moment;
        let (peer, what, waited) = if stalled {
            (self.before(1), Lateness::Within, self.deadlines.stall)
        } else if incoming.is_done() {
            (self.next_rank(), Lateness::Full, self.deadlines.operation)
        } else if moment.operation == Operation::Question {
            (self.before(1), Lateness::Silent, self.deadlines.operation)
        } else {
            (self.before(1), Lateness::Unfinished, self.deadlines.operation)
        };
        CollectiveError::Late { peer, what, seconds: waited.as_secs_f64(), moment }
    }

    /// Tells the neighbours why, and ends the connections.
    fn close(&mut self, call: &Call, error: &CollectiveError, between_frames: bool) {
        let (culprit, reason) = match error {
            // Passed on in the words of the rank that saw it.
            CollectiveError::Told { culprit, reason, .. } => (*culprit, reason.clone()),
            error => (error.culprit(), error.to_string()),
        };
        self.leave(self.header(call, 0), Note { culprit, reason }, between_frames);
    }

    fn leave(&mut self, header: Header, mut note: Note, between_frames: bool) {
        note.reason.truncate(note.reason.floor_char_boundary(1024));
        transfer::leave_note(&self.prev, header, &note);
        if between_frames {
            transfer::leave_note(&self.next, header, &note);
        }
        for stream in [&self.prev, &self.next] {
            // Already gone is as good.
            let _ = stream.shutdown(Shutdown::Write);
        }
        self.closed = Some(note.reason);
    }

    fn header(&self, call: &Call, part: usize) -> Header {
        Header {
            generation: self.generation,
            moment: call.moment,
            content: call.content,
            total: call.total as u64,
            part: part as u32,
            length: 0,
        }
    }

    fn network(&self, what: &str, source: std::io::Error) -> CollectiveError {
        CollectiveError::Network { rank: self.rank, what: what.to_owned(), source }
    }
}

impl Collective for TcpRing {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world(&self) -> usize {
        self.world
    }

    fn all_reduce(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        let call = self.begin(Operation::AllReduce, Content::Floats, buffer.len())?;
        whereabouts::own().during(call.moment, || {
            if buffer.len() * 4 <= SMALL {
                return self.sum_small(&call, buffer);
            }
            self.scatter(&call, buffer)?;
            self.gather(&call, self.world - 1, buffer)
        })
    }

    fn reduce_scatter(&mut self, buffer: &mut [f32]) -> Result<Range<usize>, CollectiveError> {
        let call = self.begin(Operation::ReduceScatter, Content::Floats, buffer.len())?;
        whereabouts::own().during(call.moment, || self.scatter(&call, buffer))?;
        Ok(share(buffer.len(), self.rank, self.world))
    }

    fn all_gather(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        let call = self.begin(Operation::AllGather, Content::Floats, buffer.len())?;
        whereabouts::own().during(call.moment, || self.gather(&call, 0, buffer))
    }

    fn broadcast(&mut self, bytes: &mut Vec<u8>, root: usize) -> Result<(), CollectiveError> {
        assert!(root < self.world, "there is no rank {root} in a world of {}", self.world);
        // The length goes first: who receives does not know it. The root is part of `total`, so
        // that ranks which disagree about it notice.
        let call = self.begin(Operation::Broadcast, Content::Bytes, root)?;
        whereabouts::own().during(call.moment, || self.pass_on(&call, bytes, root))
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        let call = self.begin(Operation::Barrier, Content::Bytes, 0)?;
        whereabouts::own().during(call.moment, || {
            (0..self.world - 1).try_for_each(|step| {
                self.exchange(&call, step, Source::Bytes(&[]), Sink::Bytes(&mut []))
            })
        })
    }

    fn abort(&mut self) {
        if self.closed.is_some() {
            return;
        }
        let call = idle(Moment { operation: Operation::Barrier, sequence: self.sequence });
        let reason = format!("rank {} gave up after operation {}", self.rank, self.sequence);
        self.leave(self.header(&call, 0), Note { culprit: Some(self.rank), reason }, true);
    }
}

/// What is said between operations belongs to none.
fn idle(moment: Moment) -> Call {
    Call { moment, content: Content::Note, total: 0, begun: Instant::now() }
}

/// Two disjoint parts of `buffer`, the second to be written.
fn two(buffer: &mut [f32], read: Range<usize>, write: Range<usize>) -> (&[f32], &mut [f32]) {
    match buffer.get_disjoint_mut([read.clone(), write.clone()]) {
        Ok([read, write]) => (read, write),
        Err(_) => unreachable!("the shares {read:?} and {write:?} overlap"),
    }
}

fn told(teller: usize, note: Note) -> CollectiveError {
    CollectiveError::Told { teller, culprit: note.culprit, reason: note.reason }
}

fn describe(header: &Header) -> String {
    let Header { moment, total, .. } = header;
    match moment.operation {
        Operation::Barrier => moment.to_string(),
        Operation::Broadcast => format!("{moment} from rank {total}"),
        _ => format!("{moment} of {total} values"),
    }
}
