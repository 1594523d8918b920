//! How gradients change weights: AdamW, and Muon for the matrices of the blocks.
//!
//! State is kept by weight path, so that a checkpoint means the same on every world and device.

use crate::Error;
use crate::schedule::Shape;
use burn::tensor::{Device, Tensor, TensorData};
use model::files::HostTensors;
use model::weight::{Mapper, Weight, Weights};
use model::{Decoder, Gradients};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The `[optimizer]` section of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Which rule.
    pub name: Rule,
    /// Peak rate of AdamW.
    pub learning_rate: f64,
    /// Peak rate of Muon for block matrices, where `name = "muon"`.
    pub muon_learning_rate: f64,
    /// LoRA+ (arXiv:2402.12354): `B`, and DoRA's magnitudes, learn at so many times the rate of `A`.
    pub learning_rate_ratio: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled decay (arXiv:1711.05101).
    pub weight_decay: f64,
    /// The global norm of the gradients is cut to this; 0 leaves it.
    pub clip_norm: f64,
    /// Warm-up: a share of the steps below 1, else a number of steps.
    pub warmup: f64,
    /// How the rate falls afterwards.
    pub schedule: Shape,
    /// Share of the steps before a `wsd` decay begins.
    pub stable: f64,
    /// Share of the peak rate that the last step has.
    pub final_share: f64,
}

/// The rule that turns a gradient into a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Adam with decoupled weight decay.
    #[default]
    AdamW,
    /// Orthogonalised momentum for matrices of the blocks, AdamW for the rest.
    Muon,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        // method.md 1.3: the official stack's Hugging Face defaults.
        Self {
            name: Rule::AdamW,
            learning_rate: 3e-4,
            muon_learning_rate: 0.012,
            learning_rate_ratio: 1.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            clip_norm: 1.0,
            warmup: 0.1,
            schedule: Shape::Cosine,
            stable: 0.3,
            final_share: 0.0,
        }
    }
}

impl OptimizerConfig {
    /// What the learning rate of the weight at `path` is multiplied with, as in PEFT's
    /// `create_loraplus_optimizer`.
    fn ratio(&self, path: &str) -> f64 {
        let fast = [".lora_B.weight", ".lora_magnitude_vector"];
        if fast.iter().any(|end| path.ends_with(end)) { self.learning_rate_ratio } else { 1.0 }
    }

    /// Refuses numbers that cannot be.
    pub fn check(&self) -> Result<(), String> {
        let ranges = [
            ("optimizer.learning_rate", self.learning_rate, 0.0, 10.0),
            ("optimizer.beta1", self.beta1, 0.0, 0.999_999),
            ("optimizer.beta2", self.beta2, 0.0, 0.999_999_9),
            ("optimizer.weight_decay", self.weight_decay, 0.0, 10.0),
            ("optimizer.muon_learning_rate", self.muon_learning_rate, 0.0, 10.0),
            ("optimizer.learning_rate_ratio", self.learning_rate_ratio, 1e-3, 1e3),
            ("optimizer.epsilon", self.epsilon, 0.0, 1.0),
            ("optimizer.clip_norm", self.clip_norm, 0.0, f64::MAX),
            ("optimizer.warmup", self.warmup, 0.0, 1e9),
            ("optimizer.stable", self.stable, 0.0, 1.0),
            ("optimizer.final_share", self.final_share, 0.0, 1.0),
        ];
        match ranges.iter().find(|(_, value, low, high)| !(low..=high).contains(&value)) {
            Some((name, value, low, high)) => {
                Err(format!("{name} is {value}, expected {low} to {high}"))
            }
            None => Ok(()),
        }
    }
}

/// Moments of one weight.
#[derive(Clone, Debug)]
struct Moments {
    first: Tensor<1>,
    /// Absent for Muon.
    second: Option<Tensor<1>>,
}

