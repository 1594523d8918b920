//! Token ids in, numbers out: Baichuan2 on Burn.
//!
//! # Layout
//! - [`config`]: shapes and presets; [`weight`]: a named tensor and whether it is trained.
//! - [`ops`]: the operations the network is written over; nothing else knows how one runs.
//! - [`block`], [`decoder`]: the network. [`lora`]: adapters beside frozen weights.
//! - [`layout`]: where the tokens of groups stand, and the rows in which they attend.
//! - [`backward`]: loss and gradients, block by block; [`memory`], [`flops`]: what that holds and takes.
//! - [`generate`]: answers, in batches that stay full, with a cache that shares prefixes.
//! - [`files`]: directories as on the hub; [`tensor_file`]: tensors of any type in files of our own;
//!   [`source`]: weights in anyone's files; [`peft`]: adapters as
//!   PEFT keeps them; [`export`]: weights for other programs; [`init`]: how untrained weights begin.
//! - [`cuda`]: NVIDIA's libraries; [`runtime`]: what the program and CubeCL must agree on.
//!
//! The crate knows neither text nor ranks nor run directories.

pub mod backward;
pub mod block;
pub mod config;
pub mod cuda;
pub mod decoder;
pub mod error;
pub mod export;
pub mod files;
pub mod flops;
pub mod generate;
pub mod init;
pub mod layout;
pub mod lora;
pub mod memory;
pub mod noise;
pub mod ops;
pub mod peft;
pub mod runtime;
pub mod source;
pub mod tensor_file;
pub mod weight;

pub use backward::{Gradients, Loss};
pub use config::DecoderConfig;
pub use decoder::Decoder;
pub use error::Error;
pub use layout::{GroupBatch, Layout};
pub use lora::LoraConfig;
