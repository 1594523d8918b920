//! Ranks as threads of one process, whose sums never leave its memory.
//!
//! Every operation is a meeting: each rank puts down its part, the last one to come works out the result, and
//! all take it. Sums are formed in the order of the ranks.

mod device;

use super::{Collective, CollectiveError, Lateness, Moment, Operation, share};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One rank of a world within this process.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    world: usize,
    /// For the others to come to an operation.
    patience: Duration,
    table: Arc<Table>,
}

#[derive(Debug)]
struct Table {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The how-manieth operation is under way, from 1.
    sequence: u64,
    /// What each rank has put down for it.
    parts: Vec<Option<Part>>,
    /// What came of the operation before.
    result: Arc<Content>,
    /// Who has left, and why nothing more can be done.
    closed: Option<(usize, String)>,
}

#[derive(Debug)]
struct Part {
    operation: Operation,
    /// Length of the buffer, or the root of a broadcast.
    total: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Floats(Vec<f32>),
    Bytes(Vec<u8>),
    Nothing,
}

impl Content {
    fn floats(&self) -> &[f32] {
        match self {
            Self::Floats(values) => values,
            _ => &[],
        }
    }
}

impl Threads {
    /// The ranks of a world of this size, each to be moved to a thread; none waits longer than `patience`
    /// for the others to come to an operation.
    pub fn world_of(world: usize, patience: Duration) -> Vec<Self> {
        let state = State {
            sequence: 1,
            parts: (0..world).map(|_| None).collect(),
            result: Arc::new(Content::Nothing),
            closed: None,
        };
        let table = Arc::new(Table { state: Mutex::new(state), changed: Condvar::new() });
        let rank = |rank| Self { rank, world, patience, table: Arc::clone(&table) };
        (0..world).map(rank).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a panicking rank leaves behind is whole: nothing below can panic half-way.
        self.table.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts this rank's part down, and returns what the parts of all come to.
    fn meet(
        &self,
        operation: Operation,
        total: usize,
        content: Content,
    ) -> Result<Arc<Content>, CollectiveError> {
        let until = Instant::now() + self.patience;
        let mut state = self.state();
        let sequence = state.sequence;
        let moment = Moment { operation, sequence };
        if let Some(error) = self.closed(&state, moment) {
            return Err(error);
        }
        self.compare(&mut state, moment, total)?;
        state.parts[self.rank] = Some(Part { operation, total, content });
        if state.parts.iter().all(Option::is_some) {
            let parts: Vec<Part> = state.parts.iter_mut().filter_map(Option::take).collect();
            state.result = Arc::new(result(operation, total, parts));
            state.sequence += 1;
            self.table.changed.notify_all();
        }
        while state.sequence == sequence {
            if let Some(error) = self.closed(&state, moment) {
                return Err(error);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let peer = state.parts.iter().position(Option::is_none).unwrap_or_default();
                let seconds = self.patience.as_secs_f64();
                let late = CollectiveError::Late { peer, what: Lateness::Absent, seconds, moment };
                self.close(&mut state, late.to_string());
                return Err(late);
            }
            let waited = self.table.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        // The next operation cannot end before this rank takes part in it: the result is still this one's.
        Ok(Arc::clone(&state.result))
    }

    /// Whoever is here already must be at the same.
    fn compare(
        &self,
        state: &mut State,
        moment: Moment,
        total: usize,
    ) -> Result<(), CollectiveError> {
        let other = state.parts.iter().enumerate().find_map(|(peer, part)| {
            let part = part.as_ref()?;
            let differs = (part.operation, part.total) != (moment.operation, total);
            differs.then_some((peer, part.operation, part.total))
        });
        let Some((peer, operation, of)) = other else { return Ok(()) };
        let describe = |moment: Moment, total: usize| format!("{moment} of {total}");
        let error = CollectiveError::Diverged {
            rank: self.rank,
            here: describe(moment, total),
            peer,
            there: describe(Moment { operation, ..moment }, of),
        };
        self.close(state, error.to_string());
        Err(error)
    }

    fn closed(&self, state: &State, moment: Moment) -> Option<CollectiveError> {
        let (peer, reason) = state.closed.as_ref()?;
        Some(match *peer == self.rank {
            true => CollectiveError::Closed { reason: reason.clone() },
            false if reason.is_empty() => CollectiveError::HungUp { peer: *peer, moment },
            false => CollectiveError::Told {
                teller: *peer,
                culprit: Some(*peer),
                reason: reason.clone(),
            },
        })
    }

    fn close(&self, state: &mut State, reason: String) {
        state.closed.get_or_insert((self.rank, reason));
        self.table.changed.notify_all();
    }
}

/// What the parts of all ranks come to.
fn result(operation: Operation, total: usize, parts: Vec<Part>) -> Content {
    match operation {
        Operation::AllReduce | Operation::ReduceScatter => {
            let mut sum = vec![0.0; total];
            for part in &parts {
                let values = part.content.floats();
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
            Content::Floats(sum)
        }
        Operation::AllGather => {
            Content::Floats(parts.iter().flat_map(|part| part.content.floats()).copied().collect())
        }
        Operation::Broadcast => {
            let part = parts.into_iter().nth(total);
            part.map_or(Content::Nothing, |part| part.content)
        }
        Operation::Barrier | Operation::Question | Operation::Meeting => Content::Nothing,
    }
}

impl Collective for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world(&self) -> usize {
        self.world
    }

    fn all_reduce(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        let part = Content::Floats(buffer.to_vec());
        let sum = self.meet(Operation::AllReduce, buffer.len(), part)?;
        buffer.copy_from_slice(sum.floats());
        Ok(())
    }

    fn reduce_scatter(&mut self, buffer: &mut [f32]) -> Result<Range<usize>, CollectiveError> {
        let part = Content::Floats(buffer.to_vec());
        let sum = self.meet(Operation::ReduceScatter, buffer.len(), part)?;
        let own = share(buffer.len(), self.rank, self.world);
        // Nothing may rely on the rest: whoever does so by mistake shall see it.
        buffer.fill(f32::NAN);
        buffer[own.clone()].copy_from_slice(&sum.floats()[own.clone()]);
        Ok(own)
    }

    fn all_gather(&mut self, buffer: &mut [f32]) -> Result<(), CollectiveError> {
        let own = share(buffer.len(), self.rank, self.world);
        let part = Content::Floats(buffer[own].to_vec());
        let all = self.meet(Operation::AllGather, buffer.len(), part)?;
        buffer.copy_from_slice(all.floats());
        Ok(())
    }

    fn broadcast(&mut self, bytes: &mut Vec<u8>, root: usize) -> Result<(), CollectiveError> {
        assert!(root < self.world, "there is no rank {root} in a world of {}", self.world);
        let part = match self.rank == root {
            true => Content::Bytes(std::mem::take(bytes)),
            false => Content::Nothing,
        };
        let result = self.meet(Operation::Broadcast, root, part)?;
        if let Content::Bytes(content) = &*result {
            bytes.clone_from(content);
        }
        Ok(())
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        self.meet(Operation::Barrier, 0, Content::Nothing).map(drop)
    }

    fn abort(&mut self) {
        let reason = format!("rank {} gave up", self.rank);
        self.close(&mut self.state(), reason);
    }

    fn on_device(&mut self) -> Option<&mut dyn super::DeviceCollective> {
        Some(self)
    }
}

impl Drop for Threads {
    /// A rank that ends, well or in a panic, is not waited for.
    fn drop(&mut self) {
        self.close(&mut self.state(), String::new());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const QUICK: Duration = Duration::from_secs(20);

    fn on_ranks<T: Send>(world: usize, body: impl Fn(&mut Threads) -> T + Sync) -> Vec<T> {
        std::thread::scope(|scope| {
            let body = &body;
            let ranks: Vec<_> = Threads::world_of(world, QUICK)
                .into_iter()
                .map(|mut rank| scope.spawn(move || body(&mut rank)))
                .collect();
            ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
        })
    }

    /// Whole numbers, so that sums are exact in any order.
    fn values(rank: usize, len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 31 + rank * 977) % 1000) as f32 - 500.0).collect()
    }