/// The optimizer's state.
#[derive(Debug, Default)]
pub struct Optimizer {
    moments: BTreeMap<String, Moments>,
    /// Steps taken, for the bias correction.
    steps: usize,
}

impl Optimizer {
    /// Changes every weight that has a gradient; `factor` is the schedule's.
    pub fn step(
        &mut self,
        decoder: &mut Decoder,
        gradients: Gradients,
        config: &OptimizerConfig,
        factor: f64,
    ) {
        self.steps += 1;
        decoder.map("", &mut Update { optimizer: self, gradients, config, factor });
    }

    /// State on the host, for a checkpoint.
    pub fn to_host(&self) -> HostTensors {
        let mut tensors = HostTensors::new();
        let read = |tensor: &Tensor<1>| -> (Vec<usize>, Vec<f32>) {
            (tensor.dims().to_vec(), tensor.to_data().iter::<f32>().collect())
        };
        for (path, moments) in &self.moments {
            tensors.insert(format!("{path}.first"), read(&moments.first));
            if let Some(second) = &moments.second {
                tensors.insert(format!("{path}.second"), read(second));
            }
        }
        tensors
    }

    /// State from a checkpoint.
    pub fn from_host(tensors: HostTensors, steps: usize, device: &Device) -> Result<Self, Error> {
        let write = |(dims, values): &(Vec<usize>, Vec<f32>)| {
            Tensor::<1>::from_data(
                TensorData::new(values.clone(), [dims.iter().product::<usize>()]),
                device,
            )
        };
        let mut moments = BTreeMap::new();
        for (name, tensor) in &tensors {
            if let Some(path) = name.strip_suffix(".first") {
                let second = tensors.get(&format!("{path}.second")).map(write);
                moments.insert(path.to_owned(), Moments { first: write(tensor), second });
            }
        }
        Ok(Self { moments, steps })
    }

    fn adamw(&mut self, path: &str, gradient: Tensor<1>, config: &OptimizerConfig) -> Tensor<1> {
        let (b1, b2) = (config.beta1, config.beta2);
        let moments = self.moments.remove(path);
        let (first, second) = match moments {
            Some(Moments { first, second: Some(second) }) => (
                first.mul_scalar(b1) + gradient.clone().mul_scalar(1.0 - b1),
                second.mul_scalar(b2) + gradient.square().mul_scalar(1.0 - b2),
            ),
            _ => (gradient.clone().mul_scalar(1.0 - b1), gradient.square().mul_scalar(1.0 - b2)),
        };
        let correct1 = 1.0 - b1.powi(self.steps as i32);
        let correct2 = 1.0 - b2.powi(self.steps as i32);
        let denominator = second.clone().div_scalar(correct2).sqrt().add_scalar(config.epsilon);
        let update = first.clone().div_scalar(correct1) / denominator;
        self.moments.insert(path.to_owned(), Moments { first, second: Some(second) });
        update
    }

    /// Nesterov momentum, orthogonalised (Keller Jordan's Muon).
    fn muon(&mut self, path: &str, gradient: Tensor<1>, rows: usize, columns: usize) -> Tensor<2> {
        const MOMENTUM: f64 = 0.95;
        let first = match self.moments.remove(path) {
            Some(moments) => {
                moments.first.mul_scalar(MOMENTUM) + gradient.clone().mul_scalar(1.0 - MOMENTUM)
            }
            None => gradient.clone().mul_scalar(1.0 - MOMENTUM),
        };
        let ahead = first.clone().mul_scalar(MOMENTUM) + gradient.mul_scalar(1.0 - MOMENTUM);
        self.moments.insert(path.to_owned(), Moments { first, second: None });
        let scale = (rows as f64 / columns as f64).max(1.0).sqrt();
        orthogonalise(ahead.reshape([rows, columns])).mul_scalar(scale)
    }
}

