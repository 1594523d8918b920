//! Attention of a batch without a tape: what it keeps is what its backward pass reads.
//!
//! Kept are queries, keys and values in rows, the mixed values of the tokens, and one number per query
//! and head: the log-sum-exp of its scores. A suffix sees itself and its prefix in a call each, merged
//! by their log-sum-exps; the backward pass runs call by call from what was merged, and the gradients
//! that a prefix gets from its suffixes are added to its own.

use super::runs::{Rectangle, Runs};
use super::{Heads, bytes};
use crate::ops::{self, FlashBody, Rotary, Sight};
use burn::tensor::Tensor;

// g groups, k suffixes, u suffix length, h heads, n heads of keys and values, d head dim

/// What the backward pass needs.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Queries, keys and values in rows: `[places, h + 2 n, d]`.
    rows: Tensor<3>,
    /// `[tokens, h d]`.
    mixed: Tensor<2>,
    /// The log-sum-exp of each query's scores, by part of the rows: `[rows, h, length]`.
    sums: Vec<Tensor<3>>,
    heads: Heads,
    /// Whether the projections came as three tensors.
    apart: bool,
}

/// A part of the rows.
#[derive(Clone, Copy)]
struct Part {
    first: usize,
    rectangle: Rectangle,
}

impl Part {
    /// The part that follows this one.
    fn then(self, rectangle: Rectangle) -> Self {
        Self { first: self.first + self.rectangle.places(), rectangle }
    }

    /// The rows of a group as one.
    fn by_group(self, groups: usize) -> Self {
        let Rectangle { count, length } = self.rectangle;
        Self { rectangle: Rectangle { count: groups, length: count / groups * length }, ..self }
    }

    /// Some heads of this part of `rows`.
    ///
    /// # Shapes
    /// - rows: `[places, heads, d]`, result: `[rows, count, length, d]`
    fn of(self, rows: &Tensor<3>, first_head: usize, count: usize) -> Tensor<4> {
        let Rectangle { count: of, length } = self.rectangle;
        let [_, heads, d] = rows.dims();
        // In this order all but the first is a change of strides.
        let rows = rows.clone().narrow(0, self.first, of * length).reshape([of, length, heads, d]);
        let rows = if count == heads { rows } else { rows.narrow(2, first_head, count) };
        rows.swap_dims(1, 2)
    }

    fn queries_keys_values(self, rows: &Tensor<3>, heads: Heads) -> [Tensor<4>; 3] {
        let Heads { queries, keys_values, .. } = heads;
        [(0, queries), (queries, keys_values), (queries + keys_values, keys_values)]
            .map(|(first, count)| self.of(rows, first, count))
    }
}

impl Kept {
    /// Bytes of the tensors.
    pub fn bytes(&self) -> usize {
        let sums: usize = self.sums.iter().map(bytes).sum();
        bytes(&self.rows) + bytes(&self.mixed) + sums
    }
}

/// Mixed values of the tokens, `[1, tokens, h d]`, and what [`backward`] needs.
pub(super) fn forward(
    runs: &Runs,
    body: FlashBody,
    rotary: Option<&Rotary>,
    projected: &[Tensor<3>],
    heads: Heads,
) -> (Tensor<3>, Kept) {
    let Heads { queries: h, keys_values: n, head_dim: d } = heads;
    let rows = ops::rows(projected, heads, rotary, &runs.places);
    let places = rows.dims()[0];
    let rows = rows.reshape([places, h + 2 * n, d]);
    let (mut mixed, mut sums) = (Vec::new(), Vec::new());
    // From heads of rows to rows of heads, as the tokens have them.
    let across = |t: Tensor<4>| t.swap_dims(1, 2);
    let flat = |t: Tensor<4>| {
        let [of, length, ..] = t.dims();
        t.reshape([of * length, h * d])
    };
    let mut part = Part { first: 0, rectangle: Rectangle { count: 0, length: 0 } };
    for run in &runs.runs {
        let prefixes = run.prefixes.map(|prefixes| {
            part = part.then(prefixes);
            let [q, k, v] = part.queries_keys_values(&rows, heads);
            let (of_prefixes, of_sums) = body.forward(q, k.clone(), v.clone(), Sight::Causal);
            mixed.push(flat(across(of_prefixes)));
            sums.push(of_sums);
            (prefixes.count, k, v)
        });
        part = part.then(run.rows);
        let [q, k, v] = part.queries_keys_values(&rows, heads);
        let (own, own_sums) = body.forward(q, k, v, Sight::Causal);
        let (merged, merged_sums) = match prefixes {
            None => (across(own), own_sums),
            Some((groups, k, v)) => {
                let q = part.by_group(groups).of(&rows, 0, h);
                let sight = Sight::Prefix(run.rows.length);
                let (shared, shared_sums) = body.forward(q, k, v, sight);
                ops::merge_attention((across(own), own_sums), (across(shared), shared_sums))
            }
        };
        mixed.push(flat(merged));
        sums.push(merged_sums);
    }
    let mixed = ops::collect(mixed, &runs.places);
    let tokens = mixed.dims()[0];
    let output = mixed.clone().reshape([1, tokens, h * d]);
    (output, Kept { rows, mixed, sums, heads, apart: projected.len() > 1 })
}

