//! How gradients change weights: AdamW, and Muon for the matrices of the blocks.
//!
//! State is kept by weight path, so that a checkpoint means the same on every world and device.

use crate::Error;
use crate::schedule::Shape;
use crate::sharding::Stretch;
use burn::tensor::{Device, Tensor, TensorData};
use model::weight::{Mapper, Weight, WeightInfo, Weights};
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

/// Moments of one stretch of a weight.
#[derive(Clone, Debug)]
struct Moments {
    first: Tensor<1>,
    /// Absent for Muon.
    second: Option<Tensor<1>>,
}

/// A part of the state of one stretch, for a checkpoint.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Of which weight.
    pub path: String,
    /// Which part of the state: `first`, `second`.
    pub kind: &'static str,
    /// The first value of the weight that it belongs to.
    pub start: usize,
    /// Values of the weight that one value here stands for.
    pub unit: usize,
    /// `[values]`.
    pub data: TensorData,
}

/// Gives the part of the state with this kind and unit for a whole stretch; `None` where there is none.
pub type Restore<'a> = dyn FnMut(&str, usize) -> Result<Option<TensorData>, Error> + 'a;

/// The optimizer's state.
#[derive(Debug, Default)]
pub struct Optimizer {
    /// By path and first value.
    moments: BTreeMap<(String, usize), Moments>,
    /// Steps taken, for the bias correction.
    steps: usize,
}

impl Optimizer {
    /// An optimizer that has taken so many steps, its state still to be restored.
    pub fn at(steps: usize) -> Self {
        Self { moments: BTreeMap::new(), steps }
    }

    /// Whether a weight must be updated in one piece.
    pub fn is_indivisible(config: &OptimizerConfig, weight: &WeightInfo) -> bool {
        config.name == Rule::Muon && is_block_matrix(&weight.path, &weight.dims)
    }

    /// Counts a step; its updates follow.
    pub fn begin_step(&mut self) {
        self.steps += 1;
    }

    /// The new values of a stretch of a weight.
    ///
    /// `factor` is the schedule's. `weight`, `gradient` and the result: `[values]`.
    pub fn update(
        &mut self,
        stretch: &Stretch,
        weight: Tensor<1>,
        gradient: Tensor<1>,
        config: &OptimizerConfig,
        factor: f64,
    ) -> Tensor<1> {
        let key = (stretch.path.clone(), stretch.range.start);
        let dims = &stretch.dims;
        let (update, rate) = if config.name == Rule::Muon && is_block_matrix(&stretch.path, dims) {
            let update = self.muon(key, gradient, dims[0], dims[1]);
            (update.reshape([-1]), config.muon_learning_rate)
        } else {
            (self.adamw(key, gradient, config), config.learning_rate)
        };
        let rate = rate * factor * config.ratio(&stretch.path);
        // Norm gains are vectors and are not decayed.
        let decay = if dims.len() > 1 { 1.0 - rate * config.weight_decay } else { 1.0 };
        weight.mul_scalar(decay) - update.mul_scalar(rate)
    }

    /// Changes every weight that has a gradient, in one step.
    pub fn step(
        &mut self,
        decoder: &mut Decoder,
        gradients: Gradients,
        config: &OptimizerConfig,
        factor: f64,
    ) {
        self.begin_step();
        decoder.map("", &mut Update { optimizer: self, gradients, config, factor });
    }

    /// All of the state, on the host.
    pub fn kept(&self) -> Vec<Kept> {
        let mut kept = Vec::new();
        for ((path, start), moments) in &self.moments {
            let parts = [("first", Some(&moments.first)), ("second", moments.second.as_ref())];
            for (kind, tensor) in parts {
                if let Some(tensor) = tensor {
                    let (path, start) = (path.clone(), *start);
                    kept.push(Kept { path, kind, start, unit: 1, data: tensor.to_data() });
                }
            }
        }
        kept
    }

    /// Takes the state of a stretch up again.
    pub fn restore(
        &mut self,
        stretch: &Stretch,
        read: &mut Restore<'_>,
        device: &Device,
    ) -> Result<(), Error> {
        let mut part = |kind| {
            let data = read(kind, 1)?;
            Ok::<_, Error>(data.map(|data| Tensor::<1>::from_data(data, device)))
        };
        if let Some(first) = part("first")? {
            let moments = Moments { first, second: part("second")? };
            self.moments.insert((stretch.path.clone(), stretch.range.start), moments);
        }
        Ok(())
    }

    fn adamw(
        &mut self,
        key: (String, usize),
        gradient: Tensor<1>,
        config: &OptimizerConfig,
    ) -> Tensor<1> {
        let (b1, b2) = (config.beta1, config.beta2);
        let moments = self.moments.remove(&key);
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
        self.moments.insert(key, Moments { first, second: Some(second) });
        update
    }

    /// Nesterov momentum, orthogonalised (Keller Jordan's Muon).
    fn muon(
        &mut self,
        key: (String, usize),
        gradient: Tensor<1>,
        rows: usize,
        columns: usize,
    ) -> Tensor<2> {
        const MOMENTUM: f64 = 0.95;
        let first = match self.moments.remove(&key) {
            Some(moments) => {
                moments.first.mul_scalar(MOMENTUM) + gradient.clone().mul_scalar(1.0 - MOMENTUM)
            }
            None => gradient.clone().mul_scalar(1.0 - MOMENTUM),
        };
        let ahead = first.clone().mul_scalar(MOMENTUM) + gradient.mul_scalar(1.0 - MOMENTUM);
        self.moments.insert(key, Moments { first, second: None });
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
        let range = 0..dims.iter().product();
        let stretch = Stretch { path: path.to_owned(), dims: dims.to_vec(), range };
        let flat = weight.value.clone().reshape([-1]);
        let new = self.optimizer.update(&stretch, flat, gradient, self.config, self.factor);
        weight.value = new.reshape(dims);
    }
}

fn is_block_matrix(path: &str, dims: &[usize]) -> bool {
    dims.len() == 2 && path.starts_with("model.layers.")
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
