//! The network that a recipe names: built, loaded, or begun, and which of its weights are trained.

use crate::Error;
use crate::recipe::Recipe;
use burn::tensor::{DType, Device};
use data_pipeline::tokenizer::Tokenizer;
pub use model::DecoderConfig;
use model::weight::{Mapper, Weight, Weights};
use model::{Decoder, files};

/// The model that training starts from.
///
/// `told` hears how many bytes are read, and of how many.
pub fn base(
    recipe: &Recipe,
    tokenizer: &Tokenizer,
    device: &Device,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Decoder, Error> {
    match &recipe.model.path {
        Some(path) => {
            let decoder = files::load_telling(path, device, DType::F32, told)?;
            check_vocabulary(&decoder.config, tokenizer)?;
            Ok(decoder)
        }
        None => untrained(recipe, tokenizer, device),
    }
}

/// The same shape with random weights.
pub fn untrained(
    recipe: &Recipe,
    tokenizer: &Tokenizer,
    device: &Device,
) -> Result<Decoder, Error> {
    let config = decoder_config(recipe, tokenizer)?;
    Ok(Decoder::init(&config, recipe.model.init, recipe.run.seed, device))
}

/// The model's shape for this tokenizer: the preset with the recipe's changes, or the directory's.
pub fn decoder_config(recipe: &Recipe, tokenizer: &Tokenizer) -> Result<DecoderConfig, Error> {
    shape(recipe, tokenizer.vocabulary())
}

/// The model's shape, a preset's with a vocabulary of this size.
pub fn shape(recipe: &Recipe, vocabulary: usize) -> Result<DecoderConfig, Error> {
    let model = &recipe.model;
    let config = match (&model.path, &model.preset) {
        (Some(path), _) => DecoderConfig::load(path)?,
        (None, preset) => {
            let preset = DecoderConfig::preset(preset.as_deref().unwrap_or_default())?;
            DecoderConfig {
                vocab_size: vocabulary,
                hidden_size: model.hidden_size.unwrap_or(preset.hidden_size),
                intermediate_size: model.intermediate_size.unwrap_or(preset.intermediate_size),
                num_hidden_layers: model.num_hidden_layers.unwrap_or(preset.num_hidden_layers),
                num_attention_heads: model
                    .num_attention_heads
                    .unwrap_or(preset.num_attention_heads),
                ..preset
            }
        }
    };
    config.check()?;
    Ok(config)
}

fn check_vocabulary(config: &DecoderConfig, tokenizer: &Tokenizer) -> Result<(), Error> {
    if tokenizer.vocabulary() > config.vocab_size {
        return Err(Error::Model(model::Error::Config(format!(
            "the tokenizer has {} ids, the model {} rows; they do not belong together",
            tokenizer.vocabulary(),
            config.vocab_size
        ))));
    }
    Ok(())
}

fn set_trainable(decoder: &mut Decoder, trainable: fn(&str) -> bool) {
    struct Set(fn(&str) -> bool);
    impl Mapper for Set {
        fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
            weight.trainable = (self.0)(path);
        }
    }
    decoder.map("", &mut Set(trainable));
}

/// Only adapters are trained.
pub fn freeze_base(decoder: &mut Decoder) {
    set_trainable(decoder, |path| path.contains("lora_"));
}

/// Everything is trained.
pub(crate) fn unfreeze(decoder: &mut Decoder) {
    set_trainable(decoder, |_| true);
}
