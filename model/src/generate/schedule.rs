//! Which requests are in work, under a budget of cached tokens.
//!
//! Requests wait in a queue, those of one prefix together, and enter strictly in its order as soon as
//! there is a free row and room for the longest answer that they may give. What is admitted therefore
//! always ends: nothing is ever thrown out half-way. A request that is alone larger than the budget is
//! served when nothing else is in work.

use super::cache::columns;
use std::collections::{BTreeMap, VecDeque};

/// What a request will need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// The number of its prefix.
    pub lane: usize,
    /// Tokens of its prompt, at least one.
    pub prompt: usize,
    /// Most tokens of its answer, at least one.
    pub new: usize,
}

impl Demand {
    /// Cached tokens at most: the last one of an answer is never read.
    fn width(&self) -> usize {
        self.prompt + self.new - 1
    }
}

/// The queue, and what is in work.
pub(super) struct Schedule {
    rows: usize,
    budget: usize,
    /// Of each request; none for those that need nothing.
    demands: Vec<Option<Demand>>,
    /// Length of each prefix.
    prefixes: Vec<usize>,
    /// Requests of each prefix that have not ended.
    left: Vec<usize>,
    waiting: VecDeque<usize>,
    /// Prefixes in use.
    open: BTreeMap<usize, Work>,
    running: usize,
}

/// What is in work behind one prefix.
#[derive(Clone, Debug, Default)]
struct Work {
    /// Requests that are admitted.
    rows: Vec<usize>,
    /// Those of them whose prompt is still being read: it is cached apart.
    reading: Vec<usize>,
}

impl Schedule {
    /// At most `rows` requests and, if that is more than one, `budget` cached tokens at a time.
    pub(super) fn new(
        demands: Vec<Option<Demand>>,
        prefixes: Vec<usize>,
        rows: usize,
        budget: usize,
    ) -> Self {
        let lane = |request: usize| demands[request].map(|demand| demand.lane);
        let mut waiting: Vec<usize> =
            (0..demands.len()).filter(|request| demands[*request].is_some()).collect();
        // Stable: of one prefix, the first comes first.
        waiting.sort_by_key(|request| lane(*request));
        let mut left = vec![0; prefixes.len()];
        waiting.iter().filter_map(|request| lane(*request)).for_each(|lane| left[lane] += 1);
        Self {
            rows: rows.max(1),
            budget,
            demands,
            prefixes,
            left,
            waiting: waiting.into(),
            open: BTreeMap::new(),
            running: 0,
        }
    }

    /// The next request, if it may enter now.
    pub(super) fn admit(&mut self) -> Option<usize> {
        let request = *self.waiting.front()?;
        let demand = self.demands[request]?;
        let mut with = self.open.get(&demand.lane).cloned().unwrap_or_default();
        with.rows.push(request);
        with.reading.push(request);
        let others = self.open.iter().filter(|(lane, _)| **lane != demand.lane);
        let taken: usize = others.map(|(lane, work)| self.slots_of(*lane, work)).sum();
        let fits =
            self.running < self.rows && taken + self.slots_of(demand.lane, &with) <= self.budget;
        if self.running > 0 && !fits {
            return None;
        }
        self.open.insert(demand.lane, with);
        self.running += 1;
        self.waiting.pop_front()
    }

    /// The prompt of a request stands among the rows of its prefix now.
    pub(super) fn has_joined(&mut self, request: usize) {
        if let Some(work) = self.lane(request).and_then(|lane| self.open.get_mut(&lane)) {
            work.reading.retain(|other| *other != request);
        }
    }

    /// A request has ended; gives the prefix if it was the last one behind it.
    pub(super) fn has_ended(&mut self, request: usize) -> Option<usize> {
        let lane = self.lane(request)?;
        self.has_joined(request);
        if let Some(work) = self.open.get_mut(&lane) {
            work.rows.retain(|other| *other != request);
        }
        self.running -= 1;
        self.left[lane] -= 1;
        if self.left[lane] > 0 {
            return None;
        }
        self.open.remove(&lane);
        Some(lane)
    }

