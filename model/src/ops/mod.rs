//! The operations that the network is written over.
//!
//! Each is a function with a plain Burn body, which is the reference: a faster body for one device
//! stands behind the same function and is held against it.

mod attention;
mod carrier;
mod cross_entropy;
#[cfg(feature = "flex")]
pub(crate) mod fused;
mod linear;
mod norm;
mod rope;

pub use attention::{GroupBias, GroupShape, cached_attention, group_attention};
pub use carrier::pull;
pub use cross_entropy::{ChunkLoss, cross_entropy};
pub use linear::{adapted_linear, embedding, linear, normalise_rows, swiglu};
pub use norm::rms_norm;
pub use rope::{alibi_slopes, rope, rope_tables};
