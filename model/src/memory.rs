//! Bytes that a forward and a backward pass hold, as functions of shapes.
//!
//! A micro-batch is chosen before the first one is computed, so what it will hold must be known from
//! the shape of the network and of the batch alone. Each line of [`Network::tape`] is a tensor that an
//! operation of [`ops`](crate::ops) keeps for its backward pass. `docs/memory.md` has the same as formulas; an allocator counts it in a test of `trainer`.

mod explicit;
mod tape;

pub use tape::Saved;
pub(crate) use tape::is_behind_attention;

use crate::block::linear_path;
use crate::decoder::{EMBEDDING, HEAD, block_path};
use crate::lora::{LinearLayer, Setting, linear_layers};
use crate::weight::WeightInfo;
use crate::{DecoderConfig, Error, LoraConfig};
use burn::tensor::DType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

// t tokens, n of them behind attention, h hidden, q width of the queries, p of queries, keys and values,
// f intermediate, v vocabulary, c rows of a chunk, e bytes of a value

/// How large a micro-batch is; the order is that of what it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BatchShape {
    /// Tokens without padding.
    pub tokens: u64,
    /// Places that attention pads them to.
    pub places: u64,
    /// Supervised positions.
    pub targets: u64,
    /// Pairs of a query and a key that it sees.
    pub pairs: u64,
    /// The same with padding and what is masked: scores of one head in the plain body of attention.
    pub scores: u64,
    /// Tokens of the longest group.
    pub longest: u64,
}

impl BatchShape {
    /// The largest of each.
    pub fn cover(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.max(other.tokens),
            places: self.places.max(other.places),
            targets: self.targets.max(other.targets),
            pairs: self.pairs.max(other.pairs),
            scores: self.scores.max(other.scores),
            longest: self.longest.max(other.longest),
        }
    }
}

/// The adapters of a network.
#[derive(Clone, Debug, Default)]
pub struct Adapters {
    /// By the path of the layer.
    pub settings: BTreeMap<String, Setting>,
    /// Whether rows have magnitudes of their own.
    pub dora: bool,
    /// Whether inputs are dropped.
    pub drops: bool,
    /// Whether the factors that were taken out of the weights are kept.
    pub keeps_start: bool,
}

impl Adapters {
    /// Those that `lora` puts beside the layers of `config`.
    pub fn new(config: &DecoderConfig, lora: &LoraConfig) -> Result<Self, Error> {
        Ok(Self {
            settings: lora.settings(&linear_layers(config))?,
            dora: lora.dora,
            drops: lora.dropout > 0.0,
            keeps_start: lora.is_pissa(),
        })
    }
}

/// What computes blocks and their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// Tapes of the bodies of `ops/fused/`: f32 on flex.
    Fused,
    /// Tapes of Burn's own operations: other types on flex.
    Plain,
    /// Backward passes that are written out, over kernels: a GPU. DoRA's blocks are as those of
    /// [`Plain`](Self::Plain).
    Explicit,
}

/// A network as far as bytes go.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its shape.
    pub config: DecoderConfig,
    /// Type of weights and activations; adapters are f32.
    pub dtype: DType,
    /// Adapters, beside which all is frozen; without them every weight is trained.
    pub adapters: Option<Adapters>,
    /// What computes it.
    pub bodies: Bodies,
    /// Threads that compute it.
    pub threads: usize,
}

/// What a forward and a backward pass hold at their fullest moment, weights and gradients apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peak {
    /// Tapes, inputs of blocks that are computed again, and what all blocks share.
    pub activations: u64,
    /// Logits of a chunk and its hidden states.
    pub logits: u64,
    /// What one operation holds for itself: of a block, or of the head's matrix.
    pub work: u64,
}

impl Peak {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.activations + self.logits + self.work
    }
}

const F32: u64 = 4;