    /// Requests in work behind a prefix, and the most tokens that one of them will have cached.
    pub(super) fn rows_and_width(&self, lane: usize) -> (usize, usize) {
        let Some(work) = self.open.get(&lane) else { return (0, 0) };
        (work.rows.len(), self.width(work))
    }

    /// The number of a request's prefix.
    pub(super) fn lane(&self, request: usize) -> Option<usize> {
        self.demands[request].map(|demand| demand.lane)
    }

    fn width(&self, work: &Work) -> usize {
        let widths = work.rows.iter().filter_map(|request| self.demands[*request]);
        widths.map(|demand| demand.width()).max().unwrap_or(0)
    }

    /// Cached tokens of a prefix, of its rows, which are as wide as the widest, and of prompts that are
    /// being read.
    fn slots_of(&self, lane: usize, work: &Work) -> usize {
        let reading = work.reading.iter().filter_map(|request| self.demands[*request]);
        let rows = match work.rows.len() {
            0 => 0,
            rows => rows * columns(self.width(work)),
        };
        self.prefixes[lane] + rows + reading.map(|demand| demand.prompt).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A made-up number below `limit`.
    fn draw(state: &mut u64, limit: usize) -> usize {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as usize % limit
    }

    fn slots(schedule: &Schedule) -> usize {
        schedule.open.iter().map(|(lane, work)| schedule.slots_of(*lane, work)).sum()
    }

    #[test]
    fn the_budget_holds_every_request_is_served_and_none_overtakes() {
        for seed in 0..300 {
            let state = &mut (seed + 1);
            let lanes = 1 + draw(state, 5);
            let prefixes: Vec<usize> = (0..lanes).map(|_| draw(state, 700)).collect();
            let demands: Vec<Option<Demand>> = (0..draw(state, 60))
                .map(|_| {
                    let (lane, prompt) = (draw(state, lanes), 1 + draw(state, 150));
                    (draw(state, 9) > 0).then_some(Demand {
                        lane,
                        prompt,
                        new: 1 + draw(state, 90),
                    })
                })
                .collect();
            let (rows, budget) = (1 + draw(state, 12), draw(state, 5000));
            let mut schedule = Schedule::new(demands.clone(), prefixes, rows, budget);
            let (mut entered, mut work, mut ended) = (Vec::new(), Vec::new(), Vec::new());
            loop {
                while let Some(request) = schedule.admit() {
                    entered.push(request);
                    work.push(request);
                }
                assert!(work.len() <= rows, "seed {seed}");
                assert!(work.len() <= 1 || slots(&schedule) <= budget, "seed {seed}");
                if work.is_empty() {
                    break;
                }
                // Some prompts are read, and somebody ends.
                for request in &work {
                    if draw(state, 2) == 0 {
                        schedule.has_joined(*request);
                    }
                }
                let request = work.swap_remove(draw(state, work.len()));
                let lane = schedule.lane(request).unwrap();
                let closed = schedule.has_ended(request);
                ended.push(request);
                let rest = |other: &usize| schedule.lane(*other) == Some(lane);
                let open = (0..demands.len()).filter(rest).any(|other| !ended.contains(&other));
                assert_eq!(closed, (!open).then_some(lane), "seed {seed}");
            }
            let mut expected: Vec<usize> =
                (0..demands.len()).filter(|request| demands[*request].is_some()).collect();
            expected.sort_by_key(|request| demands[*request].unwrap().lane);
            assert_eq!(entered, expected, "seed {seed}: served once each, in the queue's order");
            assert!(schedule.open.is_empty() && schedule.running == 0, "seed {seed}");
        }
    }

    #[test]
    fn rows_stay_full_while_there_is_room() {
        let demand = Some(Demand { lane: 0, prompt: 10, new: 20 });
        let each = columns(29);
        let mut schedule = Schedule::new(vec![demand; 5], vec![100], 3, 100 + 3 * each + 30);
        let admitted: Vec<usize> = std::iter::from_fn(|| schedule.admit()).collect();
        assert_eq!(admitted, [0, 1, 2]);
        assert_eq!(schedule.has_ended(1), None);
        assert_eq!(schedule.admit(), Some(3));
        assert_eq!(schedule.admit(), None);
        assert_eq!(schedule.rows_and_width(0), (3, 29));
    }
}
