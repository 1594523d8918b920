//! Directories as on the hub: `config.json` with weights. Adapters are [`crate::peft`]'s.
//!
//! Weights are read as [`crate::source`] finds them, one tensor at a time. What is written is safetensors,
//! under a temporary name, synced, and renamed, so that a file under its own name is whole.

use crate::block::linear_path;
use crate::decoder::{EMBEDDING, HEAD, block_path};
use crate::source::Tensors;
use crate::weight::{Visitor, Weight, Weights};
use crate::{Decoder, DecoderConfig, Error};
use burn::tensor::{DType, Device};
use safetensors::{Dtype, tensor::TensorView};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Named tensors on the host: dimensions and f32 values.
pub type HostTensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Loads `config.json` and the weights of `directory`: safetensors or `pytorch_model.bin`, whole or in
/// shards, and refuses with a list what does not fit the config.
///
/// Weights are stored and computed in `dtype`.
pub fn load(directory: &Path, device: &Device, dtype: DType) -> Result<Decoder, Error> {
    load_telling(directory, device, dtype, &mut |_, _| {})
}

/// The same; `told` hears after each tensor how many bytes of the files are read, and of how many.
pub fn load_telling(
    directory: &Path,
    device: &Device,
    dtype: DType,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Decoder, Error> {
    let config = DecoderConfig::load(directory)?;
    let tensors = Tensors::open(directory)?;
    // Some files of tied models hold the head a second time.
    let optional: &[&str] = if config.tie_word_embeddings { &[HEAD] } else { &[] };
    tensors.check(&expected(&config), optional)?;
    let (mut read, total) = (0, tensors.bytes_total() as u64);
    Decoder::build(&config, device, dtype, &mut |path, _| {
        let data = tensors.data(path)?;
        read += tensors.info(path).map_or(0, |info| info.bytes as u64);
        told(read.min(total), total);
        Ok(data)
    })
}

/// Names of the tensors that a model has in its files.
pub fn names(config: &DecoderConfig) -> Vec<String> {
    expected(config).into_iter().map(|(name, _)| name).collect()
}

/// Names and shapes of the tensors that a model has in its files.
fn expected(config: &DecoderConfig) -> Vec<(String, Vec<usize>)> {
    let (h, v) = (config.hidden_size, config.vocab_size);
    let mut expected =
        vec![(EMBEDDING.to_owned(), vec![v, h]), ("model.norm.weight".to_owned(), vec![h])];
    if !config.tie_word_embeddings {
        expected.push((HEAD.to_owned(), vec![v, h]));
    }
    for layer in (0..config.num_hidden_layers).map(block_path) {
        for norm in ["input_layernorm", "post_attention_layernorm"] {
            expected.push((format!("{layer}.{norm}.weight"), vec![h]));
        }
        for name in config.linear_names() {
            let (rows, columns) = config.linear_shape(name);
            expected.push((format!("{layer}.{}.weight", linear_path(name)), vec![rows, columns]));
        }
    }
    expected
}

/// Saves `config.json` and `model.safetensors`, with values in bf16 or f32.
pub fn save(decoder: &Decoder, directory: &Path, bf16: bool) -> Result<(), Error> {
    std::fs::create_dir_all(directory).map_err(Error::write(directory))?;
    write_atomically(&directory.join("config.json"), &json_bytes(&decoder.config.to_json()))?;
    let tensors = host_tensors(decoder, |path| !path.contains("lora_"));
    write_tensors(&directory.join("model.safetensors"), &tensors, bf16)
}

/// The weights whose path `wanted` accepts, on the host.
pub fn host_tensors(decoder: &Decoder, wanted: impl Fn(&str) -> bool) -> HostTensors {
    struct Read<F>(HostTensors, F);
    impl<F: Fn(&str) -> bool> Visitor for Read<F> {
        fn weight<const D: usize>(&mut self, path: &str, weight: &Weight<D>) {
            if (self.1)(path) {
                let values = weight.value.to_data().iter::<f32>().collect();
                self.0.insert(path.to_owned(), (weight.value.dims().to_vec(), values));
            }
        }
    }
    let mut read = Read(HostTensors::new(), wanted);
    decoder.visit("", &mut read);
    read.0
}

/// Writes named tensors as one safetensors file.
pub fn write_tensors(path: &Path, tensors: &HostTensors, bf16: bool) -> Result<(), Error> {
    let dtype = if bf16 { Dtype::BF16 } else { Dtype::F32 };
    let encoded: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (dims, values))| (name.clone(), dims.clone(), encode(values, bf16)))
        .collect();
    let views = encoded
        .iter()
        .map(|(name, dims, bytes)| {
            let view = TensorView::new(dtype, dims.clone(), bytes)
                .map_err(|error| Error::invalid(path, format!("tensor `{name}`: {error}")))?;
            Ok((name.clone(), view))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let metadata = Some([("format".to_owned(), "pt".to_owned())].into());
    let bytes = safetensors::serialize(views, metadata)
        .map_err(|error| Error::invalid(path, format!("cannot be written: {error}")))?;
    write_atomically(path, &bytes)
}

/// Reads every tensor of floats of one file.
pub fn read_tensors(path: &Path) -> Result<HostTensors, Error> {
    on_host(&Tensors::open_file(path)?)
}

/// Every tensor of floats, in f32.
pub fn on_host(tensors: &Tensors) -> Result<HostTensors, Error> {
    let read = |name: &str| {
        let data = tensors.data(name)?;
        Ok((name.to_owned(), (data.shape().as_slice().to_vec(), data.iter::<f32>().collect())))
    };
    tensors.names().map(read).collect()
}

/// Writes `bytes` under a temporary name, syncs, and renames.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    use std::io::Write;
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|source| {
        let _ = std::fs::remove_file(&temporary);
        Error::write(path)(source)
    })
}

pub(crate) fn json_bytes(value: &impl serde::Serialize) -> Vec<u8> {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text.into_bytes()
}

fn encode(values: &[f32], bf16: bool) -> Vec<u8> {
    if bf16 {
        values.iter().flat_map(|value| half::bf16::from_f32(*value).to_le_bytes()).collect()
    } else {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
}
