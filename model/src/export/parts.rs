//! The tensors of an export: each a name, its dimensions, and where its numbers come from.

use super::{Layout, NormHead, Options};
use crate::block::{Projections, linear_path};
use crate::decoder::{EMBEDDING, HEAD, block_path};
use crate::lora::Linear;
use crate::ops;
use crate::weight::Weight;
use crate::{Decoder, Error};
use burn::tensor::{DType, Tensor, TensorData};
use std::ops::Range;

/// One tensor that is to be written.
pub struct Part<'a> {
    /// Its name in the file.
    pub name: String,
    /// Its dimensions.
    pub dims: Vec<usize>,
    origin: Origin<'a>,
}

enum Origin<'a> {
    Gain(&'a Weight<1>),
    Matrix(&'a Weight<2>),
    /// Rows divided by their norms.
    Normalised(&'a Weight<2>),
    /// Rows of a layer with its adapter added.
    Rows(&'a Linear, Range<usize>),
}

impl Part<'_> {
    /// Number of values.
    pub fn numel(&self) -> usize {
        self.dims.iter().product()
    }

    /// The numbers, little-endian, rounded once to `dtype`.
    pub fn bytes(&self, dtype: DType) -> Result<Vec<u8>, Error> {
        let full = |t: &Weight<2>| ops::cast(t.value.clone(), DType::F32);
        let data = match &self.origin {
            Origin::Gain(weight) => to_host(ops::cast(weight.value.clone(), DType::F32), dtype),
            Origin::Matrix(weight) => to_host(full(weight), dtype),
            Origin::Normalised(weight) => to_host(ops::normalise_rows(full(weight)), dtype),
            Origin::Rows(linear, rows) => {
                let all = linear.merged();
                to_host(all.narrow(0, rows.start, rows.len()), dtype)
            }
        };
        let data = data.map_err(|error| Error::Config(format!("`{}`: {error}", self.name)))?;
        Ok(data.as_bytes().to_vec())
    }
}

fn to_host<const D: usize>(t: Tensor<D>, dtype: DType) -> Result<TensorData, String> {
    t.try_into_data()
        .map_err(|error| format!("cannot be read from the device: {error:?}"))
        .map(|data| data.convert_dtype(dtype))
}

/// Every tensor of `decoder` under `options`, in the order of the network.
pub fn parts(decoder: &Decoder, options: Options) -> Vec<Part<'_>> {
    let mut parts = vec![matrix(EMBEDDING, &decoder.embedding)];
    for (i, block) in decoder.blocks.iter().enumerate() {
        let path = |name: &str| format!("{}.{name}.weight", block_path(i));
        parts.push(gain(&path("input_layernorm"), &block.input_norm));
        parts.push(gain(&path("post_attention_layernorm"), &block.post_norm));
        for (name, linear) in block.linears() {
            match (&block.attention, options.layout) {
                (Projections::Packed(packed), Layout::Llama) if name == "W_pack" => {
                    let (heads, shared) = (block.heads, block.key_value_heads);
                    let ends = [0, heads, heads + shared, heads + 2 * shared];
                    let ranges = ends.windows(2).map(|ends| ends[0]..ends[1]);
                    for (name, range) in ["q_proj", "k_proj", "v_proj"].iter().zip(ranges) {
                        let rows = range.start * block.head_dim..range.end * block.head_dim;
                        parts.push(of_linear(path(&linear_path(name)), packed, rows));
                    }
                }
                _ => {
                    let [rows, _] = linear.weight.value.dims();
                    parts.push(of_linear(path(&linear_path(name)), linear, 0..rows));
                }
            }
        }
    }
    parts.push(gain("model.norm.weight", &decoder.head.norm));
    if let Some(projection) = &decoder.head.projection {
        let folded = options.layout == Layout::Llama || options.norm_head == NormHead::Folded;
        let mut head = matrix(HEAD, projection);
        if decoder.head.normalise && folded {
            head.origin = Origin::Normalised(projection);
        }
        parts.push(head);
    }
    parts
}

fn gain<'a>(name: &str, weight: &'a Weight<1>) -> Part<'a> {
    let dims = weight.value.dims().to_vec();
    Part { name: name.to_owned(), dims, origin: Origin::Gain(weight) }
}

fn matrix<'a>(name: &str, weight: &'a Weight<2>) -> Part<'a> {
    let dims = weight.value.dims().to_vec();
    Part { name: name.to_owned(), dims, origin: Origin::Matrix(weight) }
}

fn of_linear(name: String, linear: &Linear, rows: Range<usize>) -> Part<'_> {
    let [_, columns] = linear.weight.value.dims();
    Part { name, dims: vec![rows.len(), columns], origin: Origin::Rows(linear, rows) }
}