impl Network {
    /// Every weight as [`list`](crate::weight::list) would name it, without building one.
    pub fn weights(&self) -> Vec<WeightInfo> {
        let (h, v) = (self.config.hidden_size, self.config.vocab_size);
        let trained = self.adapters.is_none();
        let info = |path: String, dims: &[usize], trainable| WeightInfo {
            path,
            dims: dims.to_vec(),
            trainable,
        };
        let mut weights = vec![info(EMBEDDING.to_owned(), &[v, h], trained)];
        for block in 0..self.config.num_hidden_layers {
            for norm in ["input_layernorm", "post_attention_layernorm"] {
                weights.push(info(format!("{}.{norm}.weight", block_path(block)), &[h], trained));
            }
            for name in self.config.linear_names() {
                let path = format!("{}.{}", block_path(block), linear_path(name));
                let (out, input) = self.config.linear_shape(name);
                weights.push(info(format!("{path}.weight"), &[out, input], trained));
                let Some(rank) = self.rank_of(&path) else { continue };
                weights.push(info(format!("{path}.lora_A.weight"), &[rank, input], true));
                weights.push(info(format!("{path}.lora_B.weight"), &[out, rank], true));
                if self.adapters.as_ref().is_some_and(|adapters| adapters.dora) {
                    weights.push(info(format!("{path}.lora_magnitude_vector"), &[out], true));
                }
            }
        }
        weights.push(info("model.norm.weight".to_owned(), &[h], trained));
        if !self.config.tie_word_embeddings {
            weights.push(info(HEAD.to_owned(), &[v, h], trained));
        }
        weights
    }

    /// Bytes of all weights, and of the factors that PiSSA took out of them.
    pub fn weight_bytes(&self) -> u64 {
        let started = self.adapters.as_ref().is_some_and(|adapters| adapters.keeps_start);
        self.weights()
            .iter()
            .map(|info| match started && is_factor(&info.path) {
                true => 2 * self.bytes_of(info),
                false => self.bytes_of(info),
            })
            .sum()
    }

    /// Bytes of one gradient of every weight that is trained.
    pub fn gradient_bytes(&self) -> u64 {
        let trained = |info: &&WeightInfo| info.trainable;
        self.weights().iter().filter(trained).map(|info| self.bytes_of(info)).sum()
    }

    /// Bytes of the gradients that a step adds up: what is added to something there is f32, as
    /// [`weight::add`](crate::weight::add) has it; so `several` micro-batches hold more than one.
    pub fn sum_bytes(&self, several: bool) -> u64 {
        let trained = self.weights().into_iter().filter(|info| info.trainable);
        trained.map(|info| self.sum_bytes_of(&info, several)).sum()
    }

    fn sum_bytes_of(&self, info: &WeightInfo, several: bool) -> u64 {
        // A head that is the embedding gives that a gradient first.
        let twice = self.config.tie_word_embeddings && info.path == EMBEDDING;
        let bytes = self.bytes_of(info);
        if several || twice { bytes.max(info.numel() as u64 * F32) } else { bytes }
    }

    /// Bytes of the largest gradients that are there at a time where each part's leave as it is
    /// finished: a block's, or a matrix over the vocabulary.
    pub fn part_bytes(&self) -> u64 {
        let blocks = (0..self.config.num_hidden_layers).map(|block| self.block_gradients(block));
        let each = if self.config.tie_word_embeddings { F32 } else { self.e() };
        let whole = if self.adapters.is_none() { self.matrix(each) } else { 0 };
        blocks.max().unwrap_or(0).max(whole)
    }

    /// Bytes of a weight, and of its gradient.
    pub fn bytes_of(&self, info: &WeightInfo) -> u64 {
        let each = if info.path.contains(".lora_") { F32 } else { self.e() };
        info.numel() as u64 * each
    }

