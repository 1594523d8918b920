//! Gradients as the device computes them beside those of the plain formulas in f32.

use crate::arguments::Arguments;
use crate::attention::rows;
use crate::{Failure, network};
use burn::tensor::{DType, Device, Tensor};
use model::backward::{Gradients, Options, backward, plain_backward};
use model::init::Init;
use model::layout::{GroupBatch, Target};
use model::ops::{GroupShape, LossTerms};
use model::weight::{Mapper, Weight, Weights};
use model::{Decoder, DecoderConfig};
use serde_json::{Value, json};

/// Two blocks of the model's width (or the tiny model) over groups: the loss, and how far each weight's
/// gradient is from that of one tape in f32 over the same, rounded, weights.
pub fn gradients(arguments: &Arguments, print: &mut dyn FnMut(Value)) -> Result<(), Failure> {
    let shape = match arguments.is_tiny() {
        true => DecoderConfig { vocab_size: 512, ..DecoderConfig::baichuan2_tiny() },
        false => DecoderConfig {
            vocab_size: 4096,
            num_hidden_layers: arguments.number("layers", 2, 2)?,
            ..DecoderConfig::baichuan2_7b()
        },
    };
    let (prefix, suffix) = if arguments.is_tiny() { (24, 12) } else { (200, 40) };
    let mut batch = rows(2, GroupShape { prefix, k: 4, suffix }, shape.vocab_size);
    supervise(&mut batch);
    // Else f32 means TF32 there, and nothing could be held against it.
    model::runtime::full_precision();
    let reference = network::reference_device(arguments)?;
    let mut types = vec![("f32", DType::F32)];
    if arguments.dtype() == DType::BF16 {
        types.push(("bf16", DType::BF16));
    }
    for lora in [false, true] {
        for (name, dtype) in &types {
            let mut base = Decoder::init(&shape, Init::Normal, 42, &reference);
            if lora {
                network::add_trained_adapters(&mut base)?;
            }
            // Both sides have the weights that the device can hold.
            base.convert(*dtype);
            base.convert(DType::F32);
            let (loss, expected) = plain_backward(&base, &batch, LossTerms::default());
            let mut decoder = moved(base, &arguments.device);
            decoder.convert(*dtype);
            let mut found = Gradients::new();
            let sum = backward(&decoder, &batch, Options::default(), &mut found).sum;
            let mut apart: Vec<(String, f64)> = expected
                .iter()
                .map(|(path, expected)| (path.clone(), distance(found.get(path), expected)))
                .collect();
            apart.sort_by(|a, b| b.1.total_cmp(&a.1));
            let worst: Vec<Value> = apart
                .iter()
                .take(5)
                .map(|(path, far)| json!({"weight": path, "distance": far}))
                .collect();
            print(json!({
                "part": "gradients", "method": if lora { "lora" } else { "full" }, "dtype": name,
                "weights": apart.len(), "loss": sum, "expected_loss": loss,
                "worst": worst, "median_distance": apart.get(apart.len() / 2).map(|it| it.1),
            }));
        }
    }
    Ok(())
}

/// The last half of each suffix has a loss.
pub fn supervise(batch: &mut GroupBatch) {
    let mut start = 0;
    for piece in &batch.pieces {
        let k = piece.shape.k;
        for (group, prefix) in piece.prefix_lengths.iter().enumerate() {
            start += prefix;
            for length in &piece.suffix_lengths[group * k..(group + 1) * k] {
                for t in start + length / 2..start + length {
                    let label = batch.ids[t] as u32;
                    batch.targets.push(Target { position: t - 1, label, weight: 1.0 });
                }
                start += length;
            }
        }
    }
    let count = batch.targets.len() as f32;
    batch.targets.iter_mut().for_each(|target| target.weight /= count);
}

/// `‖found - expected‖ / ‖expected‖`; 1 where there is none.
fn distance(found: Option<&Tensor<1>>, expected: &Tensor<1>) -> f64 {
    let Some(found) = found else { return 1.0 };
    let values = |t: &Tensor<1>| t.clone().into_data().iter::<f32>().collect::<Vec<f32>>();
    let (mut far, mut length) = (0.0, 0.0);
    for (a, b) in values(found).into_iter().zip(values(expected)) {
        far += f64::from(a - b).powi(2);
        length += f64::from(b).powi(2);
    }
    if length == 0.0 { far.sqrt() } else { (far / length).sqrt() }
}

/// The same weights on another device.
fn moved(mut decoder: Decoder, device: &Device) -> Decoder {
    struct Move<'a>(&'a Device);
    impl Mapper for Move<'_> {
        fn weight<const D: usize>(&mut self, _: &str, weight: &mut Weight<D>) {
            // Through the host: the two need not be of one kind.
            let values = weight.value.clone().into_data();
            weight.value = Tensor::from_data(values, (self.0, DType::F32));
        }
    }
    decoder.map("", &mut Move(device));
    decoder
}
