//! The network that a recipe names: built, loaded, or begun, and which of its weights are trained.

use crate::recipe::{Phase, Precision, Recipe, Train};
use crate::{Error, optimizer};
use burn::tensor::{DType, Device};
use data_pipeline::tokenizer::Tokenizer;
pub use model::DecoderConfig;
use model::layout::AttentionBody;
use model::lora::linear_layers;
use model::runtime::full_precision;
use model::weight::{Mapper, Weight, Weights, list};
use model::{Decoder, files};
use std::path::Path;

/// The model that training starts from.
///
/// `told` hears how many bytes are read, and of how many.
pub fn base(
    recipe: &Recipe,
    tokenizer: &Tokenizer,
    device: &Device,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Decoder, Error> {
    let dtype = dtype(recipe, device)?;
    match &recipe.model.path {
        Some(path) => {
            let decoder = files::load_telling(path, device, dtype, told)?;
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
    let dtype = dtype(recipe, device)?;
    let mut decoder = Decoder::init(&config, recipe.model.init, recipe.run.seed, device);
    decoder.convert(dtype);
    Ok(decoder)
}

/// The type in which weights are stored and computed, if the device has it.
pub(crate) fn dtype(recipe: &Recipe, device: &Device) -> Result<DType, Error> {
    dtype_on(recipe.model.dtype, &recipe.run.device, device)
}

/// The type of this precision, if the device, which is called `name`, has it.
pub(crate) fn dtype_on(precision: Precision, name: &str, device: &Device) -> Result<DType, Error> {
    // Both decide how the device computes, before it does.
    AttentionBody::from_environment().map_err(Error::Device)?;
    let dtype = match precision {
        Precision::F32 => {
            if name == "cuda" && !full_precision() {
                tracing::warn!(
                    "this process has multiplied already: f32 goes on being rounded to TF32 in products"
                );
            }
            return Ok(DType::F32);
        }
        Precision::Bf16 => DType::BF16,
    };
    if !device.supports_dtype(dtype) {
        return Err(Error::Device(format!(
            "model.dtype is \"bf16\", which run.device = \"{name}\" does not compute in here; give \"f32\""
        )));
    }
    Ok(dtype)
}

/// The model's shape for this tokenizer: the preset with the recipe's changes, or the directory's.
pub fn decoder_config(recipe: &Recipe, tokenizer: &Tokenizer) -> Result<DecoderConfig, Error> {
    shape(recipe, tokenizer.vocabulary())
}

/// The shape of a preset, with its own vocabulary.
pub fn preset(name: &str) -> Result<DecoderConfig, Error> {
    Ok(DecoderConfig::preset(name)?)
}

/// The model's shape, a preset's with a vocabulary of this size.
pub fn shape(recipe: &Recipe, vocabulary: usize) -> Result<DecoderConfig, Error> {
    let model = &recipe.model;
    let config = match (&model.path, &model.preset) {
        (Some(path), None) => DecoderConfig::load(path)?,
        (Some(path), Some(preset)) => of_both(path, preset)?,
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

/// The shape of a directory, which must be the preset's; where it is not here, the preset's own, so that a run can be
/// planned where its model is not.
fn of_both(path: &Path, preset: &str) -> Result<DecoderConfig, Error> {
    let named = DecoderConfig::preset(preset)?;
    if !path.exists() {
        return Ok(named);
    }
    let found = DecoderConfig::load(path)?;
    let sizes = |config: &DecoderConfig| {
        [
            ("hidden_size", config.hidden_size),
            ("intermediate_size", config.intermediate_size),
            ("num_hidden_layers", config.num_hidden_layers),
            ("num_attention_heads", config.num_attention_heads),
        ]
    };
    let differs =
        sizes(&found).into_iter().zip(sizes(&named)).find(|(here, wanted)| here != wanted);
    match differs {
        None => Ok(found),
        Some(((name, here), (_, wanted))) => Err(Error::Model(model::Error::Config(format!(
            "`{}` has {name} {here}, preset `{preset}` {wanted}; name the directory of that model, or leave `preset` out",
            path.display()
        )))),
    }
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

/// Names of the weights that a phase has, and whether its kind trains them; `None` where only its adapters'
/// files can tell.
pub(crate) fn weight_names(config: &DecoderConfig, phase: &Phase) -> Option<Vec<(String, bool)>> {
    let is_full = phase.train == Train::Full;
    let mut names: Vec<(String, bool)> =
        files::names(config).into_iter().map(|name| (name, is_full)).collect();
    if is_full {
        return Some(names);
    }
    if phase.lora.from.is_some() {
        return None;
    }
    let parts = ["lora_A.weight", "lora_B.weight", "lora_magnitude_vector"];
    let parts = if phase.lora.dora { &parts[..] } else { &parts[..2] };
    for layer in phase.lora.settings(&linear_layers(config)).ok()?.keys() {
        names.extend(parts.iter().map(|part| (format!("{layer}.{part}"), true)));
    }
    Some(names)
}

/// Trains what the phase says: adapters or everything, without what `optimizer.freeze` names.
pub(crate) fn set_trained(decoder: &mut Decoder, phase: &Phase) -> Result<(), Error> {
    match phase.train {
        Train::Lora => freeze_base(decoder),
        Train::Full => unfreeze(decoder),
    }
    let weights: Vec<(String, bool)> =
        list(decoder, "").into_iter().map(|info| (info.path, info.trainable)).collect();
    let trained = optimizer::trained(&phase.optimizer, &weights).map_err(|message| {
        Error::Model(model::Error::Config(format!("phase `{}`: {message}", phase.name)))
    })?;
    set_trainable(decoder, |path| trained.contains(path));
    Ok(())
}

fn set_trainable(decoder: &mut Decoder, trainable: impl Fn(&str) -> bool) {
    struct Set<F>(F);
    impl<F: Fn(&str) -> bool> Mapper for Set<F> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_directory_that_is_not_here_has_the_shape_of_its_preset() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/knowcoder-x-7b.toml");
        let mut recipe = Recipe::load(&path, &[]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        recipe.model.path = Some(folder.path().join("absent"));
        assert_eq!(shape(&recipe, 1).unwrap(), DecoderConfig::baichuan2_7b());
        // Once it is here, it must have that shape.
        let tiny = DecoderConfig::baichuan2_tiny();
        std::fs::write(folder.path().join("config.json"), tiny.to_json().to_string()).unwrap();
        recipe.model.path = Some(folder.path().to_owned());
        let error = shape(&recipe, 1).unwrap_err().to_string();
        assert!(error.contains("has hidden_size 128, preset `baichuan2-7b` 4096"), "{error}");
        recipe.model.preset = Some("baichuan2-tiny".to_owned());
        assert_eq!(shape(&recipe, 1).unwrap().hidden_size, 128);
    }
}
