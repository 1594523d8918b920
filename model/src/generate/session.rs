//! Requests in work: what is read and generated in each step.
//!
//! The tokens of a step lie end to end, without padding: one of every row that generates, and as many
//! of prompts and prefixes that are being read as the step has room for. All but attention is computed
//! for all of them together, so requests behind different prefixes still fill one product; attention
//! is computed prefix by prefix. A long prompt is read in several steps, while others generate.

mod choice;
mod forward;

use super::cache::{Cache, copy};
use super::schedule::{Demand, Schedule};
use super::sight::Sight;
use super::{Answer, Constraint, End, GenerateConfig, Mask, Request, Sink, check};
use crate::block::KeysValues;
use crate::{Decoder, Error};
use burn::tensor::{Device, Tensor};
use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::{ControlFlow, Range};

/// All requests of one call.
pub(super) struct Session<'a> {
    decoder: &'a Decoder,
    config: &'a GenerateConfig,
    /// Those that have not ended, by their number.
    requests: HashMap<usize, Cow<'a, Request>>,
    /// How many there were.
    came: usize,
    /// The number of each prefix, and how many there were.
    numbers: HashMap<Cow<'a, [u32]>, usize>,
    prefixes: usize,
    device: Device,
    /// The head's matrix, `[vocabulary, hidden]`.
    matrix: Tensor<2>,
    sight: Sight,
    ends: Vec<u32>,
    schedule: Schedule,
    lanes: BTreeMap<usize, Lane>,
    reading: Vec<Reading>,
    generated: usize,
}

/// A prefix and the rows behind it.
#[derive(Default)]
struct Lane {
    /// Tokens of the prefix.
    length: usize,
    /// Its keys and values by block, `[1, key-value heads, length, head_dim]`.
    prefix: Vec<KeysValues>,
    /// Whether the prefix is still being read.
    unread: bool,
    /// In the order of the cache.
    rows: Vec<Row>,
    cache: Cache,
}

/// An answer that grows.
struct Row {
    request: usize,
    answer: Vec<u32>,
    /// The ids of prompt and answer, where they are punished.
    seen: Option<Mask>,
    constraint: Option<Box<dyn Constraint>>,
    /// Why it ended.
    end: Option<End>,
}

/// A prompt or a prefix that is being read.
struct Reading {
    lane: usize,
    /// Whose prompt it is; none for a prefix.
    row: Option<Row>,
    ids: Vec<u32>,
    done: usize,
    /// By block, `[1, key-value heads, done, head_dim]`.
    blocks: Vec<KeysValues>,
}

/// Tokens of a step that attend together.
enum Piece {
    /// One of each row of a lane.
    Rows { lane: usize },
    /// Some of what is being read.
    Part { reading: usize, ids: Range<usize> },
}

impl<'a> Session<'a> {
    pub(super) fn new(decoder: &'a Decoder, config: &'a GenerateConfig) -> Self {
        let device = decoder.device();
        Self {
            decoder,
            config,
            requests: HashMap::new(),
            came: 0,
            numbers: HashMap::new(),
            prefixes: 0,
            matrix: decoder.head_matrix(),
            sight: Sight::new(&decoder.config, &device),
            ends: config.ends(decoder),
            schedule: Schedule::new(config.rows, config.budget_tokens),
            lanes: BTreeMap::new(),
            reading: Vec::new(),
            generated: 0,
            device,
        }
    }

