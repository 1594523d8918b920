//! Adapters as PEFT writes and reads them: `adapter_config.json`, `adapter_model.safetensors`.
//!
//! ```text
//! adapter_config.json        what the adapters are like; written last
//! adapter_model.safetensors  f32, named as base_model.model.PATH.lora_A.weight, .lora_B.weight and,
//!                            under DoRA, .lora_magnitude_vector
//! adapter_start.safetensors  beside a base that PiSSA changed (checkpoints only): the factors that
//!                            were taken out of it
//! ```
//! Names and the meaning of every key are those of PEFT 0.21; directories of PEFT 0.4 and later are read.

mod config;
mod packing;
mod tensors;

pub use config::read as config;
pub use packing::{pack, split};

use crate::block::linear_path;
use crate::decoder::block_path;
use crate::files::{
    HostTensors, json_bytes, on_host, read_tensors, write_atomically, write_tensors,
};
use crate::lora::{
    self, Adapter, LinearLayer, LoraConfig, Modules, Setting, Start, Targets, linear_layers,
    names_path,
};
use crate::source::Tensors;
use crate::weight::Weight;
use crate::{Decoder, DecoderConfig, Error};
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::BTreeMap;
use std::path::Path;
use tensors::{Adapters, Factors, Host};

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
const START: &str = "adapter_start.safetensors";

/// Saves the adapters so that they apply to the weights that `decoder` had before it got them.
///
/// PiSSA took a part of each weight; its adapters become plain ones of twice the rank, `[A; A₀]` and
/// `[B, -B₀]`, as PEFT's `path_initial_model_for_weight_conversion` makes them.
pub fn save(decoder: &Decoder, config: &LoraConfig, directory: &Path) -> Result<(), Error> {
    save_for(decoder, config, (None, &decoder.config), directory)
}

/// The same for a base: its name or path, and its shape. Adapters of `W_pack` are cut for a base with
/// separate projections.
pub fn save_for(
    decoder: &Decoder,
    config: &LoraConfig,
    (base, shape): (Option<&str>, &DecoderConfig),
    directory: &Path,
) -> Result<(), Error> {
    let adapters = collect(decoder, true)?;
    let doubled = has_start(decoder);
    let mut config = if doubled { doubled_rank(config) } else { config.clone() };
    if config.is_pissa() {
        // Nothing was taken from the weights after all.
        config.init = lora::LoraInit::Default;
    }
    remove_start(directory)?;
    let (config, adapters) = fitted(config, adapters, &linear_layers(shape))?;
    write(shape, &config, base, &adapters, directory)
}

/// Adapters as files, to lie beside the very weights that they were trained beside.
#[derive(Clone, Debug)]
pub struct Beside {
    /// `adapter_config.json`.
    pub config: Vec<u8>,
    /// `adapter_model.safetensors`.
    pub tensors: HostTensors,
    /// `adapter_start.safetensors`; without a tensor, there is no such file.
    pub start: HostTensors,
}

impl Beside {
    /// Name of the config's file.
    pub const CONFIG: &str = CONFIG;
    /// Name of the adapters' file.
    pub const TENSORS: &str = TENSORS;
    /// Name of the file of what they took out of the weights.
    pub const START: &str = START;

    /// The adapters of `decoder` as they are, copied to the host.
    pub fn of(decoder: &Decoder, config: &LoraConfig) -> Result<Self, Error> {
        let adapters = collect(decoder, false)?;
        if adapters.is_empty() {
            return Err(no_adapters());
        }
        // The base beside it has given up its part already: whoever loads this must not take it again.
        let config = LoraConfig { init: lora::LoraInit::Default, ..config.clone() };
        Ok(Self {
            config: config_bytes(&decoder.config, &config, None),
            tensors: tensors::named(&adapters),
            start: tensors::named(&starts(decoder)),
        })
    }
}

/// Saves the adapters as they are, to lie beside the very weights of `decoder`: for checkpoints.
pub fn save_with_base(
    decoder: &Decoder,
    config: &LoraConfig,
    directory: &Path,
) -> Result<(), Error> {
    let beside = Beside::of(decoder, config)?;
    std::fs::create_dir_all(directory).map_err(Error::write(directory))?;
    if beside.start.is_empty() {
        remove_start(directory)?;
    } else {
        write_tensors(&directory.join(START), &beside.start, false)?;
    }
    write_tensors(&directory.join(TENSORS), &beside.tensors, false)?;
    write_atomically(&directory.join(CONFIG), &beside.config)
}

