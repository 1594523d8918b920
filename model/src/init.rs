//! How untrained weights begin.

use crate::block::{Block, Projections};
use crate::config::Family;
use crate::decoder::Head;
use crate::lora::Linear;
use crate::weight::Weight;
use crate::{Decoder, DecoderConfig};
use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// Which initialisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Normal with `initializer_range`, gains 1.
    #[default]
    Normal,
    /// The first two blocks begin as an induction head, which finds what followed a token before:
    /// small models then copy names after hundreds of steps instead of thousands.
    Induction,
}

/// Channels that carry token content between the blocks of the induction circuit.
const CONTENT: usize = 24;
/// Deviation of the embedding under [`Init::Induction`].
const EMBEDDING_DEVIATION: f32 = 0.06;
/// Channel 0 is this constant, so that a head can attend by position alone.
const CONSTANT: f32 = 0.18;

/// A reproducible stream of normal numbers, the same on every device.
pub struct Normal(u64);

impl Normal {
    /// A stream for `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn uniform(&mut self) -> f64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The next number, by Box and Muller.
    pub fn sample(&mut self) -> f32 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        ((-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
    }

    fn matrix(&mut self, rows: usize, columns: usize, deviation: f32) -> Vec<f32> {
        (0..rows * columns).map(|_| self.sample() * deviation).collect()
    }
}

impl Decoder {
    /// An untrained decoder; the same numbers for the same seed on every device.
    pub fn init(config: &DecoderConfig, init: Init, seed: u64, device: &Device) -> Self {
        let mut normal = Normal::new(seed);
        let (h, v) = (config.hidden_size, config.vocab_size);
        let deviation = config.initializer_range as f32;
        let mut embedding = normal.matrix(v, h, deviation);
        let mut projection = normal.matrix(v, h, deviation);
        if init == Init::Induction {
            induction_embedding(&mut embedding, &mut projection, h, &mut normal);
        }
        let blocks = (0..config.num_hidden_layers)
            .map(|i| block(i, config, init, &mut normal, device))
            .collect();
        let tied = config.tie_word_embeddings;
        Self {
            config: config.clone(),
            embedding: Weight::new(matrix(embedding, v, h, device)),
            blocks,
            head: Head {
                norm: Weight::new(Tensor::ones([h], device)),
                projection: (!tied).then(|| Weight::new(matrix(projection, v, h, device))),
                normalise: config.norm_head(),
                eps: config.rms_norm_eps,
            },
            compute: DType::F32,
        }
    }
}

fn block(
    i: usize,
    config: &DecoderConfig,
    init: Init,
    normal: &mut Normal,
    device: &Device,
) -> Block {
    let h = config.hidden_size;
    let deviation = config.initializer_range as f32;
    let (queries, _) = config.linear_shape("q_proj");
    let (keys, _) = config.linear_shape("k_proj");
    let mut pack = normal.matrix(queries + 2 * keys, h, deviation);
    let mut output = normal.matrix(h, queries, deviation);
    // The circuit is laid out for heads that divide the hidden size and have keys of their own.
    if init == Init::Induction && queries == h && keys == h {
        induction_attention(i, config, &mut pack, &mut output, normal);
    }
    let mut linear = |name: &str| {
        let (rows, columns) = config.linear_shape(name);
        Linear::new(matrix(normal.matrix(rows, columns, deviation), rows, columns, device))
    };
    let (gate_proj, up_proj, down_proj) =
        (linear("gate_proj"), linear("up_proj"), linear("down_proj"));
    let attention = match config.family() {
        Family::Baichuan => {
            Projections::Packed(Linear::new(matrix(pack, queries + 2 * keys, h, device)))
        }
        Family::Llama => {
            let v = pack.split_off((queries + keys) * h);
            let k = pack.split_off(queries * h);
            let part = |values, rows| Linear::new(matrix(values, rows, h, device));
            Projections::Split { q: part(pack, queries), k: part(k, keys), v: part(v, keys) }
        }
    };
    Block {
        input_norm: Weight::new(Tensor::ones([h], device)),
        attention,
        o_proj: Linear::new(matrix(output, h, queries, device)),
        post_norm: Weight::new(Tensor::ones([h], device)),
        gate_proj,
        up_proj,
        down_proj,
        heads: config.heads(),
        key_value_heads: config.key_value_heads(),
        head_dim: config.head_dim(),
        eps: config.rms_norm_eps,
    }
}

fn matrix(values: Vec<f32>, rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

/// Embedding: a constant channel, content, and free channels that block 0 writes the previous token
/// to. The head starts as the embedding's content, so that a copied state names its token.
fn induction_embedding(
    embedding: &mut [f32],
    projection: &mut [f32],
    h: usize,
    normal: &mut Normal,
) {
    for (row, head) in embedding.chunks_mut(h).zip(projection.chunks_mut(h)) {
        for (channel, value) in row.iter_mut().enumerate() {
            *value = match channel {
                0 => CONSTANT,
                channel if channel >= h - CONTENT => 0.0,
                _ => normal.sample() * EMBEDDING_DEVIATION,
            };
        }
        head.copy_from_slice(row);
        head[0] = 0.0;
    }
}

/// Attention of block `i`: block 0's first head looks one token back and writes what it saw to the
/// free channels; block 1 looks where the token before was the current one, and copies.
fn induction_attention(
    i: usize,
    config: &DecoderConfig,
    pack: &mut [f32],
    output: &mut [f32],
    normal: &mut Normal,
) {
    let (h, d) = (config.hidden_size, config.head_dim());
    let (half, heads) = (d / 2, config.num_attention_heads);
    let fast = half / 4;
    if h < 2 * CONTENT + 1 || 2 * (half - fast) < CONTENT {
        return; // Too narrow for the circuit: it starts as any other.
    }
    match i {
        0 => {
            for row in (0..d).chain(h..h + d).chain(2 * h..2 * h + d) {
                pack[row * h..(row + 1) * h].fill(0.0);
            }
            let gain = 2.4;
            for pair in 0..fast {
                let theta = (1.0 / config.rope_theta.powf(2.0 * pair as f64 / d as f64)) as f32;
                pack[pair * h] = gain;
                pack[(h + pair) * h] = gain * theta.cos();
                pack[(h + half + pair) * h] = gain * theta.sin();
            }
            for row in output.chunks_mut(h) {
                row[..d].fill(0.0);
            }
            for content in 0..CONTENT {
                pack[(2 * h + content) * h + 1 + content] = 1.0;
                output[(h - CONTENT + content) * h + content] = EMBEDDING_DEVIATION;
            }
            for head in 1..heads {
                mimetic(pack, output, h, d, head, normal);
            }
        }
        1 => {
            for head in 0..heads {
                for row in (0..d).map(|row| head * d + row) {
                    pack[row * h..(row + 1) * h].fill(0.0);
                    pack[(h + row) * h..(h + row + 1) * h].fill(0.0);
                    pack[(2 * h + row) * h..(2 * h + row + 1) * h].fill(0.0);
                }
                for content in 0..CONTENT {
                    // The slow pairs: both dimensions of pairs `fast..`.
                    let (pair, second) = (fast + content / 2, content % 2);
                    let row = head * d + pair + second * half;
                    pack[row * h + 1 + content] = 3.0;
                    pack[(h + row) * h + h - CONTENT + content] = 1.0;
                }
                for row in head * d..(head + 1) * d {
                    if row > 0 && row < h - CONTENT {
                        pack[(2 * h + row) * h + row] = 1.0;
                    }
                }
            }
            output.fill(0.0);
            for channel in 0..h {
                output[channel * h + channel] = 6.0 * EMBEDDING_DEVIATION;
            }
        }
        _ => {
            for head in 0..heads {
                mimetic(pack, output, h, d, head, normal);
            }
        }
    }
}

/// Keys near queries and outputs near the transposed values (arXiv:2305.09828).
fn mimetic(
    pack: &mut [f32],
    output: &mut [f32],
    h: usize,
    d: usize,
    head: usize,
    normal: &mut Normal,
) {
    let deviation = 1.0 / (h as f32).sqrt();
    for row in head * d..(head + 1) * d {
        for column in 0..h {
            let query = normal.sample() * deviation;
            pack[row * h + column] = query;
            pack[(h + row) * h + column] = 0.7 * query + 0.3 * normal.sample() * deviation;
            let value = normal.sample() * deviation;
            pack[(2 * h + row) * h + column] = value;
            output[column * h + row] =
                EMBEDDING_DEVIATION * (0.5 * value + 0.3 * normal.sample() * deviation);
        }
    }
}
