//! Directories as on the hub: `config.json` with safetensors, and PEFT adapters.
//!
//! Weights are read one tensor at a time through a memory map. Files are written under a temporary
//! name, synced, and renamed, so that a file under its own name is whole.

use crate::block::linear_path;
use crate::lora::{Adapter, LoraConfig, Targets};
use crate::weight::{Visitor, Weight, Weights};
use crate::{Decoder, DecoderConfig, Error};
use burn::tensor::{DType, Device, Tensor, TensorData};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What PEFT puts before a weight's path.
const PEFT_PREFIX: &str = "base_model.model.";

/// Named tensors on the host: dimensions and f32 values.
pub type HostTensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Loads `config.json` and `model.safetensors` (or its shards) of `directory`.
///
/// Weights are stored and computed in `dtype`.
pub fn load(directory: &Path, device: &Device, dtype: DType) -> Result<Decoder, Error> {
    let config = DecoderConfig::load(directory)?;
    let shards = Shards::open(directory)?;
    let decoder = Decoder::build(&config, device, dtype, &mut |path, dims| {
        Ok(TensorData::new(shards.values(path, dims)?, dims))
    })?;
    Ok(decoder)
}

/// Saves `config.json` and `model.safetensors`, with values in bf16 or f32.
pub fn save(decoder: &Decoder, directory: &Path, bf16: bool) -> Result<(), Error> {
    std::fs::create_dir_all(directory).map_err(Error::write(directory))?;
    write_atomically(&directory.join("config.json"), &json_bytes(&decoder.config.to_json()))?;
    let tensors = host_tensors(decoder, |path| !path.contains("lora_"));
    write_tensors(&directory.join("model.safetensors"), &tensors, bf16)
}

/// Saves the adapters as PEFT files: `adapter_config.json`, `adapter_model.safetensors` (f32).
pub fn save_adapters(
    decoder: &Decoder,
    config: &LoraConfig,
    directory: &Path,
) -> Result<(), Error> {
    std::fs::create_dir_all(directory).map_err(Error::write(directory))?;
    let tensors = host_tensors(decoder, |path| path.contains("lora_"))
        .into_iter()
        .map(|(path, tensor)| (format!("{PEFT_PREFIX}{path}"), tensor))
        .collect();
    write_tensors(&directory.join("adapter_model.safetensors"), &tensors, false)?;
    let names = decoder.config.linear_names().iter();
    let targets: Vec<&str> = names.copied().filter(|name| config.adapts(name)).collect();
    let peft = json!({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none", "fan_in_fan_out": false,
        "inference_mode": true, "r": config.rank, "lora_alpha": config.alpha,
        "lora_dropout": config.dropout, "target_modules": targets,
    });
    write_atomically(&directory.join("adapter_config.json"), &json_bytes(&peft))
}

/// Puts the adapters of a PEFT directory beside the weights of `decoder`, frozen base and all.
pub fn load_adapters(decoder: &mut Decoder, directory: &Path) -> Result<LoraConfig, Error> {
    let path = directory.join("adapter_config.json");
    let text = std::fs::read_to_string(&path).map_err(Error::read(&path))?;
    let config = peft_config(&path, &text, decoder.config.linear_names())?;
    decoder.add_adapters(&config)?;
    let path = directory.join("adapter_model.safetensors");
    let shard = Shard::open(&path)?;
    let device = decoder.device();
    let mut expected = 0;
    for (i, block) in decoder.blocks.iter_mut().enumerate() {
        let layer = crate::decoder::block_path(i);
        for (name, linear) in block.linears_mut() {
            let Some(Adapter { a, b, .. }) = &mut linear.adapter else { continue };
            let path = linear_path(name);
            for (factor, weight) in [("lora_A", a), ("lora_B", b)] {
                let full = format!("{PEFT_PREFIX}{layer}.{path}.{factor}.weight");
                let dims = weight.value.dims();
                let values = shard.values(&full, &dims)?;
                weight.value = Tensor::from_data(TensorData::new(values, dims), &device);
                expected += 1;
            }
        }
    }
    let found = shard.names()?.len();
    if found != expected {
        return Err(Error::invalid(
            &path,
            format!("holds {found} tensors, its adapter_config.json names {expected}"),
        ));
    }
    Ok(config)
}

