//! Which requests are in work, under a budget of cached tokens.
//!
//! Requests wait in a queue, those of one prefix together, and enter strictly in its order as soon as
//! there is a free row and room for the longest answer that they may give. What is admitted therefore
//! always ends: nothing is ever thrown out half-way. A request that is alone larger than the budget is
//! served when nothing else is in work.
//!
//! Requests may come later, too, and enter behind those that wait. Then a prefix that nobody is behind stays
//! cached until somebody else needs its room: the one that was used longest ago goes first.

use super::cache::columns;
use std::collections::{BTreeMap, HashMap, VecDeque};

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
    /// Of each request that has not ended.
    demands: HashMap<usize, Demand>,
    prefixes: HashMap<usize, Prefix>,
    waiting: VecDeque<usize>,
    /// Prefixes in use.
    open: BTreeMap<usize, Work>,
    running: usize,
    /// Whether prefixes outlive the requests behind them.
    keeps: bool,
    /// Prefixes that had to go, not yet told.
    dropped: Vec<usize>,
    /// Counts admissions.
    clock: u64,
}

/// What is known of a prefix.
#[derive(Clone, Copy, Debug, Default)]
struct Prefix {
    length: usize,
    /// Requests behind it that have not ended.
    left: usize,
    /// When one of them was last admitted.
    used: u64,
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
    pub(super) fn new(rows: usize, budget: usize) -> Self {
        Self {
            rows: rows.max(1),
            budget,
            demands: HashMap::new(),
            prefixes: HashMap::new(),
            waiting: VecDeque::new(),
            open: BTreeMap::new(),
            running: 0,
            keeps: false,
            dropped: Vec::new(),
            clock: 0,
        }
    }

    /// Requests that come together, with the length of their prefix; those of one prefix in a row.
    pub(super) fn add(&mut self, mut requests: Vec<(usize, Demand, usize)>) {
        // Stable: of one prefix, the first comes first.
        requests.sort_by_key(|(_, demand, _)| demand.lane);
        for (request, demand, length) in requests {
            let prefix = self.prefixes.entry(demand.lane).or_default();
            prefix.length = length;
            prefix.left += 1;
            self.demands.insert(request, demand);
            self.waiting.push_back(request);
        }
    }

    /// Whether prefixes outlive the requests behind them from now on.
    pub(super) fn keep_prefixes(&mut self, keeps: bool) {
        self.keeps = keeps;
    }

    /// Whether nothing waits and nothing is in work.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }

    /// The prefixes that had to go since the last call, and whether anybody waits behind each.
    pub(super) fn dropped(&mut self) -> Vec<(usize, bool)> {
        let dropped = std::mem::take(&mut self.dropped);
        dropped.into_iter().map(|lane| (lane, self.prefixes.contains_key(&lane))).collect()
    }

    /// The next request, if it may enter now.
    pub(super) fn admit(&mut self) -> Option<usize> {
        let request = *self.waiting.front()?;
        let demand = *self.demands.get(&request)?;
        if self.running >= self.rows {
            return None;
        }
        while !self.has_room(request, &demand) {
            // None is idle while all requests have come at once: they lie in the order of their prefixes.
            if let Some(idle) = self.idle(demand.lane) {
                self.drop_prefix(idle);
            } else if self.running > 0 {
                return None;
            } else {
                break;
            }
        }
        let work = self.open.entry(demand.lane).or_default();
        work.rows.push(request);
        work.reading.push(request);
        self.clock += 1;
        if let Some(prefix) = self.prefixes.get_mut(&demand.lane) {
            prefix.used = self.clock;
        }
        self.running += 1;
        self.waiting.pop_front()
    }

    /// Whether a request fits beside what is cached.
    fn has_room(&self, request: usize, demand: &Demand) -> bool {
        let mut with = self.open.get(&demand.lane).cloned().unwrap_or_default();
        with.rows.push(request);
        with.reading.push(request);
        let others = self.open.iter().filter(|(lane, _)| **lane != demand.lane);
        let taken: usize = others.map(|(lane, work)| self.slots_of(*lane, work)).sum();
        taken + self.slots_of(demand.lane, &with) <= self.budget
    }

    /// The cached prefix without rows that was used longest ago, beside that of `lane`.
    fn idle(&self, lane: usize) -> Option<usize> {
        let idle = self.open.iter().filter(|(other, work)| **other != lane && work.rows.is_empty());
        let used = |lane: &usize| self.prefixes.get(lane).map_or(0, |prefix| prefix.used);
        idle.map(|(lane, _)| *lane).min_by_key(used)
    }

    fn drop_prefix(&mut self, lane: usize) {
        self.open.remove(&lane);
        if self.prefixes.get(&lane).is_some_and(|prefix| prefix.left == 0) {
            self.prefixes.remove(&lane);
        }
        self.dropped.push(lane);
    }

    /// The prompt of a request stands among the rows of its prefix now.
    pub(super) fn has_joined(&mut self, request: usize) {
        if let Some(work) = self.lane(request).and_then(|lane| self.open.get_mut(&lane)) {
            work.reading.retain(|other| *other != request);
        }
    }

