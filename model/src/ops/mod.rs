//! The operations that the network is written over.
//!
//! Each is a function with a plain Burn body, which is the reference: a faster body for one device
//! stands behind the same function and is held against it.

mod attention;
mod cached_attention;
mod carrier;
mod cast;
mod cross_entropy;
mod dora;
mod dropout;
mod flash;
mod flat;
#[cfg(feature = "flex")]
pub(crate) mod fused;
#[cfg(feature = "kernels")]
pub(crate) mod kernels;
mod linear;
mod merge;
mod norm;
pub(crate) mod philox;
mod product;
mod rope;
mod rows;
mod update;

pub use attention::{GroupBias, GroupShape, group_attention};
pub use cached_attention::{CacheBias, cached_attention};
pub use carrier::pull;
pub use cast::cast;
#[cfg(all(test, feature = "kernels"))]
pub(crate) use cross_entropy::plain_chunk;
pub use cross_entropy::{ChunkLoss, LossTerms, cross_entropy};
pub use dora::{dora_linear, row_norms};
#[cfg(all(test, feature = "flex"))]
pub(crate) use dropout::plain_dropout;
pub use dropout::{Dropout, add_dropout, dropout};
pub use flash::{FlashBody, QUERIES, Sight, flash_takes};
pub use flat::{pour, square_sums};
pub use linear::{
    adapted_linear, add_linear, add_linear_input_gradient, embedding, embedding_gradient, linear,
    linear_input_gradient, linear_weight_gradient, normalise_rows, normalise_rows_backward, swiglu,
    swiglu_backward,
};
pub use merge::merge_attention;
pub use norm::{add_rms_norm, rms_norm, rms_norm_backward};
pub use product::{
    Transposed, add_product, last_product_way, product, product_in, product_routes, products,
};
pub use rope::{alibi_slopes, inverse_frequencies, rope, rope_tables};
pub use rows::{Places, Rotary, add_rows, collect, rows, spread, take_rows, turn_back};
pub use update::{BLOCK, Beside, Moment, Piece, Rule, State, Step, update};

use burn::tensor::DType;

/// What sums and exponentials are computed in.
pub(crate) const F32: DType = DType::F32;