    fn sum(world: usize, len: usize) -> Vec<f32> {
        let of = |i: usize| (0..world).map(|rank| values(rank, len)[i]).sum();
        (0..len).map(of).collect()
    }

    #[test]
    fn operations_do_what_the_trait_says() {
        for world in 1..=4 {
            on_ranks(world, |it| {
                let rank = it.rank();
                for len in [0, 1, 3, 101] {
                    let mut buffer = values(rank, len);
                    it.all_reduce(&mut buffer).unwrap();
                    assert_eq!(buffer, sum(world, len));
                    let mut buffer = values(rank, len);
                    let own = it.reduce_scatter(&mut buffer).unwrap();
                    assert_eq!(own, share(len, rank, world));
                    assert_eq!(buffer[own.clone()], sum(world, len)[own]);
                    it.all_gather(&mut buffer).unwrap();
                    assert_eq!(buffer, sum(world, len));
                    it.barrier().unwrap();
                }
                for root in 0..world {
                    let mut bytes = vec![rank as u8; rank + 1];
                    it.broadcast(&mut bytes, root).unwrap();
                    assert_eq!(bytes, vec![root as u8; root + 1]);
                }
            });
        }
    }

    #[test]
    fn nobody_waits_for_a_rank_that_left_or_does_something_else() {
        let left = on_ranks(3, |it| match it.rank() {
            1 => Ok(()),
            _ => it.barrier(),
        });
        assert!(matches!(left[0], Err(CollectiveError::HungUp { peer: 1, .. })), "{left:?}");
        let other = on_ranks(2, |it| match it.rank() {
            0 => it.all_reduce(&mut [0.0; 3]),
            _ => it.all_reduce(&mut [0.0; 4]),
        });
        let diverged =
            |it: &Result<(), CollectiveError>| matches!(it, Err(CollectiveError::Diverged { .. }));
        assert_eq!(other.iter().filter(|it| diverged(it)).count(), 1, "{other:?}");
        assert!(other.iter().all(Result::is_err), "{other:?}");
        let mut alone = Threads::world_of(2, Duration::from_millis(20));
        let late = alone[1].barrier().unwrap_err();
        assert!(matches!(late, CollectiveError::Late { peer: 0, .. }), "{late}");
        assert!(matches!(alone[1].barrier(), Err(CollectiveError::Closed { .. })));
    }
}
