//! A network with random weights that begin on the device.

use crate::Failure;
use crate::arguments::Arguments;
use burn::tensor::{DType, Device, Distribution, Tensor};
use model::block::{Block, Projections};
use model::decoder::Head;
use model::lora::Linear;
use model::memory::{Adapters, Bodies, Network};
use model::weight::{Mapper, Weight, Weights};
use model::{Decoder, DecoderConfig, LoraConfig, ops};

/// The shape that was asked for.
pub fn config(arguments: &Arguments) -> Result<DecoderConfig, Failure> {
    let preset = match arguments.is_tiny() {
        true => DecoderConfig::baichuan2_tiny(),
        false => DecoderConfig::baichuan2_7b(),
    };
    let layers = preset.num_hidden_layers;
    let num_hidden_layers = arguments.number("layers", layers, layers)?;
    Ok(DecoderConfig { num_hidden_layers, ..preset })
}

/// Random weights, as training begins with.
pub fn untrained(config: &DecoderConfig, dtype: DType, device: &Device) -> Decoder {
    device.seed(42);
    let (h, v) = (config.hidden_size, config.vocab_size);
    let matrix = |rows: usize, columns: usize| {
        // Drawn in f32 one at a time: a device need not have random numbers in bf16.
        let normal = Distribution::Normal(0.0, config.initializer_range);
        Weight::new(ops::cast(Tensor::random([rows, columns], normal, (device, DType::F32)), dtype))
    };
    let gain = || Weight::new(Tensor::ones([h], (device, dtype)));
    let linear = |name: &str| {
        let (rows, columns) = config.linear_shape(name);
        Linear::of(matrix(rows, columns))
    };
    let block = |_| Block {
        input_norm: gain(),
        attention: Projections::Packed(linear("W_pack")),
        o_proj: linear("o_proj"),
        post_norm: gain(),
        gate_proj: linear("gate_proj"),
        up_proj: linear("up_proj"),
        down_proj: linear("down_proj"),
        heads: config.heads(),
        key_value_heads: config.key_value_heads(),
        head_dim: config.head_dim(),
        eps: config.rms_norm_eps,
    };
    Decoder {
        config: config.clone(),
        embedding: matrix(v, h),
        blocks: (0..config.num_hidden_layers).map(block).collect(),
        head: Head {
            norm: gain(),
            projection: Some(matrix(v, h)),
            normalise: config.norm_head(),
            eps: config.rms_norm_eps,
        },
        compute: dtype,
    }
}

/// Adapters beside all linear layers, as a run begins with them: their second factors are zero.
pub fn add_adapters(decoder: &mut Decoder) -> Result<(), Failure> {
    decoder.add_adapters(&LoraConfig::default())?;
    Ok(())
}

/// The same with second factors that are not zero: otherwise half of the gradients are.
pub fn add_trained_adapters(decoder: &mut Decoder) -> Result<(), Failure> {
    struct Begin;
    impl Mapper for Begin {
        fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
            if path.contains("lora_B") {
                let normal = Distribution::Normal(0.0, 0.02);
                weight.value = weight.value.random_like(normal);
            }
        }
    }
    add_adapters(decoder)?;
    decoder.map("", &mut Begin);
    Ok(())
}

/// Where the numbers come from that others are held against: the CPU while they are small.
pub fn reference_device(arguments: &Arguments) -> Result<Device, Failure> {
    match arguments.is_tiny() || arguments.part == "curve" {
        true => Ok(crate::arguments::device("flex")?),
        false => Ok(arguments.device.clone()),
    }
}

/// The same as far as bytes and operations go.
pub fn as_planned(
    config: &DecoderConfig,
    lora: bool,
    arguments: &Arguments,
) -> Result<Network, Failure> {
    let dtype = arguments.dtype();
    let adapters = if lora { Some(Adapters::new(config, &LoraConfig::default())?) } else { None };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let bodies = match (arguments.device_name.as_str(), dtype) {
        ("flex", DType::F32) => Bodies::Fused,
        ("flex", _) => Bodies::Plain,
        _ => Bodies::Explicit,
    };
    Ok(Network { config: config.clone(), dtype, adapters, bodies, threads })
}
