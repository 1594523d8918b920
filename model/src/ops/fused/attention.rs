//! Attention over groups, from projections to mixed values, rotary positions included.
//!
//! A tile is a few queries of one part (a prefix or a suffix). Its scores lie in one small buffer:
//! first those of the prefix's keys, then those of the part's own up to the tile's last query, so that
//! nothing above the diagonal is computed but within the tile. Only the logarithm of each query's sum
//! is kept; the backward pass computes the scores of a tile again. Tokens are read where they stand:
//! no padding is gathered, keys and values shared by several heads are not repeated.

use super::lanes::{self, dot, exp, vectorised};
use super::product::{Existing, Matrix, product};
use super::{
    Fused, Shared, apply, constant, dims, each_part, input, tensor, values, width, written,
};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use std::ops::Range;
use std::sync::Arc;

/// Queries of a tile.
const TILE: usize = 64;

/// A group's tokens: a prefix, then its suffixes, end to end.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// The first token.
    pub start: usize,
    /// Length of the prefix.
    pub prefix: usize,
    /// Length of each suffix.
    pub suffixes: Vec<usize>,
}

/// What is attended, and how.
#[derive(Clone, Debug)]
pub(crate) struct Attention {
    /// The groups.
    pub spans: Arc<[Span]>,
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of keys and values; a divisor of `heads`.
    pub key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// ALiBi's slope of each head, or nothing.
    pub slopes: Arc<[f32]>,
}

/// Attention of `[1, tokens, …]`, if all is f32 on flex: `[1, tokens, heads · head_dim]`.
///
/// `projected` is either queries, keys and values side by side or each of the three. The tables of
/// rotary positions are `[1, 1, tokens, head_dim]`.
pub(crate) fn attention(
    projected: &[Tensor<3>],
    rotary: Option<&(Tensor<4>, Tensor<4>)>,
    shape: Attention,
) -> Option<Tensor<3>> {
    let rotary = match rotary {
        Some((cos, sin)) => Some((constant(cos)?, constant(sin)?)),
        None => None,
    };
    match projected {
        [packed] => Some(apply(Packed(shape, rotary), [input(packed)?])),
        [q, k, v] => Some(apply(Apart(shape, rotary), [input(q)?, input(k)?, input(v)?])),
        _ => None,
    }
}

type Tables = Option<(FlexTensor, FlexTensor)>;

#[derive(Clone, Debug)]
struct Packed(Attention, Tables);

#[derive(Clone, Debug)]
struct Apart(Attention, Tables);

/// The result, and for each head and token the logarithm of its sum of exponentials.
type Saved = (FlexTensor, Vec<f32>);

impl Fused<1> for Packed {
    type Saved = Saved;

    fn forward(&self, [packed]: [&FlexTensor; 1]) -> (FlexTensor, Saved) {
        let stride = width(packed);
        let columns = self.0.columns().map(|column| (values(packed), stride, column));
        self.0.forward(columns, &self.1)
    }

    fn backward(
        &self,
        [packed]: [&FlexTensor; 1],
        saved: Saved,
        gradient: &FlexTensor,
        _: [bool; 1],
    ) -> [Option<FlexTensor>; 1] {
        let (all, stride) = (values(packed), width(packed));
        let columns = self.0.columns().map(|column| (all, stride, column));
        let result = written(all.len(), |out| {
            let out = Shared::new(out);
            let outs = self.0.columns().map(|column| (out, stride, column));
            self.0.backward(columns, outs, &self.1, &saved, gradient);
        });
        [Some(tensor(result, &dims(packed)))]
    }
}

impl Fused<3> for Apart {
    type Saved = Saved;

    fn forward(&self, inputs: [&FlexTensor; 3]) -> (FlexTensor, Saved) {
        self.0.forward(inputs.map(|part| (values(part), width(part), 0)), &self.1)
    }

    fn backward(
        &self,
        inputs: [&FlexTensor; 3],
        saved: Saved,
        gradient: &FlexTensor,
        _: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let columns = inputs.map(|part| (values(part), width(part), 0));
        let mut results = inputs.map(|part| vec![0.0; values(part).len()]);
        let [q, k, v] = &mut results;
        let outs = [q, k, v].map(|part| Shared::new(part));
        let outs = [0, 1, 2].map(|i| (outs[i], columns[i].1, 0));
        self.0.backward(columns, outs, &self.1, &saved, gradient);
        let [q, k, v] = results;
        [(q, inputs[0]), (k, inputs[1]), (v, inputs[2])]
            .map(|(part, like)| Some(tensor(part, &dims(like))))
    }
}