/// Puts the adapters of a directory beside the weights of `decoder`, which are frozen.
///
/// Adapters on `W_pack` fit a model with separate projections, and the other way round: see
/// [`split`] and [`pack`].
pub fn load(decoder: &mut Decoder, directory: &Path) -> Result<LoraConfig, Error> {
    let config_path = directory.join(CONFIG);
    let within = |error: Error| Error::invalid(&config_path, error.to_string());
    let config = config::read(directory)?;
    let file = Tensors::open_adapter(directory)?;
    let path = file.path().to_owned();
    let adapters = tensors::parse(&path, on_host(&file)?)?;
    let layers = linear_layers(&decoder.config);
    config.check().map_err(within)?;
    let (config, mut adapters) = fitted(config, adapters, &layers)?;
    let mut config = config.known_to(&layers).map_err(within)?;
    let settings = config.settings(&layers).map_err(within)?;
    check(&path, &layers, &settings, config.dora, &adapters)?;
    if let Targets::Modules(Modules::Names(names)) = &config.targets
        && layers.iter().all(|layer| names.iter().any(|name| names_path(name, &layer.path)))
    {
        // PEFT lists the names that `all-linear` stands for.
        config.targets = Targets::AllLinear;
    }
    let mut starts = match directory.join(START) {
        start if start.exists() => tensors::parse(&start, read_tensors(&start)?)?,
        _ => Adapters::new(),
    };
    if config.is_pissa() {
        lora::add(decoder, &config)?;
    } else {
        lora::freeze(decoder)?;
    }
    let device = decoder.device();
    lora::each(decoder, |layer, linear| {
        let (Some(setting), Some(factors)) = (settings.get(&layer), adapters.remove(&layer)) else {
            return Ok(());
        };
        let taken = linear.adapter.take().and_then(|adapter| adapter.start);
        let start = match starts.remove(&layer) {
            Some(Factors { a, b, .. }) => {
                Some(Start { a: tensor(a, &device), b: tensor(b, &device) })
            }
            None => taken,
        };
        linear.adapter = Some(Adapter {
            a: Weight::new(tensor(factors.a, &device)),
            b: Weight::new(tensor(factors.b, &device)),
            magnitude: factors.magnitude.map(|host| Weight::new(tensor(host, &device))),
            start,
            scale: setting.scale,
            dropout: config.dropout,
            stream: None,
        });
        Ok(())
    })?;
    Ok(config)
}

fn tensor<const D: usize>((dims, values): Host, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, dims), device)
}

/// The adapters as the model packs its projections.
fn fitted(
    config: LoraConfig,
    adapters: Adapters,
    layers: &[LinearLayer],
) -> Result<(LoraConfig, Adapters), Error> {
    let on = |name: &str| adapters.keys().any(|path| path.rsplit('.').next() == Some(name));
    let of_model = |name: &str| layers.iter().any(|layer| layer.name() == name);
    if on("W_pack") && !of_model("W_pack") && of_model("q_proj") {
        return packing::split_adapters(&config, adapters);
    }
    let separate = on("q_proj") || on("k_proj") || on("v_proj");
    if separate && !of_model("q_proj") && of_model("W_pack") {
        return packing::pack_adapters(&config, adapters);
    }
    Ok((config, adapters))
}

/// Every adapter must have the shape that the config and the model give it, and none may be over.
fn check(
    path: &Path,
    layers: &[LinearLayer],
    settings: &BTreeMap<String, Setting>,
    dora: bool,
    adapters: &Adapters,
) -> Result<(), Error> {
    const SHOWN: usize = 20;
    let mut problems = Vec::new();
    for layer in layers {
        let Some(Setting { rank, .. }) = settings.get(&layer.path) else { continue };
        let Some(Factors { a, b, magnitude }) = adapters.get(&layer.path) else {
            problems.push(format!("`{}` has no adapter", layer.path));
            continue;
        };
        let mut expect = |part: &str, found: Option<&Host>, expected: &[usize]| match found {
            Some((dims, _)) if dims == expected => {}
            Some((dims, _)) => {
                problems.push(format!("`{}.{part}` is {dims:?}, expected {expected:?}", layer.path))
            }
            None => problems.push(format!("`{}.{part}` is missing", layer.path)),
        };
        expect("lora_A", Some(a), &[*rank, layer.input]);
        expect("lora_B", Some(b), &[layer.out, *rank]);
        if dora {
            expect("lora_magnitude_vector", magnitude.as_ref(), &[layer.out]);
        } else if magnitude.is_some() {
            problems
                .push(format!("`{}` has a magnitude vector, but use_dora is not set", layer.path));
        }
    }
    let extra = adapters.keys().filter(|path| !settings.contains_key(*path));
    problems.extend(
        extra.map(|path| format!("`{path}` is no layer that the config and the model name")),
    );
    if problems.is_empty() {
        return Ok(());
    }
    let more = problems.len().saturating_sub(SHOWN);
    problems.truncate(SHOWN);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    Err(Error::invalid(path, format!("does not fit the model: {}{rest}", problems.join("; "))))
}

