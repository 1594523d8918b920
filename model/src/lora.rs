//! Low-rank adapters beside frozen weights (LoRA, arXiv:2106.09685) and what grew from them.
//!
//! - [`LoraConfig`]: the `[lora]` section; [`Targets`]: which layers get an adapter.
//! - [`Linear`], [`Adapter`]: a layer and what stands beside it, with DoRA's magnitudes.
//! - `backward`: gradients of a layer without a tape.
//! - `init`: how adapters begin, by chance or from the weight itself (PiSSA).
//!
//! Their files are [`crate::peft`]'s.

mod backward;
mod config;
mod init;
mod linear;
mod stream;
mod svd;
mod targets;

pub(crate) use backward::{Kept, Wanted, learns};
pub(crate) use config::Selector;
pub use config::{LoraConfig, LoraInit, Setting};
pub use linear::{Adapter, Linear, Start};
pub use stream::stream;
pub(crate) use targets::names_path;
pub use targets::{LinearLayer, Modules, Targets, linear_layers};

use crate::block::{Block, linear_path};
use crate::decoder::block_path;
use crate::weight::{Mapper, Weight, Weights};
use crate::{Decoder, Error};

/// Freezes every weight of `decoder` and puts fresh adapters beside the layers that `config` names.
pub(crate) fn add(decoder: &mut Decoder, config: &LoraConfig) -> Result<(), Error> {
    config.check()?;
    let settings = config.settings(&linear_layers(&decoder.config))?;
    freeze(decoder)?;
    let device = decoder.device();
    each(decoder, |layer, linear| {
        if let Some(setting) = settings.get(&layer) {
            linear.adapter = Some(init::adapter(&layer, linear, *setting, config, &device)?);
        }
        Ok(())
    })
}

/// Freezes every weight of a decoder that has no adapters yet.
pub(crate) fn freeze(decoder: &mut Decoder) -> Result<(), Error> {
    struct Freeze;
    impl Mapper for Freeze {
        fn weight<const D: usize>(&mut self, _: &str, weight: &mut Weight<D>) {
            weight.trainable = false;
        }
    }
    if decoder.is_adapted() {
        return Err(Error::Config(
            "the model has adapters already; merge them before others are added".into(),
        ));
    }
    decoder.map("", &mut Freeze);
    Ok(())
}

/// Calls `visit` for each linear layer of the blocks, with its whole path.
pub(crate) fn each(
    decoder: &mut Decoder,
    mut visit: impl FnMut(String, &mut Linear) -> Result<(), Error>,
) -> Result<(), Error> {
    for (i, block) in decoder.blocks.iter_mut().enumerate() {
        for (name, linear) in block.linears_mut() {
            visit(format!("{}.{}", block_path(i), linear_path(name)), linear)?;
        }
    }
    Ok(())
}

/// Adapters go on with another share of dropped inputs.
pub fn set_dropout(decoder: &mut Decoder, dropout: f64) {
    for block in &mut decoder.blocks {
        for (_, linear) in block.linears_mut() {
            if let Some(adapter) = &mut linear.adapter {
                adapter.dropout = dropout;
            }
        }
    }
}

/// A copy of `block`, the `index`-th, whose adapters drop inputs as `seed` says.
///
/// Each layer has a stream of its own, so that a block that is computed again draws the same.
pub(crate) fn seeded(block: &Block, seed: u64, index: usize) -> Block {
    let mut seeded = block.clone();
    for (layer, (_, linear)) in seeded.linears_mut().into_iter().enumerate() {
        if let Some(adapter) = &mut linear.adapter {
            adapter.stream = Some(stream(&[seed, index as u64, layer as u64]));
        }
    }
    seeded
}