fn peft_config(path: &Path, text: &str, names: &[&str]) -> Result<LoraConfig, Error> {
    #[derive(serde::Deserialize)]
    struct Peft {
        r: usize,
        lora_alpha: f64,
        #[serde(default)]
        lora_dropout: f64,
        target_modules: Vec<String>,
    }
    let peft: Peft = serde_json::from_str(text)
        .map_err(|error| Error::invalid(path, format!("not an adapter's config: {error}")))?;
    let all = names.iter().all(|name| peft.target_modules.iter().any(|target| target == name));
    let targets = if all { Targets::AllLinear } else { Targets::Names(peft.target_modules) };
    Ok(LoraConfig { rank: peft.r, alpha: peft.lora_alpha, dropout: peft.lora_dropout, targets })
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

/// Reads every tensor of one safetensors file.
pub fn read_tensors(path: &Path) -> Result<HostTensors, Error> {
    let shard = Shard::open(path)?;
    shard.names()?.into_iter().map(|name| Ok((name.clone(), shard.tensor(&name)?))).collect()
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

fn json_bytes(value: &impl serde::Serialize) -> Vec<u8> {
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

/// The safetensors files of a directory, and which holds what.
struct Shards {
    directory: PathBuf,
    shards: Vec<Shard>,
}

impl Shards {
    fn open(directory: &Path) -> Result<Self, Error> {
        let single = directory.join("model.safetensors");
        let index = directory.join("model.safetensors.index.json");
        let files = if single.exists() { vec![single] } else { shard_files(directory, &index)? };
        let shards = files.iter().map(|file| Shard::open(file)).collect::<Result<_, _>>()?;
        Ok(Self { directory: directory.to_owned(), shards })
    }

    fn values(&self, path: &str, dims: &[usize]) -> Result<Vec<f32>, Error> {
        for shard in &self.shards {
            if shard.names()?.iter().any(|name| name == path) {
                return shard.values(path, dims);
            }
        }
        Err(Error::invalid(&self.directory, format!("no file here holds the tensor `{path}`")))
    }
}

fn shard_files(directory: &Path, index: &Path) -> Result<Vec<PathBuf>, Error> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let text = std::fs::read_to_string(index).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::invalid(
            directory,
            "holds neither model.safetensors nor model.safetensors.index.json",
        ),
        _ => Error::read(index)(source),
    })?;
    let index: Index = serde_json::from_str(&text)
        .map_err(|error| Error::invalid(index, format!("not an index of shards: {error}")))?;
    let mut names: Vec<String> = index.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    // A name is joined to the directory: it must not lead out of it.
    match names.iter().find(|name| Path::new(name).components().count() != 1 || name.contains(".."))
    {
        Some(name) => Err(Error::invalid(
            directory,
            format!("the index names `{name}`, which is not a file here"),
        )),
        None => Ok(names.into_iter().map(|name| directory.join(name)).collect()),
    }
}

/// One mapped safetensors file.
struct Shard {
    path: PathBuf,
    map: Mmap,
}

impl Shard {
    fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::read(path))?;
        // SAFETY: a checkpoint is complete before its name exists and is not written to afterwards.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::read(path))?;
        let shard = Self { path: path.to_owned(), map };
        shard.parse()?;
        Ok(shard)
    }

    fn parse(&self) -> Result<SafeTensors<'_>, Error> {
        SafeTensors::deserialize(&self.map).map_err(|error| {
            Error::invalid(&self.path, format!("torn or not safetensors: {error}"))
        })
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        Ok(self.parse()?.names().into_iter().map(ToString::to_string).collect())
    }

    fn values(&self, name: &str, dims: &[usize]) -> Result<Vec<f32>, Error> {
        let (found, values) = self.tensor(name)?;
        let same = found == dims || (dims.first() == Some(&1) && found == dims[1..]);
        if !same {
            return Err(Error::invalid(
                &self.path,
                format!("tensor `{name}` is {found:?}, the config asks for {dims:?}"),
            ));
        }
        Ok(values)
    }

    fn tensor(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), Error> {
        let tensors = self.parse()?;
        let view = tensors
            .tensor(name)
            .map_err(|_| Error::invalid(&self.path, format!("the tensor `{name}` is missing")))?;
        let bytes = view.data();
        let values = match view.dtype() {
            Dtype::F32 => bytes
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
            Dtype::BF16 => bytes
                .chunks_exact(2)
                .map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            Dtype::F16 => bytes
                .chunks_exact(2)
                .map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32())
                .collect(),
            other => {
                return Err(Error::invalid(
                    &self.path,
                    format!("tensor `{name}` is {other:?}; f32, f16 and bf16 are read"),
                ));
            }
        };
        Ok((view.shape().to_vec(), values))
    }
}
