//! Where the tokens of a batch stand: groups of one prefix and its suffixes.
//!
//! A row is `[prefix | suffix 0 | suffix 1 | …]`, each part padded on the right. Positions of every
//! suffix start at the prefix's true length, so a sample has the positions that it would have alone.

use crate::DecoderConfig;
use crate::config::Position;
use crate::ops::{GroupBias, GroupShape, alibi_slopes, rope_tables};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// One supervised label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Flattened position, in `[groups * length]`, whose hidden state predicts the label.
    pub position: usize,
    /// The token to predict.
    pub label: u32,
    /// Its weight in the sum; 1 for the token average.
    pub weight: f32,
}

/// A batch as plain vectors.
#[derive(Clone, Debug)]
pub struct GroupBatch {
    /// Number of rows.
    pub groups: usize,
    /// How a row is divided.
    pub shape: GroupShape,
    /// Token ids, `[groups, shape.length()]` row-major.
    pub ids: Vec<i32>,
    /// True length of each prefix.
    pub prefix_lengths: Vec<usize>,
    /// What is supervised.
    pub targets: Vec<Target>,
}

/// What is the same in every block of a batch, on the device.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How a row is divided.
    pub shape: GroupShape,
    /// Rotary tables `[groups or 1, 1, length, head_dim]`; absent under ALiBi.
    pub rotary: Option<(Tensor<4>, Tensor<4>)>,
    /// Masks and biases.
    pub bias: GroupBias,
}

impl GroupBatch {
    /// Token ids on the device: `[groups, length]`.
    pub fn ids(&self, device: &Device) -> Tensor<2, Int> {
        Tensor::from_data(
            TensorData::new(self.ids.clone(), [self.groups, self.shape.length()]),
            device,
        )
    }
}

impl Layout {
    /// Positions and masks of `batch`.
    pub fn new(batch: &GroupBatch, config: &DecoderConfig, device: &Device) -> Self {
        let rotary = (config.position() == Position::Rope).then(|| {
            let first = batch.prefix_lengths[0];
            let uniform = batch.prefix_lengths.iter().all(|length| *length == first);
            let rows = if uniform { 1 } else { batch.groups };
            let positions: Vec<usize> = batch.prefix_lengths[..rows]
                .iter()
                .flat_map(|length| positions(batch.shape, *length))
                .collect();
            rope_tables(&positions, rows, config.head_dim(), config.rope_theta, device)
        });
        Self { shape: batch.shape, rotary, bias: bias(batch, config, device) }
    }
}

/// Position of each place in a row whose prefix is really `prefix_length` long.
fn positions(shape: GroupShape, prefix_length: usize) -> impl Iterator<Item = usize> {
    let suffixes =
        (0..shape.k).flat_map(move |_| (0..shape.suffix).map(move |i| prefix_length + i));
    (0..shape.prefix).chain(suffixes)
}

fn bias(batch: &GroupBatch, config: &DecoderConfig, device: &Device) -> GroupBias {
    let slopes = match config.position() {
        Position::Rope => vec![0.0],
        Position::Alibi => alibi_slopes(config.num_attention_heads),
    };
    let GroupShape { prefix: p, k, suffix: u } = batch.shape;
    let causal = |length: usize| {
        tensor(
            slopes.iter().flat_map(|slope| causal_bias(length, *slope)).collect(),
            [1, slopes.len(), length, length],
            device,
        )
    };
    if p == 0 {
        return GroupBias { prefix: None, shared: None, own: causal(u) };
    }
    // Without ALiBi the bias of a suffix to its prefix is the same for each query.
    let queries = if slopes == [0.0] { 1 } else { k * u };
    let mut shared = Vec::with_capacity(batch.groups * slopes.len() * queries * p);
    for length in &batch.prefix_lengths {
        for slope in &slopes {
            for query in 0..queries {
                let position = length + query % u.max(1);
                shared.extend((0..p).map(|key| {
                    if key < *length {
                        (slope * (key as f64 - position as f64)) as f32
                    } else {
                        f32::NEG_INFINITY
                    }
                }));
            }
        }
    }
    GroupBias {
        prefix: Some(causal(p)),
        shared: Some(tensor(shared, [batch.groups, slopes.len(), queries, p], device)),
        own: causal(u),
    }
}

/// `slope · (key - query)` where the key is not later than the query, else -inf: `[length, length]`.
fn causal_bias(length: usize, slope: f64) -> impl Iterator<Item = f32> {
    (0..length).flat_map(move |query| {
        (0..length).map(move |key| {
            if key <= query {
                (slope * (key as f64 - query as f64)) as f32
            } else {
                f32::NEG_INFINITY
            }
        })
    })
}

/// A tensor from host numbers.
pub(crate) fn tensor(values: Vec<f32>, shape: [usize; 4], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