    /// What forward and backward pass of a batch hold at most, if the first `recomputed` blocks are
    /// computed again and the head's logits exist for `chunk` positions.
    pub fn peak(&self, shape: &BatchShape, chunk: usize, recomputed: usize) -> Peak {
        let blocks = self.config.num_hidden_layers;
        let lowest = self.lowest();
        let recomputed = recomputed.clamp(lowest, blocks);
        let input = shape.tokens * self.config.hidden_size as u64 * self.e();
        let tapes: Vec<u64> = (0..blocks).map(|block| self.tape_bytes(block, shape)).collect();
        // The last block's output, and the gradient that comes back into it; of other blocks both gradients.
        let output = self.behind(blocks.saturating_sub(1), shape)
            * self.config.hidden_size as u64
            * self.e();
        let (at_head, all) = (self.shared(shape) + 2 * output, self.shared(shape) + 2 * input);
        let inputs = (recomputed - lowest) as u64 * input;
        let kept = at_head + inputs + tapes[recomputed..].iter().sum::<u64>();
        let (logits, work) = self.head(shape, chunk);
        let mut moments = vec![Peak { activations: kept, logits, work }];
        for block in (lowest..blocks).rev() {
            // Tapes above are gone; a block that is computed again has its own now.
            let (inputs, tapes) = match block < recomputed {
                true => ((block - lowest) as u64, tapes[block]),
                false => {
                    ((recomputed - lowest) as u64, tapes[recomputed..=block].iter().sum::<u64>())
                }
            };
            moments.push(Peak {
                activations: all + inputs * input + tapes,
                logits: 0,
                work: self.block_work(block, shape),
            });
        }
        if self.adapters.is_none() {
            // Rows of the embedding's gradient are added up in f32, then rounded.
            let rounded = if self.e() == F32 { 0 } else { self.matrix(self.e()) };
            let work = self.matrix(F32) + rounded;
            moments.push(Peak { activations: all, logits: 0, work });
        }
        moments.into_iter().max_by_key(Peak::total).unwrap_or_default()
    }

    fn tape_bytes(&self, block: usize, shape: &BatchShape) -> u64 {
        self.tape(block, shape).iter().map(|saved| saved.bytes).sum()
    }

    /// What all blocks look up: rotary tables, ids, places.
    fn shared(&self, shape: &BatchShape) -> u64 {
        let (t, d) = (shape.tokens, self.config.head_dim() as u64);
        let index = 8;
        2 * t * d * F32 + (2 * t + shape.places) * index
    }

    /// What the backward pass of a block holds beside its tape, its weights' gradients included.
    fn block_work(&self, block: usize, shape: &BatchShape) -> u64 {
        if self.is_explicit(block) {
            return self.explicit_work(block, shape) + self.block_gradients(block);
        }
        let Widths { h, f, q, p, heads } = self.widths();
        let (t, n, e) = (shape.tokens, self.behind(block, shape), self.e());
        let fused = self.bodies == Bodies::Fused;
        // Where the activation is taken apart: the gradients of its result and of both factors while
        // its own result is gone, and that of the stream.
        let activation = if fused { n * (h + 2 * f) * e } else { n * (h + 4 * f) * e };
        let attention = if fused {
            // A thread's copies of one head of the longest group, and of their gradients.
            let d = self.config.head_dim() as u64;
            let copies = self.threads as u64 * shape.longest * (6 * d + 2 * TILE) * F32;
            // The gradients of the stream, of what the heads mixed, and of queries, keys and values; what
            // was kept behind attention has made room for them.
            copies + (t * (h + q + p) * e).saturating_sub(n * (2 * h + 3 * f) * e)
        } else {
            2 * shape.scores * heads * F32 + shape.places * (p + q) * e
        };
        let scaled =
            |(layer, _): &(LinearLayer, u64)| self.tokens_of(layer, shape) * layer.out as u64 * e;
        let scaled = self.adapted(block).iter().map(scaled).max().unwrap_or(0);
        activation.max(attention) + scaled + self.block_gradients(block)
    }

