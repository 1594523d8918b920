//! A small training on the device beside the same on the CPU.

use crate::arguments::Arguments;
use crate::steps::Learner;
use crate::work::Work;
use crate::{Failure, network};
use burn::tensor::{DType, Device};
use model::init::{Init, Normal};
use model::{Decoder, DecoderConfig};
use serde_json::{Value, json};
use trainer::optimizer::OptimizerConfig;
use trainer::recipe::BatchConfig;

/// Sequences of a step, and their length.
const SEQUENCES: usize = 16;
const LENGTH: usize = 32;

/// The losses of `--steps` steps of everything, from the same weights, over the same rows: in f32 on the CPU,
/// then on the device in f32 and, where it has it, in bf16.
pub fn curve(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
    model::runtime::full_precision();
    let steps: usize = arguments.number("steps", 40, 200)?;
    let shape = DecoderConfig { vocab_size: 256, ..DecoderConfig::baichuan2_tiny() };
    let expected = losses(&shape, DType::F32, &network::reference_device(arguments)?, steps)?;
    let mut types = vec![("f32", DType::F32)];
    if arguments.dtype() == DType::BF16 {
        types.push(("bf16", DType::BF16));
    }
    for (name, dtype) in types {
        let found = losses(&shape, dtype, &arguments.device, steps)?;
        let apart = |(a, b): (&f64, &f64)| (a - b).abs() / b.abs();
        let worst = found.iter().zip(&expected).map(apart).fold(0.0, f64::max);
        print(
            json!({"part": "curve", "dtype": name, "steps": steps, "losses": found, "cpu_losses": expected,
                     "worst_relative_difference": worst}),
        );
    }
    Ok(())
}

fn losses(
    shape: &DecoderConfig,
    dtype: DType,
    device: &Device,
    steps: usize,
) -> Result<Vec<f64>, Failure> {
    let mut decoder = Decoder::init(shape, Init::Normal, 42, device);
    decoder.convert(dtype);
    let config = OptimizerConfig { learning_rate: 2e-3, ..OptimizerConfig::default() };
    let tokens = BatchConfig::default().max_length;
    let mut learner = Learner::new(decoder, config, tokens, 0);
    let mut normal = Normal::new(7);
    let mut losses = Vec::with_capacity(steps);
    for _ in 0..steps {
        let found = learner.gradients(&rows(shape.vocab_size, &mut normal))?;
        learner.update(&found)?;
        losses.push(found.loss);
    }
    Ok(losses)
}

/// Sequences in which each token says what the next one is, but for one of eight.
fn rows(vocabulary: usize, normal: &mut Normal) -> Work {
    let mut any = || (f64::from(normal.sample()).abs() * 1e6) as usize % vocabulary;
    let sequence = |_| {
        let mut token = any();
        let mut ids = Vec::with_capacity(LENGTH);
        for place in 0..LENGTH {
            ids.push(token as u32);
            token = if place % 8 == 7 { any() } else { (token * 5 + 7) % vocabulary };
        }
        ids
    };
    Work::of((0..SEQUENCES).map(sequence).collect())
}