    /// Answers `requests` and what comes beside them, unless `sink` breaks off.
    pub(super) fn run(
        mut self,
        requests: &'a [Request],
        sink: &mut dyn Sink,
    ) -> Result<ControlFlow<()>, Error> {
        if self.take(requests.iter().map(Cow::Borrowed).collect(), sink)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        loop {
            let is_idle = self.schedule.is_idle() && self.reading.is_empty();
            let arrivals = sink.arrivals(is_idle);
            let is_open = arrivals.is_open;
            self.schedule.keep_prefixes(is_open);
            let came = arrivals.requests.into_iter().map(Cow::Owned).collect();
            if self.take(came, sink)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            arrivals.withdrawn.into_iter().for_each(|request| self.withdraw(request));
            self.admit(sink);
            let pieces = self.pieces();
            if pieces.is_empty() {
                if is_open {
                    continue;
                }
                return Ok(ControlFlow::Continue(()));
            }
            if self.step(&pieces, sink).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    /// Lets requests that come together wait behind the others; those of no length are answered.
    fn take(
        &mut self,
        requests: Vec<Cow<'a, Request>>,
        sink: &mut dyn Sink,
    ) -> Result<ControlFlow<()>, Error> {
        let first = self.came;
        self.came += requests.len();
        for (number, request) in (first..).zip(&requests) {
            check(number, request, self.decoder.config.vocab_size)?;
        }
        let mut demands = Vec::new();
        for (number, request) in (first..).zip(requests) {
            let new = request.limit(self.config);
            if new == 0 {
                let nothing = Answer { ids: Vec::new(), end: End::Length };
                if sink.answer(number, nothing).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            }
            let lane = self.lane_of(&request);
            let demand = Demand { lane, prompt: request.prompt.len(), new };
            demands.push((number, demand, request.prefix.len()));
            self.requests.insert(number, request);
        }
        self.schedule.add(demands);
        Ok(ControlFlow::Continue(()))
    }

    /// The number of a request's prefix, a new one if it has none.
    // What is borrowed is borrowed for the whole run, which a reference to the request itself would not say.
    #[allow(clippy::ptr_arg)]
    fn lane_of(&mut self, request: &Cow<'a, Request>) -> usize {
        if let Some(lane) = self.numbers.get(request.prefix.as_slice()) {
            return *lane;
        }
        let prefix = match request {
            Cow::Borrowed(request) => Cow::Borrowed(request.prefix.as_slice()),
            Cow::Owned(request) => Cow::Owned(request.prefix.clone()),
        };
        self.numbers.insert(prefix, self.prefixes);
        self.prefixes += 1;
        self.prefixes - 1
    }

    /// Gives up a request that has not ended.
    fn withdraw(&mut self, request: usize) {
        if !self.requests.contains_key(&request) {
            return;
        }
        let is_its = |row: &Row| row.request == request;
        self.reading.retain(|reading| !reading.row.as_ref().is_some_and(is_its));
        for lane in self.lanes.values_mut() {
            if let Some(row) = lane.rows.iter().position(is_its) {
                lane.cache.leave(row);
                lane.rows.swap_remove(row);
            }
        }
        self.has_ended(request);
    }

    fn has_ended(&mut self, number: usize) {
        let request = self.requests.remove(&number);
        if let Some(lane) = self.schedule.has_ended(number) {
            self.drop_lane(lane);
            if let Some(request) = request {
                self.numbers.remove(request.prefix.as_slice());
            }
        }
    }

    /// Gives back prefixes that had to go.
    fn make_room(&mut self) {
        for (lane, waits) in self.schedule.dropped() {
            self.drop_lane(lane);
            if !waits {
                self.numbers.retain(|_, other| *other != lane);
            }
        }
    }

    fn drop_lane(&mut self, lane: usize) {
        self.lanes.remove(&lane);
        self.reading.retain(|reading| reading.lane != lane);
    }

    /// Computes the tokens of `pieces`, and chooses what comes behind them.
    fn step(&mut self, pieces: &[Piece], sink: &mut dyn Sink) -> ControlFlow<()> {
        let states = self.forward(pieces);
        let asking = self.asking(pieces);
        let chosen = self.choose(states, &asking);
        for ((_, place), id) in asking.into_iter().zip(chosen) {
            self.grow(place, id, sink);
        }
        for (request, answer) in self.settle() {
            sink.answer(request, answer)?;
        }
        sink.progress(self.generated)
    }

    /// Lets in who has room, and gives back what nobody needs.
    fn admit(&mut self, sink: &mut dyn Sink) {
        while let Some(request) = self.schedule.admit() {
            self.make_room();
            let Some(lane) = self.schedule.lane(request) else { continue };
            let Request { prefix, prompt, .. } = &*self.requests[&request];
            if let Entry::Vacant(place) = self.lanes.entry(lane) {
                let (length, unread) = (prefix.len(), !prefix.is_empty());
                place.insert(Lane { length, unread, ..Lane::default() });
                if unread {
                    self.reading.push(Reading::new(lane, None, prefix.clone()));
                }
            }
            let prompt = prompt.clone();
            let row = self.row(request, sink.constraint(request));
            self.reading.push(Reading::new(lane, Some(row), prompt));
        }
        self.make_room();
        for (number, lane) in &mut self.lanes {
            let (rows, width) = self.schedule.rows_and_width(*number);
            lane.cache.fit(rows, width);
        }
    }

    fn row(&self, request: usize, constraint: Option<Box<dyn Constraint>>) -> Row {
        let own = &*self.requests[&request];
        let punished = own.sampling(self.config).repetition_penalty != 1.0;
        let Request { prefix, prompt, .. } = own;
        let seen = punished.then(|| {
            let mut seen = Mask::new(self.decoder.config.vocab_size);
            prefix.iter().chain(prompt).for_each(|id| seen.insert(*id));
            seen
        });
        Row { request, answer: Vec::new(), seen, constraint, end: None }
    }

    /// What the next step computes.
    fn pieces(&self) -> Vec<Piece> {
        let full = self.lanes.iter().filter(|(_, lane)| !lane.rows.is_empty());
        let mut pieces: Vec<Piece> = full.map(|(lane, _)| Piece::Rows { lane: *lane }).collect();
        let rows: usize = self.lanes.values().map(|lane| lane.rows.len()).sum();
        // However many rows there are, reading goes on.
        let mut room = self.config.prefill_tokens.saturating_sub(rows).max(1);
        for (number, reading) in self.reading.iter().enumerate() {
            if reading.row.is_some() && self.lanes[&reading.lane].unread {
                continue;
            }
            let count = room.min(reading.ids.len() - reading.done);
            if count == 0 {
                break;
            }
            room -= count;
            pieces.push(Piece::Part { reading: number, ids: reading.done..reading.done + count });
        }
        pieces
    }

    /// Moves what has been read to its lane, takes out what has ended.
    fn settle(&mut self) -> Vec<(usize, Answer)> {
        let mut ended = Vec::new();
        for lane in self.lanes.values_mut() {
            // From the last one on: where a row leaves, the last one takes its place.
            for row in (0..lane.rows.len()).rev() {
                if lane.rows[row].end.is_some() {
                    lane.cache.leave(row);
                    ended.push(lane.rows.swap_remove(row));
                }
            }
        }
        let (read, unread): (Vec<Reading>, Vec<Reading>) = std::mem::take(&mut self.reading)
            .into_iter()
            .partition(|reading| reading.done == reading.ids.len());
        self.reading = unread;
        for Reading { lane: number, row, blocks, .. } in read {
            let Some(lane) = self.lanes.get_mut(&number) else { continue };
            match row {
                None => {
                    // As views they would keep the other tokens of the step.
                    lane.prefix = blocks.into_iter().map(|(k, v)| (copy(k), copy(v))).collect();
                    lane.unread = false;
                }
                Some(row) if row.end.is_some() => ended.push(row),
                Some(row) => {
                    lane.cache.join(blocks, self.schedule.rows_and_width(number).0);
                    self.schedule.has_joined(row.request);
                    lane.rows.push(row);
                }
            }
        }
        ended.sort_by_key(|row| row.request);
        ended.iter().for_each(|row| self.has_ended(row.request));
        let answer = |row: Row| {
            let answer = Answer { ids: row.answer, end: row.end.unwrap_or(End::Length) };
            (row.request, answer)
        };
        ended.into_iter().map(answer).collect()
    }
}

impl Reading {
    fn new(lane: usize, row: Option<Row>, ids: Vec<u32>) -> Self {
        Self { lane, row, ids, done: 0, blocks: Vec::new() }
    }

    /// Adds the keys and values of what is new in a block, and gives all.
    fn add(&mut self, block: usize, k: Tensor<4>, v: Tensor<4>) -> KeysValues {
        let whole = match self.blocks.get(block) {
            Some((keys, values)) => {
                (Tensor::cat(vec![keys.clone(), k], 2), Tensor::cat(vec![values.clone(), v], 2))
            }
            None => (k, v),
        };
        match self.blocks.get_mut(block) {
            Some(slot) => *slot = whole.clone(),
            None => self.blocks.push(whole.clone()),
        }
        whole
    }
}
