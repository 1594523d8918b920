//! What must hold of the network whatever its weights: segmented backward equals plain autodiff,
//! groups equal their samples apart.
#![allow(clippy::unwrap_used)]

mod reference;

use burn::tensor::{DType, Tensor};
use model::backward::{Gradients, Options, backward, plain_backward};
use model::config::{Position, RopeScaling};
use model::init::Init;
use model::layout::{GroupBatch, Piece, Target};
use model::ops::{GroupShape, LossTerms};
use model::weight::list;
use model::{Decoder, DecoderConfig, LoraConfig};
use reference::device;

/// The networks that the laws are held for.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Packed, rotary, NormHead: Baichuan2-7B in small.
    Rope,
    /// Packed, ALiBi, NormHead: Baichuan2-13B in small.
    Alibi,
    /// Grouped queries in heads of their own width, stretched rotary positions.
    Llama,
    /// Grouped queries, the head being the embedding.
    Tied,
}

const KINDS: [Kind; 4] = [Kind::Rope, Kind::Alibi, Kind::Llama, Kind::Tied];

fn config(kind: Kind) -> DecoderConfig {
    let baichuan = DecoderConfig {
        vocab_size: 50,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 3,
        num_attention_heads: 4,
        initializer_range: 0.2,
        ..DecoderConfig::baichuan2_tiny()
    };
    let llama = DecoderConfig {
        model_type: "llama".into(),
        num_key_value_heads: Some(2),
        norm_head: None,
        position: None,
        ..baichuan.clone()
    };
    match kind {
        Kind::Rope => baichuan,
        Kind::Alibi => DecoderConfig { position: Some(Position::Alibi), ..baichuan },
        Kind::Llama => DecoderConfig {
            head_dim: Some(12),
            num_key_value_heads: Some(1),
            rope_scaling: Some(RopeScaling::Linear { factor: 2.0 }),
            ..llama
        },
        Kind::Tied => DecoderConfig { tie_word_embeddings: true, ..llama },
    }
}

fn decoder(kind: Kind) -> Decoder {
    Decoder::init(&config(kind), Init::Normal, 7, &device())
}

/// A prefix and suffixes of these lengths, with made-up ids.
fn samples(prefix: usize, suffixes: &[usize]) -> (Vec<i32>, Vec<Vec<i32>>) {
    let id = |i: usize| (3 + (i * 17 + 5) % 47) as i32;
    let prefix_ids = (0..prefix).map(id).collect();
    let suffix_ids = suffixes
        .iter()
        .enumerate()
        .map(|(s, n)| (0..*n).map(|i| id(100 * (s + 1) + i)).collect())
        .collect();
    (prefix_ids, suffix_ids)
}

/// One row: the prefix padded to `p`, the suffixes padded to `u`; supervises each suffix from its second token.
fn grouped(prefix: &[i32], suffixes: &[Vec<i32>], p: usize, u: usize) -> GroupBatch {
    let mut ids = prefix.to_vec();
    let mut targets = Vec::new();
    for suffix in suffixes {
        for (i, label) in suffix.iter().enumerate() {
            let position = match i {
                0 if prefix.is_empty() => continue,
                0 => prefix.len() - 1,
                i => ids.len() + i - 1,
            };
            targets.push(Target { position, label: *label as u32, weight: 0.01 * (i + 1) as f32 });
        }
        ids.extend(suffix);
    }
    let piece = Piece {
        groups: 1,
        shape: GroupShape { prefix: p, k: suffixes.len(), suffix: u },
        prefix_lengths: vec![prefix.len()],
        suffix_lengths: suffixes.iter().map(Vec::len).collect(),
    };
    GroupBatch { pieces: vec![piece], ids, targets }
}

/// Several batches as one, their pieces side by side.
fn side_by_side(batches: &[GroupBatch]) -> GroupBatch {
    let mut all = GroupBatch { pieces: Vec::new(), ids: Vec::new(), targets: Vec::new() };
    for batch in batches {
        let before = all.ids.len();
        let moved = |target: &Target| Target { position: before + target.position, ..*target };
        all.targets.extend(batch.targets.iter().map(moved));
        all.ids.extend(&batch.ids);
        all.pieces.extend(batch.pieces.iter().cloned());
    }
    all
}

fn add_all(decoder: &Decoder, batches: &[GroupBatch], options: Options) -> (f64, Gradients) {
    let mut gradients = Gradients::new();
    let loss =
        batches.iter().map(|batch| backward(decoder, batch, options, &mut gradients).sum).sum();
    (loss, gradients)
}

/// Largest ‖a - b‖ / ‖a‖ over the tensors.
fn difference(a: &Gradients, b: &Gradients) -> f32 {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let norm = |t: Tensor<1>| t.square().sum().sqrt().into_scalar::<f32>();
    a.iter()
        .map(|(path, x)| norm(x.clone() - b[path].clone()) / norm(x.clone()).max(1e-12))
        .fold(0.0, f32::max)
}