fn write(
    shape: &DecoderConfig,
    config: &LoraConfig,
    base: Option<&str>,
    adapters: &Adapters,
    directory: &Path,
) -> Result<(), Error> {
    if adapters.is_empty() {
        return Err(no_adapters());
    }
    std::fs::create_dir_all(directory).map_err(Error::write(directory))?;
    write_tensors(&directory.join(TENSORS), &tensors::named(adapters), false)?;
    write_atomically(&directory.join(CONFIG), &config_bytes(shape, config, base))
}

fn config_bytes(shape: &DecoderConfig, config: &LoraConfig, base: Option<&str>) -> Vec<u8> {
    json_bytes(&config::to_json(config, &linear_layers(shape), base))
}

fn no_adapters() -> Error {
    Error::Config("the model has no adapters to save".into())
}

/// The start of other adapters would be taken for that of these.
fn remove_start(directory: &Path) -> Result<(), Error> {
    let path = directory.join(START);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::write(&path)(error))
        }
        _ => Ok(()),
    }
}

/// Every adapter on the host; with `undone`, what PiSSA took is given back.
fn collect(decoder: &Decoder, undone: bool) -> Result<Adapters, Error> {
    let mut adapters = Adapters::new();
    visit(decoder, |path, adapter| {
        let (mut a, mut b) = (adapter.a.value.clone(), adapter.b.value.clone());
        if let Some(start) = adapter.start.as_ref().filter(|_| undone) {
            a = Tensor::cat(vec![a, start.a.clone()], 0);
            b = Tensor::cat(vec![b, start.b.clone().neg()], 1);
        }
        let magnitude = adapter.magnitude.as_ref().map(|weight| host(weight.value.clone()));
        adapters.insert(path, Factors { a: host(a), b: host(b), magnitude });
    });
    if undone && has_start(decoder) && adapters.len() != starts(decoder).len() {
        return Err(Error::Config(
            "some adapters began as parts of their weights (PiSSA) and others did not; they cannot be saved together".into(),
        ));
    }
    Ok(adapters)
}

fn starts(decoder: &Decoder) -> Adapters {
    let mut starts = Adapters::new();
    visit(decoder, |path, adapter| {
        if let Some(Start { a, b }) = &adapter.start {
            let factors = Factors { a: host(a.clone()), b: host(b.clone()), magnitude: None };
            starts.insert(path, factors);
        }
    });
    starts
}

fn has_start(decoder: &Decoder) -> bool {
    let mut found = false;
    visit(decoder, |_, adapter| found |= adapter.start.is_some());
    found
}

fn visit(decoder: &Decoder, mut visit: impl FnMut(String, &Adapter)) {
    for (i, block) in decoder.blocks.iter().enumerate() {
        for (name, linear) in block.linears() {
            if let Some(adapter) = &linear.adapter {
                visit(format!("{}.{}", block_path(i), linear_path(name)), adapter);
            }
        }
    }
}

fn host<const D: usize>(tensor: Tensor<D>) -> Host {
    (tensor.dims().to_vec(), tensor.to_data().iter::<f32>().collect())
}

/// Twice the rank with the same scale.
fn doubled_rank(config: &LoraConfig) -> LoraConfig {
    let factor = if config.rslora { std::f64::consts::SQRT_2 } else { 2.0 };
    let doubled = |(key, rank): (&String, &usize)| (key.clone(), 2 * rank);
    let scaled = |(key, alpha): (&String, &f64)| (key.clone(), factor * alpha);
    // A layer of its own rank has its own factor too, whatever alpha it inherits: all are doubled.
    LoraConfig {
        rank: 2 * config.rank,
        alpha: factor * config.alpha,
        init: lora::LoraInit::Default,
        rank_pattern: config.rank_pattern.iter().map(doubled).collect(),
        alpha_pattern: config.alpha_pattern.iter().map(scaled).collect(),
        ..config.clone()
    }
}