/// Five Newton–Schulz steps towards the nearest orthogonal matrix.
fn orthogonalise(matrix: Tensor<2>) -> Tensor<2> {
    let [rows, columns] = matrix.dims();
    let tall = rows > columns;
    let mut x = if tall { matrix.transpose() } else { matrix };
    let norm = x.clone().square().sum().sqrt().add_scalar(1e-7).reshape([1, 1]);
    x = x / norm;
    let (a, b, c) = (3.4445, -4.7750, 2.0315);
    for _ in 0..5 {
        let gram = x.clone().matmul(x.clone().transpose());
        let polynomial = gram.clone().mul_scalar(b) + gram.clone().matmul(gram).mul_scalar(c);
        x = x.clone().mul_scalar(a) + polynomial.matmul(x);
    }
    if tall { x.transpose() } else { x }
}

struct Update<'a> {
    optimizer: &'a mut Optimizer,
    gradients: Gradients,
    config: &'a OptimizerConfig,
    factor: f64,
}

impl Mapper for Update<'_> {
    fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
        let Some(gradient) = self.gradients.remove(path).filter(|_| weight.trainable) else {
            return;
        };
        let dims = weight.value.dims();
        let matrix = D == 2 && path.starts_with("model.layers.");
        let (update, rate) = if self.config.name == Rule::Muon && matrix {
            let update = self.optimizer.muon(path, gradient, dims[0], dims[1]);
            (update.reshape(dims), self.config.muon_learning_rate)
        } else {
            (
                self.optimizer.adamw(path, gradient, self.config).reshape(dims),
                self.config.learning_rate,
            )
        };
        let rate = rate * self.factor * self.config.ratio(path);
        // Norm gains are vectors and are not decayed.
        let decay = if D > 1 { 1.0 - rate * self.config.weight_decay } else { 1.0 };
        weight.value = weight.value.clone().mul_scalar(decay) - update.mul_scalar(rate);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use model::init::Init;
    use model::{DecoderConfig, LoraConfig};

    #[test]
    fn b_learns_faster_by_the_ratio() {
        let shape = DecoderConfig {
            vocab_size: 8,
            hidden_size: 8,
            intermediate_size: 8,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            ..DecoderConfig::baichuan2_tiny()
        };
        let device = crate::device::of("flex", 0).unwrap();
        for (ratio, magnitude) in [(1.0, 1e-3), (16.0, 16e-3)] {
            let mut decoder = Decoder::init(&shape, Init::Normal, 1, &device);
            let lora = LoraConfig { rank: 2, dora: true, ..LoraConfig::default() };
            decoder.add_adapters(&lora).unwrap();
            let of = |decoder: &Decoder, part: &str| {
                let wanted = format!("model.layers.0.mlp.up_proj.lora_{part}");
                let tensors = model::files::host_tensors(decoder, |path| path == wanted);
                tensors.into_values().next().unwrap().1
            };
            let parts =
                [("A.weight", 1e-3), ("B.weight", magnitude), ("magnitude_vector", magnitude)];
            let before = parts.map(|(part, _)| of(&decoder, part));
            let mut gradients = Gradients::new();
            for info in model::weight::list(&decoder, "").into_iter().filter(|info| info.trainable)
            {
                let ones = Tensor::ones([info.numel()], &device);
                gradients.insert(info.path, ones);
            }
            let config = OptimizerConfig {
                learning_rate: 1e-3,
                learning_rate_ratio: ratio,
                ..OptimizerConfig::default()
            };
            Optimizer::default().step(&mut decoder, gradients, &config, 1.0);
            for ((part, rate), before) in parts.into_iter().zip(before) {
                for (now, before) in of(&decoder, part).iter().zip(&before) {
                    // AdamW's first step is the rate itself; f32 holds the weight to 1e-7.
                    let step = f64::from(before - now);
                    assert!((step - rate).abs() < 1e-6, "{ratio}, {part}: {step}");
                }
            }
        }
    }
}
