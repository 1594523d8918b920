//! Low-rank adapters beside frozen weights (LoRA, arXiv:2106.09685).

use crate::Error;
use crate::ops;
use crate::weight::{Mapper, Visitor, Weight, Weights, join};
use burn::tensor::{DType, Device, Distribution, Tensor};
use serde::{Deserialize, Serialize};

/// The `[lora]` section of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank of the two factors.
    #[serde(default = "rank")]
    pub rank: usize,
    /// The update is scaled by `alpha / rank`.
    #[serde(default = "alpha")]
    pub alpha: f64,
    /// Dropout on the adapter's input.
    #[serde(default)]
    pub dropout: f64,
    /// `"all-linear"`, or names of linear layers.
    #[serde(default)]
    pub targets: Targets,
}

/// Which linear layers get an adapter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Targets {
    /// `"all-linear"`: every linear layer of the blocks, not the head.
    #[default]
    #[serde(with = "all_linear")]
    AllLinear,
    /// These names.
    Names(Vec<String>),
}

mod all_linear {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("all-linear")
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "all-linear" => Ok(()),
            other => {
                Err(D::Error::custom(format!("expected `all-linear` or a list, found `{other}`")))
            }
        }
    }
}

fn rank() -> usize {
    32
}
fn alpha() -> f64 {
    64.0
}

/// Names of the linear layers of a block, as the files of Baichuan2 and Llama call them.
const LINEAR_NAMES: [&str; 8] =
    ["W_pack", "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

impl LoraConfig {
    /// Whether the layer called `name` gets an adapter.
    pub fn adapts(&self, name: &str) -> bool {
        match &self.targets {
            Targets::AllLinear => true,
            Targets::Names(names) => names.iter().any(|target| target == name),
        }
    }

    /// Refuses settings that cannot be.
    pub fn check(&self) -> Result<(), Error> {
        if self.rank == 0 {
            return Err(Error::Config("lora.rank is 0, expected at least 1".into()));
        }
        if !self.alpha.is_finite() {
            return Err(Error::Config(format!("lora.alpha is {}, expected a number", self.alpha)));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Error::Config(format!(
                "lora.dropout is {}, expected 0 ≤ dropout < 1",
                self.dropout
            )));
        }
        let Targets::Names(names) = &self.targets else { return Ok(()) };
        match names.iter().find(|name| !LINEAR_NAMES.contains(&name.as_str())) {
            Some(name) => Err(Error::Config(format!(
                "lora.targets names `{name}`, which no layer is called; the layers are: {}",
                LINEAR_NAMES.join(", ")
            ))),
            None => Ok(()),
        }
    }
}

/// `scale · (dropout(x) Aᵀ) Bᵀ`.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// `[rank, in]`.
    pub a: Weight<2>,
    /// `[out, rank]`.
    pub b: Weight<2>,
    /// `alpha / rank`.
    pub scale: f64,
    /// Dropout on the input.
    pub dropout: f64,
}

/// A linear layer, adapted or not.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Weight<2>,
    /// The adapter beside it.
    pub adapter: Option<Adapter>,
}

impl Adapter {
    /// `A` uniform as Kaiming with `a = sqrt 5`, that is within `1 / sqrt in`; `B` zero (PEFT).
    pub fn init(out: usize, input: usize, config: &LoraConfig, device: &Device) -> Self {
        let bound = 1.0 / (input as f64).sqrt();
        let a = Tensor::random([config.rank, input], Distribution::Uniform(-bound, bound), device);
        Self {
            a: Weight::new(a),
            b: Weight::new(Tensor::zeros([out, config.rank], device)),
            scale: config.alpha / config.rank as f64,
            dropout: config.dropout,
        }
    }

    /// `scale · B A`: `[out, in]`.
    pub fn delta(&self) -> Tensor<2> {
        self.b.value.clone().matmul(self.a.value.clone()).mul_scalar(self.scale)
    }
}

impl Linear {
    /// A layer without adapter.
    pub fn new(weight: Tensor<2>) -> Self {
        Self::of(Weight::new(weight))
    }

    /// A layer of this weight, without adapter.
    pub fn of(weight: Weight<2>) -> Self {
        Self { weight, adapter: None }
    }

    /// `[batch, length, in]` to `[batch, length, out]`; adapters drop inputs only in training.
    pub fn forward(&self, x: Tensor<3>, training: bool) -> Tensor<3> {
        let Some(adapter) = &self.adapter else { return ops::linear(x, self.weight.value.clone()) };
        let input = if training { dropout(x.clone(), adapter.dropout) } else { x.clone() };
        let (a, b) = (adapter.a.value.clone(), adapter.b.value.clone());
        ops::adapted_linear(x, input, self.weight.value.clone(), a, b, adapter.scale)
    }

    /// Adds the adapter to the weight and drops it.
    pub fn merge(&mut self) {
        if let Some(adapter) = self.adapter.take() {
            let weight = self.weight.value.clone();
            let dtype = weight.dtype();
            // Added in f32 and rounded once, whatever the weight is stored in.
            self.weight.value = ops::cast(ops::cast(weight, DType::F32) + adapter.delta(), dtype);
        }
    }
}

/// Zeroes a share of `x` and scales the rest up.
fn dropout(x: Tensor<3>, share: f64) -> Tensor<3> {
    if share == 0.0 {
        return x;
    }
    let device = x.device().inner();
    let keep = Tensor::<3>::random(x.dims(), Distribution::Bernoulli(1.0 - share), &device);
    let keep = ops::cast(keep, x.dtype());
    x * keep.div_scalar(1.0 - share)
}

impl Weights for Linear {
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor) {
        visitor.weight(&join(prefix, "weight"), &self.weight);
        if let Some(adapter) = &self.adapter {
            visitor.weight(&join(prefix, "lora_A.weight"), &adapter.a);
            visitor.weight(&join(prefix, "lora_B.weight"), &adapter.b);
        }
    }

    fn map(&mut self, prefix: &str, mapper: &mut impl Mapper) {
        mapper.weight(&join(prefix, "weight"), &mut self.weight);
        if let Some(adapter) = &mut self.adapter {
            mapper.weight(&join(prefix, "lora_A.weight"), &mut adapter.a);
            mapper.weight(&join(prefix, "lora_B.weight"), &mut adapter.b);
        }
    }
}