    /// A request has ended, or is given up; gives the prefix if it was the last one behind it and goes.
    pub(super) fn has_ended(&mut self, request: usize) -> Option<usize> {
        let lane = self.lane(request)?;
        self.has_joined(request);
        self.demands.remove(&request);
        let mut was_in_work = false;
        if let Some(work) = self.open.get_mut(&lane) {
            was_in_work = work.rows.contains(&request);
            work.rows.retain(|other| *other != request);
        }
        if was_in_work {
            self.running -= 1;
        } else {
            self.waiting.retain(|other| *other != request);
        }
        let prefix = self.prefixes.get_mut(&lane)?;
        prefix.left -= 1;
        // Without tokens there is nothing to keep.
        if prefix.left > 0 || (self.keeps && prefix.length > 0 && self.open.contains_key(&lane)) {
            return None;
        }
        self.open.remove(&lane);
        self.prefixes.remove(&lane);
        Some(lane)
    }

    /// Requests in work behind a prefix, and the most tokens that one of them will have cached.
    pub(super) fn rows_and_width(&self, lane: usize) -> (usize, usize) {
        let Some(work) = self.open.get(&lane) else { return (0, 0) };
        (work.rows.len(), self.width(work))
    }

    /// The number of a request's prefix.
    pub(super) fn lane(&self, request: usize) -> Option<usize> {
        self.demands.get(&request).map(|demand| demand.lane)
    }

    fn width(&self, work: &Work) -> usize {
        let widths = work.rows.iter().filter_map(|request| self.demands.get(request));
        widths.map(Demand::width).max().unwrap_or(0)
    }

    /// Cached tokens of a prefix, of its rows, which are as wide as the widest, and of prompts that are
    /// being read.
    fn slots_of(&self, lane: usize, work: &Work) -> usize {
        let reading = work.reading.iter().filter_map(|request| self.demands.get(request));
        let rows = match work.rows.len() {
            0 => 0,
            rows => rows * columns(self.width(work)),
        };
        let prefix = self.prefixes.get(&lane).map_or(0, |prefix| prefix.length);
        prefix + rows + reading.map(|demand| demand.prompt).sum::<usize>()
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

    /// A schedule of requests that all come at once.
    fn all_at_once(
        demands: &[Option<Demand>],
        prefixes: &[usize],
        rows: usize,
        budget: usize,
    ) -> Schedule {
        let mut schedule = Schedule::new(rows, budget);
        let came = demands.iter().enumerate().filter_map(|(request, demand)| {
            demand.map(|demand| (request, demand, prefixes[demand.lane]))
        });
        schedule.add(came.collect());
        schedule
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
            let mut schedule = all_at_once(&demands, &prefixes, rows, budget);
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
        let mut schedule = all_at_once(&[demand; 5], &[100], 3, 100 + 3 * each + 30);
        let admitted: Vec<usize> = std::iter::from_fn(|| schedule.admit()).collect();
        assert_eq!(admitted, [0, 1, 2]);
        assert_eq!(schedule.has_ended(1), None);
        assert_eq!(schedule.admit(), Some(3));
        assert_eq!(schedule.admit(), None);
        assert_eq!(schedule.rows_and_width(0), (3, 29));
    }

    /// Requests come and go, some before they were admitted; prefixes stay until others need their room.
    #[test]
    fn what_comes_later_enters_behind_and_idle_prefixes_make_room() {
        for seed in 0..200 {
            let state = &mut (seed + 1);
            let (rows, budget) = (1 + draw(state, 6), 600 + draw(state, 3000));
            let mut schedule = Schedule::new(rows, budget);
            schedule.keep_prefixes(true);
            let prefixes: Vec<usize> = (0..6).map(|_| draw(state, 500)).collect();
            let (mut next, mut queue, mut work) = (0, Vec::new(), Vec::new());
            for _ in 0..300 {
                for _ in 0..draw(state, 3) {
                    let lane = draw(state, prefixes.len());
                    let demand =
                        Demand { lane, prompt: 1 + draw(state, 50), new: 1 + draw(state, 50) };
                    schedule.add(vec![(next, demand, prefixes[lane])]);
                    queue.push(next);
                    next += 1;
                }
                loop {
                    let admitted = schedule.admit();
                    if let Some(request) = admitted {
                        assert_eq!(request, queue.remove(0), "seed {seed}: in their order");
                        work.push(request);
                    }
                    for (lane, waits) in schedule.dropped() {
                        assert!(!schedule.open.contains_key(&lane), "seed {seed}");
                        let behind = |other: &usize| schedule.lane(*other) == Some(lane);
                        assert_eq!(waits, queue.iter().any(behind), "seed {seed}");
                    }
                    if admitted.is_none() {
                        break;
                    }
                }
                assert!(
                    work.len() <= rows && (!work.is_empty() || queue.is_empty()),
                    "seed {seed}"
                );
                assert!(work.len() <= 1 || slots(&schedule) <= budget, "seed {seed}");
                if !queue.is_empty() && draw(state, 4) == 0 {
                    schedule.has_ended(queue.swap_remove(draw(state, queue.len())));
                    queue.sort_unstable();
                }
                for _ in 0..draw(state, 3).min(work.len()) {
                    schedule.has_ended(work.swap_remove(draw(state, work.len())));
                }
            }
            for request in queue.into_iter().chain(work) {
                schedule.has_ended(request);
            }
            assert!(schedule.is_idle() && schedule.demands.is_empty(), "seed {seed}");
            assert!(schedule.prefixes.values().all(|prefix| prefix.left == 0), "seed {seed}");
        }
    }
}
