//! Keys and values of the rows behind one prefix.
//!
//! The rows lie in one tensor and all end at the same column, so that a step writes one column of every
//! row, in place, whatever they have read before:
//!
//! ```text
//! row 0   . . . . a a a a a a . . . .       columns: 14, end: 10, span: 6
//! row 1   . . . . . . . b b b . . . .       (dots are free, or padding that is masked)
//! ```
//!
//! When the columns are used up, what is alive moves to the front of a tensor with a chunk of free
//! columns: one copy in [`CHUNK`] steps instead of one a step. Rows that are alive are the first ones;
//! where one leaves, the last one takes its place.

use crate::block::KeysValues;
use burn::tensor::{Int, Tensor, TensorData};

/// Columns that are free after a move.
pub(super) const CHUNK: usize = 64;

/// Columns that a cache has at most, if its widest row has `width` tokens at most.
pub(super) fn columns(width: usize) -> usize {
    width.next_multiple_of(CHUNK) + CHUNK
}

/// The cache of some rows; the new column is opened first, then written block by block.
#[derive(Debug, Default)]
pub(super) struct Cache {
    blocks: Vec<Slab>,
    /// Rows and columns of the tensors.
    rows: usize,
    columns: usize,
    /// Where every row ends.
    end: usize,
    /// Tokens of each row that is alive.
    lengths: Vec<usize>,
}

/// Of one block: `[rows, key-value heads, columns, head_dim]`. A tensor is taken out to be changed: who
/// shares it cannot be written to in place.
#[derive(Debug)]
struct Slab {
    keys: Option<Tensor<4>>,
    values: Option<Tensor<4>>,
}

impl Cache {
    /// Tokens of each row.
    pub(super) fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Tokens of the longest row.
    pub(super) fn span(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or(0)
    }

    /// Cached tokens that the tensors have room for.
    #[cfg(test)]
    fn slots(&self) -> usize {
        self.rows * self.columns
    }

    /// Adds a row with what was read of it, `[1, key-value heads, length, head_dim]` of each block.
    /// `rows` are expected in all.
    pub(super) fn join(&mut self, read: Vec<KeysValues>, rows: usize) {
        let length = read.first().map_or(0, |(keys, _)| keys.dims()[2]);
        let row = self.lengths.len();
        if row == 0 {
            self.clear();
            (self.rows, self.columns, self.end) = (rows.max(1), columns(length), length);
            let fresh = |like: &Tensor<4>| Some(empty(like, self.rows, self.columns));
            self.blocks =
                read.iter().map(|(k, v)| Slab { keys: fresh(k), values: fresh(v) }).collect();
        } else if row == self.rows || length > self.end {
            self.rebuild(rows.max(row + 1), self.span().max(length));
        }
        let columns = self.end - length..self.end;
        for (slab, (keys, values)) in self.blocks.iter_mut().zip(read) {
            change(&mut slab.keys, |slab| assign(slab, row, columns.clone(), keys));
            change(&mut slab.values, |slab| assign(slab, row, columns.clone(), values));
        }
        self.lengths.push(length);
    }

    /// Takes a row out; the last one takes its place.
    pub(super) fn leave(&mut self, row: usize) {
        let last = self.lengths.len() - 1;
        let length = self.lengths[last];
        let columns = self.end - length..self.end;
        if row < last {
            let moved = |slab: Tensor<4>| {
                let part = slab.clone().narrow(0, last, 1).narrow(2, columns.start, length);
                // Copied first: a view of the slab would keep it from being written in place.
                let part = copy(part);
                assign(slab, row, columns.clone(), part)
            };
            for slab in &mut self.blocks {
                change(&mut slab.keys, moved);
                change(&mut slab.values, moved);
            }
        }
        self.lengths.swap_remove(row);
    }

    /// Gives back what `rows` rows of at most `width` tokens do not need.
    pub(super) fn fit(&mut self, rows: usize, width: usize) {
        if self.lengths.is_empty() {
            self.clear();
        } else if self.rows > rows || self.columns > columns(width) {
            self.rebuild(rows.max(self.lengths.len()), self.span());
        }
    }

    /// Opens a column for a new token of every row.
    pub(super) fn open(&mut self) {
        if self.end == self.columns {
            self.rebuild(self.rows, self.span());
        }
        self.end += 1;
        self.lengths.iter_mut().for_each(|length| *length += 1);
    }

    /// Writes the open column of a block, `[rows, key-value heads, 1, head_dim]`, and gives all that is
    /// alive: `[rows, key-value heads, span, head_dim]`.
    pub(super) fn write(&mut self, block: usize, keys: Tensor<4>, values: Tensor<4>) -> KeysValues {
        let (span, rows) = (self.span(), self.lengths.len());
        let (end, slab) = (self.end, &mut self.blocks[block]);
        let written = |slot: &mut Option<Tensor<4>>, new: Tensor<4>| {
            // Without a tensor there is nothing cached before.
            let slab = match slot.take() {
                Some(slab) => assign(slab, 0, end - 1..end, new),
                None => new,
            };
            let alive = slab.clone().narrow(0, 0, rows).narrow(2, end - span, span);
            *slot = Some(slab);
            alive
        };
        (written(&mut slab.keys, keys), written(&mut slab.values, values))
    }