/// Where something lies: values, distance of rows, first column.
type Place<'a> = (&'a [f32], usize, usize);
type OutPlace = (Shared, usize, usize);

/// A prefix or a suffix: its tokens counted from the group's first, and the keys before them.
struct Part {
    tokens: Range<usize>,
    before: usize,
}

impl Span {
    fn tokens(&self) -> usize {
        self.prefix + self.suffixes.iter().sum::<usize>()
    }

    fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        let mut next = self.prefix;
        let suffixes = self.suffixes.iter().map(move |length| {
            let start = next;
            next += length;
            Part { tokens: start..next, before: self.prefix }
        });
        std::iter::once(Part { tokens: 0..self.prefix, before: 0 }).chain(suffixes)
    }
}

/// A few queries and the keys that they see.
struct Tile {
    /// Queries, counted from the group's first token.
    queries: Range<usize>,
    /// Keys of the prefix, all seen.
    before: usize,
    /// The first own key; the queries see own keys up to themselves.
    own: usize,
}

impl Tile {
    fn rows(&self) -> usize {
        self.queries.len()
    }

    fn own_keys(&self) -> usize {
        self.queries.end - self.own
    }

    fn keys(&self) -> usize {
        self.before + self.own_keys()
    }

    /// Keys that row `i` sees: they are its first ones.
    fn seen(&self, i: usize) -> usize {
        self.before + self.queries.start - self.own + i + 1
    }
}

fn tiles(span: &Span) -> impl Iterator<Item = Tile> + '_ {
    span.parts().flat_map(|part| {
        let Range { start: own, end } = part.tokens;
        (own..end).step_by(TILE).map(move |start| Tile {
            queries: start..end.min(start + TILE),
            before: part.before,
            own,
        })
    })
}

impl Attention {
    /// First columns of queries, keys and values where they lie side by side.
    fn columns(&self) -> [usize; 3] {
        let (q, kv) = (self.heads * self.head_dim, self.key_value_heads * self.head_dim);
        [0, q, q + kv]
    }

    fn scale(&self) -> f32 {
        (1.0 / (self.head_dim as f64).sqrt()) as f32
    }

    fn slope(&self, head: usize) -> f32 {
        self.slopes.get(head).copied().unwrap_or(0.0)
    }

    /// Calls `work(span, key-value head)` for each, on several threads if there is much to do.
    fn each(&self, tokens: usize, work: impl Fn(&Span, usize) + Send + Sync) {
        let heads = self.key_value_heads;
        each_part(self.spans.len() * heads, tokens * self.heads * self.head_dim * 8, |i| {
            work(&self.spans[i / heads], i % heads);
        });
    }

    fn forward(&self, [q, k, v]: [Place; 3], tables: &Tables) -> (FlexTensor, Saved) {
        let d = self.head_dim;
        let wide = self.heads * d;
        let tokens = self.spans.iter().map(Span::tokens).sum::<usize>();
        assert_eq!(tokens * q.1, q.0.len(), "tokens of the groups and of the batch");
        let mut sums = vec![0.0; self.heads * tokens];
        let out = written(tokens * wide, |out| {
            let (out, sums) = (Shared::new(out), Shared::new(&mut sums));
            self.each(tokens, |span, kv_head| {
                let n = span.tokens();
                let keys = turned(k, span, kv_head, d, tables);
                let held = copied(v, span, kv_head, d);
                let mut scores = vec![0.0; TILE * n];
                for head in self.heads_of(kv_head) {
                    let queries = turned(q, span, head, d, tables);
                    // SAFETY: each group and head belong to one task.
                    let sums = unsafe { sums.part(head * tokens + span.start, n) };
                    for tile in tiles(span) {
                        let width = tile.keys();
                        let mut totals = [0.0; TILE];
                        self.scores(&tile, &queries, &keys, &mut scores);
                        for (i, query) in tile.queries.clone().enumerate() {
                            let row = &mut scores[i * width..][..width];
                            let (seen, unseen) = row.split_at_mut(tile.seen(i));
                            if self.slope(head) != 0.0 {
                                slanted(seen, self.slope(head));
                            }
                            let most = lanes::largest(seen);
                            totals[i] = lanes::exponentials(seen, most);
                            sums[query] = most + totals[i].ln();
                            unseen.fill(0.0);
                        }
                        let at = (span.start + tile.queries.start) * wide + head * d;
                        // SAFETY: the columns of a head in the rows of a group belong to one task.
                        unsafe {
                            mix(&tile, &scores, &held, d, out.at(at), wide);
                            for (i, total) in totals[..tile.rows()].iter().enumerate() {
                                lanes::scale(out.part(at + i * wide, d), total.recip());
                            }
                        }
                    }
                }
            });
        });
        let out = tensor(out, &[1, tokens, wide]);
        (out.clone(), (out, sums))
    }