fn small_adapters() -> LoraConfig {
    LoraConfig { rank: 4, alpha: 8.0, ..LoraConfig::default() }
}

#[test]
fn segmented_backward_is_plain_autodiff() {
    for kind in KINDS {
        let mut decoder = decoder(kind);
        for lora in [false, true] {
            if lora {
                decoder.add_adapters(&small_adapters()).unwrap();
                shake_adapters(&mut decoder);
            }
            let (prefix, suffixes) = samples(9, &[6, 4, 7]);
            let batch = grouped(&prefix, &suffixes, 11, 8);
            let smoothed = LossTerms { smoothing: 0.1, z: 1e-2 };
            let none = LossTerms::default();
            for (recompute, terms) in [(0, none), (1, none), (3, none), (0, smoothed)] {
                let (loss, plain) = plain_backward(&decoder, &batch, terms);
                let options = Options { recompute, chunk: 5, terms, ..Options::default() };
                let (ours, segmented) = add_all(&decoder, std::slice::from_ref(&batch), options);
                // What is added rounds, too.
                let allowed = if terms.are_none() { 1e-6 } else { 4e-6 };
                assert!((ours - loss).abs() < allowed * loss.abs(), "{ours} against {loss}");
                let difference = difference(&plain, &segmented);
                // f32, three blocks: summation order only.
                assert!(
                    difference < 1e-5,
                    "{kind:?}, recompute {recompute}, lora {lora}, {terms:?}: {difference}"
                );
            }
        }
    }
}

#[test]
fn a_group_is_its_samples_apart() {
    for kind in KINDS {
        let decoder = decoder(kind);
        let (prefix, suffixes) = samples(13, &[6, 4, 7, 5, 6, 3, 8, 2]);
        let together = grouped(&prefix, &suffixes, 15, 9);
        let apart: Vec<GroupBatch> = suffixes
            .iter()
            .map(|suffix| {
                grouped(&prefix, std::slice::from_ref(suffix), prefix.len(), suffix.len())
            })
            .collect();
        let joined: Vec<GroupBatch> = suffixes
            .iter()
            .map(|suffix| {
                let whole: Vec<i32> = prefix.iter().chain(suffix).copied().collect();
                let mut batch = grouped(&[], std::slice::from_ref(&whole), 0, whole.len());
                batch.targets.retain(|target| target.position + 1 >= prefix.len());
                for (i, target) in batch.targets.iter_mut().enumerate() {
                    target.weight = 0.01 * (i + 1) as f32;
                }
                batch
            })
            .collect();
        let (loss, gradients) = add_all(&decoder, &[together], Options::default());
        for samples in [apart, joined] {
            let (other, others) = add_all(&decoder, &samples, Options::default());
            assert!((loss - other).abs() < 1e-6 * loss.abs(), "{loss} against {other}");
            let difference = difference(&gradients, &others);
            assert!(difference < 1e-5, "{difference}");
        }
    }
}

#[test]
fn pieces_of_one_batch_are_batches_apart() {
    for kind in KINDS {
        let decoder = decoder(kind);
        let of = |prefix: usize, suffixes: &[usize], p: usize, u: usize| {
            let (prefix, suffixes) = samples(prefix, suffixes);
            grouped(&prefix, &suffixes, p, u)
        };
        // Long and short prefixes, none at all, padded and exact.
        let apart =
            [of(13, &[6, 4, 7], 15, 9), of(0, &[8], 0, 8), of(3, &[5, 2], 3, 5), of(0, &[4], 2, 6)];
        let together = side_by_side(&apart);
        let (loss, gradients) = add_all(&decoder, &apart, Options::default());
        for recompute in [0, 2, 3] {
            let options = Options { recompute, ..Options::default() };
            let (other, others) = add_all(&decoder, std::slice::from_ref(&together), options);
            assert!((loss - other).abs() < 1e-6 * loss.abs(), "{loss} against {other}");
            let difference = difference(&gradients, &others);
            // f32, three blocks: summation order only.
            assert!(difference < 1e-5, "recompute {recompute}: {difference}");
        }
        // Two groups of one piece, of unlike lengths.
        let (first, second) = (of(5, &[4, 3], 7, 6), of(7, &[6], 7, 6));
        let mut joined = side_by_side(&[first.clone(), second.clone()]);
        joined.pieces = vec![Piece {
            groups: 2,
            shape: first.pieces[0].shape,
            prefix_lengths: vec![5, 7],
            // The second group has one suffix less.
            suffix_lengths: vec![4, 3, 6, 0],
        }];
        let (loss, gradients) = add_all(&decoder, &[first, second], Options::default());
        let (other, others) = add_all(&decoder, &[joined], Options::default());
        assert!((loss - other).abs() < 1e-6 * loss.abs(), "{loss} against {other}");
        let difference = difference(&gradients, &others);
        assert!(difference < 1e-5, "{difference}");
    }
}

