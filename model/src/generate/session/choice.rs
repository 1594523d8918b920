//! The next token of each answer that grows.

use super::{Lane, Piece, Reading, Row, Session};
use crate::generate::{Constraint, End, Mask, Sink};
use crate::ops;
use burn::tensor::{Int, Tensor, TensorData};
use std::collections::BTreeMap;

/// Who asks for a token.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Row { lane: usize, row: usize },
    Reading(usize),
}

impl Session<'_> {
    /// Who asks for a token, and which of the step's tokens it comes after.
    pub(super) fn asking(&self, pieces: &[Piece]) -> Vec<(usize, Place)> {
        let (mut asking, mut start) = (Vec::new(), 0);
        for piece in pieces {
            let count = self.count(piece);
            match piece {
                Piece::Rows { lane } => asking
                    .extend((0..count).map(|row| (start + row, Place::Row { lane: *lane, row }))),
                Piece::Part { reading, ids } => {
                    let Reading { row, ids: whole, .. } = &self.reading[*reading];
                    if row.is_some() && ids.end == whole.len() {
                        asking.push((start + count - 1, Place::Reading(*reading)));
                    }
                }
            }
            start += count;
        }
        asking
    }

    /// A token for each that asks; none where nothing is allowed.
    pub(super) fn choose(
        &mut self,
        states: Tensor<3>,
        asking: &[(usize, Place)],
    ) -> Vec<Option<u32>> {
        if asking.is_empty() {
            return Vec::new();
        }
        // A device that works by itself computes the states meanwhile.
        let masks = self.masks(asking);
        let logits = self.logits(states, asking);
        let config = self.config;
        let plain = |(_, place): &(usize, Place)| {
            let row = row_in(&self.lanes, &self.reading, *place)?;
            Some(self.requests[&row.request].sampling(config).is_plain())
        };
        let plain: Vec<bool> = asking.iter().map(|asking| plain(asking).unwrap_or(true)).collect();
        // Only what has to be is looked at here; the rest stays on the device.
        let here: Vec<usize> =
            (0..asking.len()).filter(|i| !plain[*i] || masks[*i].is_some()).collect();
        let mut chosen = vec![None; asking.len()];
        if here.len() < asking.len() {
            let likeliest = logits.clone().argmax(1).into_data();
            chosen = likeliest.iter::<i64>().map(|id| Some(id as u32)).collect();
        }
        if here.is_empty() {
            return chosen;
        }
        let vocabulary = logits.dims()[1];
        let logits =
            if here.len() < asking.len() { logits.select(0, self.index(&here)) } else { logits };
        let logits: Vec<f32> = logits.into_data().iter().collect();
        for (i, logits) in here.into_iter().zip(logits.chunks(vocabulary)) {
            let Some(row) = row_in(&self.lanes, &self.reading, asking[i].1) else { continue };
            let request = &self.requests[&row.request];
            let sampling = request.sampling(config);
            let stream = request.stream.unwrap_or(row.request as u64);
            let draw = (stream, row.answer.len());
            chosen[i] = sampling.choose(logits, row.seen.as_ref(), masks[i].as_ref(), draw);
        }
        chosen
    }

    /// What may follow, for each that asks; any id where nothing is said.
    fn masks(&mut self, asking: &[(usize, Place)]) -> Vec<Option<Mask>> {
        let mut work: Vec<Limited> = Vec::new();
        for (asked, (_, place)) in asking.iter().enumerate() {
            let Some(row) = self.row_at(*place) else { continue };
            if let Some(constraint) = row.constraint.take() {
                let answer = std::mem::take(&mut row.answer);
                work.push(Limited { asked, constraint, answer, allowed: None });
            }
        }
        side_by_side(&mut work, Limited::ask);
        let mut masks: Vec<Option<Mask>> = asking.iter().map(|_| None).collect();
        for Limited { asked, constraint, answer, allowed } in work {
            if let Some(row) = self.row_at(asking[asked].1) {
                (row.constraint, row.answer) = (Some(constraint), answer);
            }
            masks[asked] = allowed;
        }
        masks
    }

    /// `[asking, vocabulary]`.
    fn logits(&self, states: Tensor<3>, asking: &[(usize, Place)]) -> Tensor<2> {
        let [_, tokens, hidden] = states.dims();
        let at: Vec<usize> = asking.iter().map(|(token, _)| *token).collect();
        let states = states.reshape([tokens, hidden]).select(0, self.index(&at));
        let normed = self.decoder.head.normed(states.reshape([1, at.len(), hidden]));
        let logits = ops::linear(normed, self.matrix.clone());
        let vocabulary = logits.dims()[2];
        logits.reshape([at.len(), vocabulary])
    }

    fn index(&self, at: &[usize]) -> Tensor<1, Int> {
        let index: Vec<i32> = at.iter().map(|i| *i as i32).collect();
        Tensor::from_data(TensorData::new(index, [at.len()]), &self.device)
    }

    fn row_at(&mut self, place: Place) -> Option<&mut Row> {
        row_at(&mut self.lanes, &mut self.reading, place)
    }

    /// Adds the next token to an answer, and decides whether it ends.
    pub(super) fn grow(&mut self, place: Place, id: Option<u32>, sink: &mut dyn Sink) {
        let Some(row) = row_at(&mut self.lanes, &mut self.reading, place) else { return };
        let Some(id) = id else {
            row.end = Some(End::NothingAllowed);
            return;
        };
        if self.ends.contains(&id) {
            row.end = Some(End::EndId);
            return;
        }
        self.generated += 1;
        row.answer.push(id);
        if let Some(seen) = &mut row.seen {
            seen.insert(id);
        }
        if sink.stops(row.request, &row.answer) {
            row.end = Some(End::Stop);
        } else if row.answer.len() >= self.requests[&row.request].limit(self.config) {
            row.end = Some(End::Length);
        }
    }
}

/// An answer that is asked what may follow, taken out of its row meanwhile.
struct Limited {
    asked: usize,
    constraint: Box<dyn Constraint>,
    answer: Vec<u32>,
    allowed: Option<Mask>,
}

impl Limited {
    fn ask(&mut self) {
        self.allowed = self.constraint.allowed(&self.answer);
    }
}

/// Does the same to each of `work`, on as many threads as there are.
#[cfg(feature = "flex")]
fn side_by_side<T: Send>(work: &mut [T], each: impl Fn(&mut T) + Sync + Send) {
    use rayon::iter::{IntoParallelRefMutIterator, ParallelIterator};
    work.par_iter_mut().for_each(each);
}

/// Does the same to each of `work`; without threads of our own, one after the other.
#[cfg(not(feature = "flex"))]
fn side_by_side<T: Send>(work: &mut [T], each: impl Fn(&mut T) + Sync + Send) {
    work.iter_mut().for_each(each);
}

fn row_at<'s>(
    lanes: &'s mut BTreeMap<usize, Lane>,
    reading: &'s mut [Reading],
    place: Place,
) -> Option<&'s mut Row> {
    match place {
        Place::Row { lane, row } => lanes.get_mut(&lane)?.rows.get_mut(row),
        Place::Reading(number) => reading.get_mut(number)?.row.as_mut(),
    }
}

fn row_in<'s>(
    lanes: &'s BTreeMap<usize, Lane>,
    reading: &'s [Reading],
    place: Place,
) -> Option<&'s Row> {
    match place {
        Place::Row { lane, row } => lanes.get(&lane)?.rows.get(row),
        Place::Reading(number) => reading.get(number)?.row.as_ref(),
    }
}