    fn heads_of(&self, key_value_head: usize) -> Range<usize> {
        let each = self.heads / self.key_value_heads;
        key_value_head * each..(key_value_head + 1) * each
    }

    /// Scores of a tile: `[rows, keys]`.
    fn scores(&self, tile: &Tile, queries: &[f32], keys: &[f32], scores: &mut [f32]) {
        let d = self.head_dim;
        let (rows, width) = (tile.rows(), tile.keys());
        let q = Matrix::rows(&queries[tile.queries.start * d..], d);
        // SAFETY: `scores` has place for rows · keys values.
        unsafe { against(tile, q, keys, d, self.scale(), scores.as_mut_ptr(), rows, width) }
    }

    /// Gradients of queries, keys and values are written to `outs`.
    fn backward(
        &self,
        [q, k, v]: [Place; 3],
        outs: [OutPlace; 3],
        tables: &Tables,
        (out, sums): &Saved,
        gradient: &FlexTensor,
    ) {
        let d = self.head_dim;
        let wide = self.heads * d;
        let (out, gradient) = (values(out), values(gradient));
        let tokens = out.len() / wide.max(1);
        self.each(tokens, |span, kv_head| {
            let n = span.tokens();
            let keys = turned(k, span, kv_head, d, tables);
            let held = copied(v, span, kv_head, d);
            let (mut of_keys, mut of_held) = (vec![0.0; n * d], vec![0.0; n * d]);
            let (mut weights, mut slopes) = (vec![0.0; TILE * n], vec![0.0; TILE * n]);
            for head in self.heads_of(kv_head) {
                let queries = turned(q, span, head, d, tables);
                let mut of_queries = vec![0.0; n * d];
                let sums = &sums[head * tokens + span.start..][..n];
                for tile in tiles(span) {
                    let width = tile.keys();
                    self.scores(&tile, &queries, &keys, &mut weights);
                    let at = (span.start + tile.queries.start) * wide + head * d;
                    let dy = Matrix::rows(&gradient[at..], wide);
                    // SAFETY: `slopes` has place for rows · keys values.
                    unsafe {
                        let to = slopes.as_mut_ptr();
                        against(&tile, dy, &held, d, 1.0, to, tile.rows(), width);
                    }
                    for (i, query) in tile.queries.clone().enumerate() {
                        let row = i * width..(i + 1) * width;
                        let (w, s) = (&mut weights[row.clone()], &mut slopes[row]);
                        let seen = tile.seen(i);
                        if self.slope(head) != 0.0 {
                            slanted(&mut w[..seen], self.slope(head));
                        }
                        let (y, dy) = (&out[at + i * wide..][..d], &gradient[at + i * wide..][..d]);
                        of_scores(&mut w[..seen], &mut s[..seen], sums[query], dot(y, dy));
                        w[seen..].fill(0.0);
                        s[seen..].fill(0.0);
                    }
                    let q = Matrix::rows(&queries[tile.queries.start * d..], d);
                    let to = of_queries[tile.queries.start * d..].as_mut_ptr();
                    // SAFETY: all three are of this task, and as long as the group.
                    unsafe {
                        mix(&tile, &slopes, &keys, d, to, d);
                        spread(&tile, &slopes, q, d, &mut of_keys);
                        spread(&tile, &weights, dy, d, &mut of_held);
                    }
                }
                lanes::scale(&mut of_queries, self.scale());
                turn_back(&of_queries, outs[0], span, head, d, tables);
            }
            lanes::scale(&mut of_keys, self.scale());
            turn_back(&of_keys, outs[1], span, kv_head, d, tables);
            turn_back(&of_held, outs[2], span, kv_head, d, &None);
        });
    }
}

/// `rows · keysᵀ` of a tile, of its prefix's keys and of its own side by side.
///
/// # Safety
/// `to` has place for `count · width` values that nobody else uses.
#[allow(clippy::too_many_arguments)]
unsafe fn against(
    tile: &Tile,
    rows: Matrix,
    keys: &[f32],
    d: usize,
    factor: f32,
    to: *mut f32,
    count: usize,
    width: usize,
) {
    let shared = Matrix::rows(keys, d).transposed();
    let own = Matrix::rows(&keys[tile.own * d..], d).transposed();
    let replace = Existing::Replace;
    // SAFETY: the caller's promise; keys of the prefix and own ones are within `keys`.
    unsafe {
        product([count, tile.before, d], to, width, replace, rows, shared, factor, false);
        let to = to.add(tile.before);
        product([count, tile.own_keys(), d], to, width, replace, rows, own, factor, false);
    }
}