#[test]
fn blocks_that_are_computed_again_give_the_same_bits() {
    let bits = |gradients: Gradients| -> Vec<(String, Vec<u32>)> {
        let bits = |t: Tensor<1>| t.into_data().iter::<f32>().map(f32::to_bits).collect();
        gradients.into_iter().map(|(path, gradient)| (path, bits(gradient))).collect()
    };
    for kind in KINDS {
        for dropout_seed in [None, Some(11)] {
            let mut decoder = decoder(kind);
            if dropout_seed.is_some() {
                let lora = LoraConfig { dropout: 0.3, ..small_adapters() };
                decoder.add_adapters(&lora).unwrap();
            }
            let (prefix, suffixes) = samples(13, &[6, 4, 7]);
            let batch = [grouped(&prefix, &suffixes, 15, 9)];
            let of = |recompute| {
                let options = Options { recompute, chunk: 5, dropout_seed, ..Options::default() };
                let (loss, gradients) = add_all(&decoder, &batch, options);
                (loss.to_bits(), bits(gradients))
            };
            let kept = of(0);
            assert!(!kept.1.is_empty());
            for recompute in 1..=4 {
                assert!(of(recompute) == kept, "{kind:?}, {recompute} blocks, {dropout_seed:?}");
            }
        }
    }
}

/// Adapters start at zero; tests need them to say something.
fn shake_adapters(decoder: &mut Decoder) {
    for block in &mut decoder.blocks {
        for (_, linear) in block.linears_mut() {
            if let Some(adapter) = &mut linear.adapter {
                adapter.b.value = adapter
                    .a
                    .value
                    .clone()
                    .transpose()
                    .sum_dim(1)
                    .mul_scalar(0.3)
                    .repeat_dim(1, adapter.a.value.dims()[0])
                    .narrow(0, 0, 1)
                    .repeat_dim(0, adapter.b.value.dims()[0]);
            }
        }
    }
}

/// bf16 keeps 8 bits and f16 11: a gradient is a sum of thousands of rounded products, whose errors
/// mostly cancel. Allowed is 32 units of the last place, of the norm of each tensor; the worst
/// found was 20. `golden.rs` holds bf16 against transformers' own.
#[test]
fn low_precision_is_f32_rounded() {
    for kind in KINDS {
        let full = decoder(kind);
        let (prefix, suffixes) = samples(13, &[6, 4, 7]);
        let batch = grouped(&prefix, &suffixes, 15, 9);
        let (loss, gradients) = add_all(&full, std::slice::from_ref(&batch), Options::default());
        for (dtype, unit) in [(DType::BF16, 1.0 / 256.0), (DType::F16, 1.0 / 2048.0)] {
            if !device().supports_dtype(dtype) {
                eprintln!("SKIPPED: {:?} has no {dtype:?}", device());
                continue;
            }
            let mut low = full.clone();
            low.convert(dtype);
            assert!(list(&low, "").len() == gradients.len());
            let (other, others) = add_all(&low, std::slice::from_ref(&batch), Options::default());
            assert!((loss - other).abs() < 32.0 * unit * loss.abs(), "{kind:?} {dtype:?}: {other}");
            let others = others.into_iter().map(|(path, t)| (path, t.cast(DType::F32))).collect();
            let difference = difference(&gradients, &others);
            assert!(f64::from(difference) < 32.0 * unit, "{kind:?} {dtype:?}: {difference}");
        }
    }
}

#[test]
fn merging_an_adapter_changes_nothing() {
    let mut decoder = decoder(Kind::Rope);
    decoder.add_adapters(&small_adapters()).unwrap();
    shake_adapters(&mut decoder);
    let (_, suffixes) = samples(0, &[9]);
    let batch = grouped(&[], &suffixes, 0, 9);
    let adapted = decoder.logits(&batch);
    decoder.merge_adapters();
    let merged = decoder.logits(&batch);
    let difference = (adapted - merged).abs().max().into_scalar::<f32>();
    // One product instead of three: rounding only.
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn files_give_back_what_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let mut decoder = decoder(Kind::Rope);
    let lora = small_adapters();
    decoder.add_adapters(&lora).unwrap();
    shake_adapters(&mut decoder);
    model::files::save(&decoder, folder.path(), false).unwrap();
    model::peft::save(&decoder, &lora, folder.path()).unwrap();
    let mut again = model::files::load(folder.path(), &device(), DType::F32).unwrap();
    assert_eq!(model::peft::load(&mut again, folder.path()).unwrap(), lora);
    let all = |decoder: &Decoder| model::files::host_tensors(decoder, |_| true);
    assert_eq!(all(&decoder), all(&again));
}

#[test]
fn a_torn_file_is_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    model::files::save(&decoder(Kind::Rope), folder.path(), true).unwrap();
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = model::files::load(folder.path(), &device(), DType::F32).unwrap_err().to_string();
    assert!(error.contains("model.safetensors") && error.contains("truncated"), "{error}");
}