/// Gradients of the projections, in the shapes that they were given in.
pub(super) fn backward(
    runs: &Runs,
    body: FlashBody,
    rotary: Option<&Rotary>,
    kept: Kept,
    gradient: Tensor<3>,
) -> Vec<Tensor<3>> {
    let Kept { rows, mixed, sums, heads, apart } = kept;
    let Heads { queries: h, keys_values: n, head_dim: d } = heads;
    let tokens = mixed.dims()[0];
    let spread = |values: Tensor<2>| {
        let values = ops::spread(values, &runs.places);
        let places = values.dims()[0];
        values.reshape([places, h, d])
    };
    let mixed = spread(mixed);
    let gradient = spread(gradient.reshape([tokens, h * d]));
    let causal = |part: Part, sums: Tensor<3>| {
        let inputs = part.queries_keys_values(&rows, heads);
        let (mixed, gradient) = (part.of(&mixed, 0, h), part.of(&gradient, 0, h));
        body.backward(inputs, (mixed, sums), gradient, Sight::Causal)
    };
    let mut sums = sums.into_iter();
    let mut parts = Vec::new();
    let mut part = Part { first: 0, rectangle: Rectangle { count: 0, length: 0 } };
    for run in &runs.runs {
        let before = run.prefixes.map(|prefixes| {
            part = part.then(prefixes);
            (part, sums.next().map(|sums| causal(part, sums)))
        });
        part = part.then(run.rows);
        let Some(of_rows) = sums.next() else {
            continue;
        };
        let [dq, dk, dv] = causal(part, of_rows.clone());
        let Some((prefixes, Some([prefix_q, prefix_k, prefix_v]))) = before else {
            parts.push([dq, dk, dv]);
            continue;
        };
        let groups = prefixes.rectangle.count;
        let (count, u) = (run.rows.count, run.rows.length);
        let k = count / groups;
        let wide = part.by_group(groups);
        let [_, keys, values] = prefixes.queries_keys_values(&rows, heads);
        let by_group = of_rows.reshape([groups, k, h, u]).swap_dims(1, 2);
        let [shared_q, shared_k, shared_v] = body.backward(
            [wide.of(&rows, 0, h), keys, values],
            (wide.of(&mixed, 0, h), by_group.reshape([groups, h, k * u])),
            wide.of(&gradient, 0, h),
            Sight::Prefix(u),
        );
        let shared_q = shared_q.reshape([groups, h, k, u, d]).swap_dims(1, 2);
        let dq = dq.reshape([groups, k, h, u, d]) + shared_q;
        parts.push([prefix_q, prefix_k + shared_k, prefix_v + shared_v]);
        parts.push([dq.reshape([count, h, u, d]), dk, dv]);
    }
    let packed = ops::turn_back(parts, heads, rotary, &runs.places);
    let packed = packed.reshape([1, tokens, (h + 2 * n) * d]);
    if !apart {
        return vec![packed];
    }
    [(0, h), (h, n), (h + n, n)]
        .map(|(first, count)| packed.clone().narrow(2, first * d, count * d))
        .to_vec()
}