    fn clear(&mut self) {
        self.blocks.clear();
        (self.rows, self.columns, self.end) = (0, 0, 0);
    }

    /// Moves what is alive to the front of tensors with so many rows, ending at `span`.
    fn rebuild(&mut self, rows: usize, span: usize) {
        let (alive, length, end) = (self.lengths.len(), self.span(), self.end);
        let columns = columns(span);
        let moved = |slab: Tensor<4>| {
            let part = slab.narrow(0, 0, alive).narrow(2, end - length, length);
            assign(empty(&part, rows, columns), 0, span - length..span, part)
        };
        for slab in &mut self.blocks {
            change(&mut slab.keys, moved);
            change(&mut slab.values, moved);
        }
        (self.rows, self.columns, self.end) = (rows, columns, span);
    }
}

fn change(slot: &mut Option<Tensor<4>>, change: impl FnOnce(Tensor<4>) -> Tensor<4>) {
    *slot = slot.take().map(change);
}

/// Zeros of this many rows and columns; padding is masked, but must be finite.
fn empty(like: &Tensor<4>, rows: usize, columns: usize) -> Tensor<4> {
    let [_, heads, _, width] = like.dims();
    Tensor::zeros([rows, heads, columns, width], (&like.device(), like.dtype()))
}

/// Puts `part` at rows from `row` on, in these columns.
fn assign(
    slab: Tensor<4>,
    row: usize,
    columns: std::ops::Range<usize>,
    part: Tensor<4>,
) -> Tensor<4> {
    let [rows, heads, _, width] = part.dims();
    slab.slice_assign([row..row + rows, 0..heads, columns, 0..width], part)
}

/// The same values in a tensor that shares nothing.
pub(super) fn copy(part: Tensor<4>) -> Tensor<4> {
    let rows = part.dims()[0];
    let index: Vec<i32> = (0..rows as i32).collect();
    let device = part.device();
    part.select(0, Tensor::<1, Int>::from_data(TensorData::new(index, [rows]), &device))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use burn::tensor::Device;

    /// Two heads of width 3 whose every number is `value`, or -`value` for values.
    fn part(rows: &[f32], length: usize, sign: f32) -> Tensor<4> {
        let values: Vec<f32> =
            rows.iter().flat_map(|value| vec![sign * value; 2 * length * 3]).collect();
        Tensor::from_data(TensorData::new(values, [rows.len(), 2, length, 3]), &Device::flex())
    }

    /// One token after another of a row: `[1, 2, length, 3]`.
    fn read(tokens: &[f32]) -> Vec<KeysValues> {
        let tokens_of =
            |sign| Tensor::cat(tokens.iter().map(|token| part(&[*token], 1, sign)).collect(), 2);
        vec![(tokens_of(1.0), tokens_of(-1.0)); 2]
    }

    /// What each row holds, by any rows that come and go in any order.
    #[test]
    fn rows_hold_what_they_read_whoever_comes_and_goes() {
        let (mut cache, mut rows): (Cache, Vec<Vec<f32>>) = Default::default();
        let mut state = 9usize;
        let mut draw = |limit: usize| {
            state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
            (state >> 8) % limit
        };
        let mut token = 0.0;
        let mut next = || {
            token += 1.0;
            token
        };
        for step in 0..400 {
            match draw(12) {
                0 | 1 if rows.len() < 6 => {
                    let tokens: Vec<f32> = (0..1 + draw(90)).map(|_| next()).collect();
                    cache.join(read(&tokens), rows.len() + 1 + draw(3));
                    rows.push(tokens);
                }
                2 if !rows.is_empty() => {
                    let row = draw(rows.len());
                    cache.leave(row);
                    rows.swap_remove(row);
                }
                3 => {
                    let width = cache.span() + draw(20);
                    cache.fit(rows.len(), width);
                    assert!(cache.slots() <= rows.len() * columns(width), "step {step}");
                }
                _ if !rows.is_empty() => {
                    let new: Vec<f32> = rows.iter().map(|_| next()).collect();
                    rows.iter_mut().zip(&new).for_each(|(row, token)| row.push(*token));
                    cache.open();
                    for block in 0..2 {
                        let (keys, values) =
                            cache.write(block, part(&new, 1, 1.0), part(&new, 1, -1.0));
                        check(&keys, &rows, 1.0);
                        check(&values, &rows, -1.0);
                    }
                }
                _ => {}
            }
            assert_eq!(cache.lengths(), rows.iter().map(Vec::len).collect::<Vec<_>>());
        }
    }

    fn check(found: &Tensor<4>, rows: &[Vec<f32>], sign: f32) {
        let [count, heads, span, width] = found.dims();
        assert_eq!(count, rows.len());
        let found: Vec<f32> = found.to_data().iter().collect();
        for (row, tokens) in rows.iter().enumerate() {
            for head in 0..heads {
                for (i, token) in tokens.iter().enumerate() {
                    let column = span - tokens.len() + i;
                    let at = ((row * heads + head) * span + column) * width;
                    assert_eq!(found[at..at + width], [sign * token; 3]);
                }
            }
        }
    }
}