/// `weights · held` of a tile, over its prefix's rows and its own.
///
/// # Safety
/// `to` has place for the tile's rows of `d` values, `stride` apart, that nobody else uses.
unsafe fn mix(tile: &Tile, weights: &[f32], held: &[f32], d: usize, to: *mut f32, stride: usize) {
    let (rows, width) = (tile.rows(), tile.keys());
    let (shared, own) =
        (Matrix::rows(weights, width), Matrix::rows(&weights[tile.before..], width));
    let held_own = Matrix::rows(&held[tile.own * d..], d);
    let dims = [rows, d, tile.own_keys()];
    // SAFETY: the caller's promise; the tile's keys are within `held`.
    unsafe {
        product(dims, to, stride, Existing::Replace, own, held_own, 1.0, false);
        if tile.before > 0 {
            let (dims, held) = ([rows, d, tile.before], Matrix::rows(held, d));
            product(dims, to, stride, Existing::Keep, shared, held, 1.0, false);
        }
    }
}

/// `into += weightsᵀ · rows` of a tile, into its prefix's rows and its own.
///
/// # Safety
/// `rows` are the tile's.
unsafe fn spread(tile: &Tile, weights: &[f32], rows: Matrix, d: usize, into: &mut [f32]) {
    let (count, width) = (tile.rows(), tile.keys());
    let (shared, own) =
        (Matrix::rows(weights, width), Matrix::rows(&weights[tile.before..], width));
    let keep = Existing::Keep;
    let (own_dims, shared_dims) = ([tile.own_keys(), d, count], [tile.before, d, count]);
    // SAFETY: the caller's promise; the tile's keys are within `into`.
    unsafe {
        let to = into[tile.own * d..].as_mut_ptr();
        product(own_dims, to, d, keep, own.transposed(), rows, 1.0, false);
        product(shared_dims, into.as_mut_ptr(), d, keep, shared.transposed(), rows, 1.0, false);
    }
}

/// The rows of one head of a group, end to end.
fn copied((from, stride, column): Place, span: &Span, head: usize, d: usize) -> Vec<f32> {
    let mut rows = Vec::with_capacity(span.tokens() * d);
    for token in span.start..span.start + span.tokens() {
        rows.extend_from_slice(&from[token * stride + column + head * d..][..d]);
    }
    rows
}

/// The same, turned by their positions.
fn turned(from: Place, span: &Span, head: usize, d: usize, tables: &Tables) -> Vec<f32> {
    let mut rows = copied(from, span, head, d);
    if let Some((cos, sin)) = tables {
        let (cos, sin) = (values(cos), values(sin));
        for (i, row) in rows.chunks_exact_mut(d).enumerate() {
            let at = (span.start + i) * d;
            turn(row, &cos[at..][..d], &sin[at..][..d], 1.0);
        }
    }
    rows
}

/// Writes gradients of turned rows as those of the rows themselves.
fn turn_back(
    rows: &[f32],
    (out, stride, column): OutPlace,
    span: &Span,
    head: usize,
    d: usize,
    tables: &Tables,
) {
    for (i, row) in rows.chunks_exact(d).enumerate() {
        let token = span.start + i;
        // SAFETY: the columns of a head in the rows of a group belong to one task.
        let out = unsafe { out.part(token * stride + column + head * d, d) };
        out.copy_from_slice(row);
        if let Some((cos, sin)) = tables {
            let (cos, sin) = (values(cos), values(sin));
            turn(out, &cos[token * d..][..d], &sin[token * d..][..d], -1.0);
        }
    }
}

vectorised! {
    /// Turns each pair `(i, i + d/2)` by its angle, or back where `direction` is -1.
    pub fn turn(row: &mut [f32], cos: &[f32], sin: &[f32], direction: f32) {
        let (first, second) = row.split_at_mut(row.len() / 2);
        for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
            let sin = sin * direction;
            (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
        }
    }
}

vectorised! {
    /// ALiBi: each key `j` of a row of scores gets `slope · (j - last)`.
    pub fn slanted(seen: &mut [f32], slope: f32) {
        let last = seen.len() as f32 - 1.0;
        for (j, score) in seen.iter_mut().enumerate() {
            *score += slope * (j as f32 - last);
        }
    }
}

vectorised! {
    /// From scores and gradients of weights to weights and gradients of scores.
    pub fn of_scores(scores: &mut [f32], gradients: &mut [f32], sum: f32, along: f32) {
        for (score, gradient) in scores.iter_mut().zip(gradients) {
            *score = exp(*score - sum);
            *gradient = *score * (*gradient - along);
        }
    }
}