    fn block_gradients(&self, block: usize) -> u64 {
        let Some(adapters) = &self.adapters else {
            let shapes =
                self.config.linear_names().iter().map(|name| self.config.linear_shape(name));
            let linears: usize = shapes.map(|(out, input)| out * input).sum();
            return (linears + 2 * self.config.hidden_size) as u64 * self.e();
        };
        let of = |(layer, rank): &(LinearLayer, u64)| {
            let magnitudes = if adapters.dora { layer.out as u64 } else { 0 };
            F32 * (rank * (layer.out + layer.input) as u64 + magnitudes)
        };
        self.adapted(block).iter().map(of).sum()
    }

    /// Bytes of the head's logits, and of its matrix in other forms.
    fn head(&self, shape: &BatchShape, chunk: usize) -> (u64, u64) {
        let Widths { h, .. } = self.widths();
        let c = shape.targets.min(chunk as u64);
        let v = self.config.vocab_size as u64;
        // The plain body keeps logits, exponentials and their gradient apart; a kernel puts the gradient in
        // the place of the logits, in the type of the products.
        let logits = match self.bodies {
            Bodies::Fused => c * v * F32,
            Bodies::Plain => 4 * c * v * F32,
            Bodies::Explicit => c * v * self.e(),
        };
        // Hidden states of the chunk before and after the norm, and what comes back.
        let logits = logits + 6 * c * h * self.e();
        let trained = self.adapters.is_none();
        let chunks = shape.targets.div_ceil((chunk as u64).max(1));
        if self.bodies == Bodies::Explicit {
            return (logits, self.explicit_head(trained, chunks));
        }
        let normalised = match (self.config.norm_head(), trained && self.e() != F32) {
            (true, true) => self.matrix(F32) + self.matrix(self.e()),
            (true, false) => self.matrix(self.e()),
            (false, _) => 0,
        };
        if !trained {
            return (logits, normalised);
        }
        let summed = self.matrix(F32) * if chunks > 1 { 2 } else { 1 };
        // Behind the chunks: the gradient of the normalised rows becomes that of the rows.
        let behind = self.matrix(F32) * if self.config.norm_head() { 2 } else { 1 };
        (logits, normalised + summed.max(behind.saturating_sub(logits)))
    }

    /// Bytes of a matrix over the vocabulary.
    fn matrix(&self, each: u64) -> u64 {
        (self.config.vocab_size * self.config.hidden_size) as u64 * each
    }

    /// Bytes of a value.
    fn e(&self) -> u64 {
        self.dtype.size() as u64
    }

    fn widths(&self) -> Widths {
        let config = &self.config;
        let (d, heads) = (config.head_dim() as u64, config.heads() as u64);
        let (q, kv) = (heads * d, config.key_value_heads() as u64 * d);
        Widths {
            h: config.hidden_size as u64,
            q,
            p: q + 2 * kv,
            f: config.intermediate_size as u64,
            heads,
        }
    }

    fn rank_of(&self, path: &str) -> Option<usize> {
        self.adapters.as_ref()?.settings.get(path).map(|setting| setting.rank)
    }

    /// The layers of a block that have an adapter, with its rank.
    pub(crate) fn adapted(&self, block: usize) -> Vec<(LinearLayer, u64)> {
        let names = self.config.linear_names().iter();
        names
            .filter_map(|name| {
                let path = format!("{}.{}", block_path(block), linear_path(name));
                let rank = self.rank_of(&path)? as u64;
                let (out, input) = self.config.linear_shape(name);
                Some((LinearLayer { path, block, out, input }, rank))
            })
            .collect()
    }
}

/// Queries of a tile of attention, see `ops/fused/attention.rs`.
const TILE: u64 = 64;

struct Widths {
    h: u64,
    q: u64,
    p: u64,
    f: u64,
    heads: u64,
}

fn is_factor(path: &str) -> bool {
    path.ends_with(".lora_A.weight") || path.ends_with(".lora_B.weight")
}

#[cfg(test)]
mod tests;
