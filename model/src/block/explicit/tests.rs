//! The backward pass that is written out against the tape, and what it keeps.
#![allow(clippy::unwrap_used)]

mod kept;

use crate::backward::{Gradients, Options, Part, Tape, backward_telling, plain_backward};
use crate::config::Position;
use crate::init::{Init, Normal};
use crate::layout::{GroupBatch, Piece, Target};
use crate::ops::{GroupShape, LossTerms};
use crate::weight::{Mapper, Weight, Weights, list};
use crate::{Decoder, DecoderConfig, LoraConfig};
use burn::tensor::{DType, Device, Tensor, TensorData};

/// Packed projections, rotary positions, NormHead.
fn packed() -> DecoderConfig {
    DecoderConfig {
        vocab_size: 50,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 3,
        num_attention_heads: 4,
        initializer_range: 0.2,
        ..DecoderConfig::baichuan2_tiny()
    }
}

/// Slopes in the place of rotary positions.
fn alibi() -> DecoderConfig {
    DecoderConfig { position: Some(Position::Alibi), ..packed() }
}

/// Split projections, two heads to a key, the head being the embedding.
fn split() -> DecoderConfig {
    DecoderConfig {
        model_type: "llama".into(),
        num_key_value_heads: Some(2),
        head_dim: Some(12),
        tie_word_embeddings: true,
        norm_head: None,
        position: None,
        ..packed()
    }
}

fn full(config: &DecoderConfig) -> Decoder {
    Decoder::init(config, Init::Normal, 7, &Device::flex())
}

/// With adapters that say something.
fn adapted(config: &DecoderConfig, lora: &LoraConfig) -> Decoder {
    let mut decoder = full(config);
    decoder.add_adapters(lora).unwrap();
    let mut normal = Normal::new(11);
    for block in &mut decoder.blocks {
        for (_, linear) in block.linears_mut() {
            let Some(adapter) = &mut linear.adapter else { continue };
            let dims = adapter.b.value.dims();
            let values = (0..dims[0] * dims[1]).map(|_| 0.05 * normal.sample()).collect();
            adapter.b.value = Tensor::from_data(TensorData::new(values, dims), &Device::flex());
        }
    }
    decoder
}

fn lora() -> LoraConfig {
    LoraConfig { rank: 4, alpha: 8.0, dropout: 0.0, ..LoraConfig::default() }
}

/// Two groups of three suffixes, one of which lacks the last, one of a single suffix, one without a prefix.
fn batch() -> GroupBatch {
    let piece = |shape, prefixes: &[usize], suffixes: &[usize]| Piece {
        groups: prefixes.len(),
        shape,
        prefix_lengths: prefixes.to_vec(),
        suffix_lengths: suffixes.to_vec(),
    };
    let pieces = vec![
        piece(GroupShape { prefix: 9, k: 3, suffix: 6 }, &[9, 7], &[6, 4, 5, 3, 6, 0]),
        piece(GroupShape { prefix: 5, k: 1, suffix: 8 }, &[4], &[8]),
        piece(GroupShape { prefix: 0, k: 1, suffix: 7 }, &[0], &[7]),
    ];
    let tokens: usize = pieces.iter().map(Piece::tokens).sum();
    let ids: Vec<i32> = (0..tokens).map(|i| (3 + (i * 17 + 5) % 47) as i32).collect();
    let target =
        |i: usize| Target { position: i - 1, label: ids[i] as u32, weight: 0.01 * i as f32 };
    let targets = (1..tokens).filter(|i| i % 3 != 0).map(target).collect();
    GroupBatch { pieces, targets, ids }
}

fn gradients(decoder: &Decoder, options: Options) -> (f64, Gradients) {
    gradients_of(decoder, &batch(), options)
}

fn gradients_of(decoder: &Decoder, batch: &GroupBatch, options: Options) -> (f64, Gradients) {
    let (mut gradients, mut parts) = (Gradients::new(), Vec::new());
    let ready = &mut |ready: crate::backward::Ready<'_>| parts.push(ready.part);
    let loss = backward_telling(decoder, batch, options, &mut gradients, ready);
    let blocks = (0..decoder.blocks.len()).rev().map(Part::Block);
    let all: Vec<Part> = [Part::Head].into_iter().chain(blocks).chain([Part::Embedding]).collect();
    assert_eq!(parts, all);
    (loss.sum, gradients)
}

/// ‖a - b‖ / ‖a‖ of the tensor where it is largest, and its path.
fn difference(a: &Gradients, b: &Gradients) -> (f32, String) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let norm = |t: Tensor<1>| t.square().sum().sqrt().into_scalar::<f32>();
    let mut worst = (0.0, String::new());
    for (path, a) in a {
        let (a, b) = (a.clone().cast(DType::F32), b[path].clone().cast(DType::F32));
        let apart = norm(a.clone() - b) / norm(a).max(1e-12);
        if apart > worst.0 {
            worst = (apart, path.clone());
        }
    }
    worst
}

/// Written out, a pass gives the loss and the gradients of the tape, and those of one tape over everything.
fn check(name: &str, decoder: &Decoder, options: Options) {
    check_of(name, decoder, &batch(), options);
}

fn check_of(name: &str, decoder: &Decoder, batch: &GroupBatch, options: Options) {
    let of = |options| gradients_of(decoder, batch, options);
    let taped = of(Options { tape: Tape::Always, recompute: 0, ..options });
    let ours = of(Options { tape: Tape::Needed, ..options });
    let mut references = vec![taped];
    if options.dropout_seed.is_none() {
        references.push(plain_backward(decoder, batch, options.terms));
    }
    for (loss, reference) in references {
        assert!((loss - ours.0).abs() < 4e-6 * loss.abs(), "{name}: {} for {loss}", ours.0);
        let (apart, path) = difference(&reference, &ours.1);
        // f32, three blocks: summation order only.
        assert!(apart < 1e-5, "{name}, {options:?}: {path} is off by {apart}");
        for (path, gradient) in &reference {
            assert_eq!(gradient.dtype(), ours.1[path].dtype(), "{name}: {path}");
        }
    }
}

fn with(recompute: usize) -> Options {
    Options { recompute, chunk: 7, ..Options::default() }
}

#[test]
fn gradients_are_those_of_the_tape() {
    for (name, config) in [("packed", packed()), ("alibi", alibi()), ("split", split())] {
        for recompute in 0..=3 {
            check(&format!("{name}, full"), &full(&config), with(recompute));
            check(&format!("{name}, adapted"), &adapted(&config, &lora()), with(recompute));
        }
        let terms = LossTerms { smoothing: 0.1, z: 1e-2 };
        check(&format!("{name}, full"), &full(&config), Options { terms, ..with(0) });
    }
}

/// Of the last block only what the loss looks at is computed; the one tape over everything computes all.
#[test]
fn the_last_block_is_computed_where_the_loss_looks() {
    let tokens = batch().ids.len();
    let target = |(i, position): (usize, usize)| Target {
        position,
        label: (3 + i * 7 % 40) as u32,
        weight: 0.2 + 0.1 * i as f32,
    };
    let at = |positions: Vec<usize>| GroupBatch {
        targets: positions.into_iter().enumerate().map(target).collect(),
        ..batch()
    };
    // One position; some, the last of a prefix more than once and out of order; the whole batch, twice.
    let twice = (0..tokens).chain((0..tokens).rev()).collect();
    let batches = [at(vec![tokens - 1]), at(vec![8, 12, 8, 30, 8, 3]), at(twice)];
    let dora = LoraConfig { dora: true, layers: Some(vec![2]), ..lora() };
    for (name, config) in [("packed", packed()), ("alibi", alibi()), ("split", split())] {
        for (i, batch) in batches.iter().enumerate() {
            let name = format!("{name}, batch {i}");
            for recompute in [0, 3] {
                check_of(&name, &full(&config), batch, with(recompute));
                check_of(&name, &adapted(&config, &lora()), batch, with(recompute));
            }
            check_of(&name, &adapted(&config, &dora), batch, with(0));
            let dropping = adapted(&config, &LoraConfig { dropout: 0.3, ..lora() });
            check_of(&name, &dropping, batch, Options { dropout_seed: Some(5), ..with(1) });
        }
    }
    let one = DecoderConfig { num_hidden_layers: 1, ..packed() };
    check_of("one block", &full(&one), &batches[1], with(0));
}

#[test]
fn dropped_inputs_are_drawn_as_the_tape_draws_them() {
    for config in [packed(), split()] {
        let decoder = adapted(&config, &LoraConfig { dropout: 0.3, ..lora() });
        for recompute in [0, 2] {
            check("dropout", &decoder, Options { dropout_seed: Some(5), ..with(recompute) });
        }
        let of = |seed| {
            let options = Options { tape: Tape::Needed, dropout_seed: seed, ..with(0) };
            gradients(&decoder, options).1
        };
        assert!(difference(&of(Some(5)), &of(Some(6))).0 > 1e-2);
        assert!(difference(&of(Some(5)), &of(None)).0 > 1e-2);
    }
}

/// Freezes all weights whose path does not contain one of `kept`.
fn frozen(mut decoder: Decoder, kept: &[&str]) -> Decoder {
    struct Freeze<'a>(&'a [&'a str]);
    impl Mapper for Freeze<'_> {
        fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
            weight.trainable &= self.0.iter().any(|part| path.contains(part));
        }
    }
    decoder.map("", &mut Freeze(kept));
    decoder
}

#[test]
fn what_is_frozen_has_no_gradient_and_what_is_below_it_has() {
    for config in [packed(), split()] {
        for kept in [
            &["embed_tokens"][..],
            &["input_layernorm", "o_proj"],
            &["layers.1.mlp"],
            &["layers.2.input_layernorm"],
            &["model.norm", "lm_head"],
            &["layers.1", "layers.2.mlp.gate_proj"],
        ] {
            let decoder = frozen(full(&config), kept);
            if list(&decoder, "").iter().any(|info| info.trainable) {
                for recompute in [0, 2, 3] {
                    check(&format!("{kept:?}"), &decoder, with(recompute));
                }
            }
        }
        let some = LoraConfig { layers: Some(vec![1]), ..lora() };
        check("adapters of one layer", &adapted(&config, &some), with(0));
        let half = frozen(adapted(&config, &lora()), &["lora_B"]);
        check("second factors alone", &half, with(1));
    }
}

#[test]
fn a_block_that_has_no_backward_pass_keeps_its_tape() {
    let dora = LoraConfig { dora: true, layers: Some(vec![1]), ..lora() };
    let decoder = adapted(&packed(), &dora);
    let explicit: Vec<bool> = decoder.blocks.iter().map(|block| block.is_explicit()).collect();
    assert_eq!(explicit, [true, false, true]);
    for recompute in [0, 2] {
        check("dora", &decoder, with(recompute));
    }
}

#[test]
fn computed_again_it_gives_the_same_bits() {
    let bits = |gradients: Gradients| -> Vec<Vec<u32>> {
        let bits = |t: Tensor<1>| t.into_data().iter::<f32>().map(f32::to_bits).collect();
        gradients.into_values().map(bits).collect()
    };
    let decoder = adapted(&packed(), &LoraConfig { dropout: 0.3, ..lora() });
    let of = |recompute| {
        let options = Options { tape: Tape::Needed, dropout_seed: Some(5), ..with(recompute) };
        let (loss, gradients) = gradients(&decoder, options);
        (loss.to_bits(), bits(gradients))
    };
    let kept = of(0);
    for recompute in 1..=3 {
        assert!(of(recompute) == kept, "{recompute}");
    }
}

/// bf16 keeps 8 bits. Held is the whole gradient, whose errors mostly cancel, at a usual size of weights.
#[test]
fn in_bf16_it_is_f32_rounded() {
    for config in [packed(), split()] {
        let config = DecoderConfig { initializer_range: 0.05, ..config };
        for exact in [full(&config), adapted(&config, &lora())] {
            let mut low = exact.clone();
            low.convert(DType::BF16);
            let options = Options { tape: Tape::Needed, ..with(1) };
            let (loss, reference) = gradients(&exact, options);
            let (rounded, ours) = gradients(&low, options);
            assert!((loss - rounded).abs() < 2e-2 * loss.abs(), "{rounded} for {loss}");
            let (_, taped) = gradients(&low, Options { tape: Tape::Always, ..options });
            for (path, gradient) in &taped {
                assert_eq!(gradient.dtype(), ours[path].dtype(), "{path}");
            }
            let [ours, taped] = [ours, taped].map(|found| whole_difference(&reference, &found));
            assert!(ours < 2e-2, "{ours}; the tape is off by {taped}");
        }
    }
}

fn whole_difference(a: &Gradients, b: &Gradients) -> f32 {
    let square = |t: Tensor<1>| t.square().sum().into_scalar::<f32>();
    let (mut apart, mut all) = (0.0, 0.0);
    for (path, a) in a {
        apart += square(a.clone() - b[path].clone().cast(DType::F32));
        all += square(a.clone());
    }
    (apart / all).sqrt()
}

/// Everything of `decoder` on `device`.
#[cfg(feature = "kernels")]
fn moved(mut decoder: Decoder, device: &Device) -> Decoder {
    struct Move<'a>(&'a Device);
    impl Mapper for Move<'_> {
        fn weight<const D: usize>(&mut self, _: &str, weight: &mut Weight<D>) {
            let data = weight.value.clone().into_data();
            weight.value = Tensor::from_data(data, (self.0, DType::F32));
        }
    }
    decoder.map("", &mut Move(device));
    decoder
}

/// What a GPU computes by default is what the tape on the CPU does.
#[cfg(feature = "kernels")]
#[test]
fn on_a_gpu_it_is_the_tape_of_the_cpu() {
    if crate::ops::kernels::site::left_to_gpus("a network") {
        return;
    }
    let gpu = crate::ops::kernels::gpu();
    let config = DecoderConfig { num_hidden_layers: 2, head_dim: Some(16), ..split() };
    // Every weight of the lower block, adapters above; what they drop is the same on any device.
    let above = LoraConfig { layers: Some(vec![1]), dropout: 0.3, ..lora() };
    let mut decoder = adapted(&config, &above);
    for (_, linear) in decoder.blocks[0].linears_mut() {
        linear.weight.trainable = true;
    }
    decoder.blocks[0].post_norm.trainable = true;
    let moved = moved(decoder.clone(), &gpu);
    for dropout_seed in [None, Some(5)] {
        let options = Options { dropout_seed, ..with(1) };
        let (loss, expected) = gradients(&decoder, options);
        let (found, ours) = gradients(&moved, options);
        assert!((loss - found).abs() < 1e-4 * loss.abs(), "{found} for {loss}");
        let flex = |t: Tensor<1>| Tensor::from_data(t.into_data(), &Device::flex());
        let ours = ours.into_iter().map(|(path, t)| (path, flex(t))).collect();
        let (apart, path) = difference(&expected, &ours);
        // The device's own exponentials, sines and order of sums.
        assert!(apart < 1e-4, "{dropout_seed:?}: {path} is off by {apart}");
    }
}

/// Each adapter drops its input in a launch of its own on the way there, and on the way back once more for
/// the gradient of its first factor and once over the gradient of its input.
#[cfg(feature = "kernels")]
#[test]
fn dropout_is_a_launch_where_it_is_needed() {
    use crate::block::Pass;
    use crate::layout::Layout;
    use crate::ops::kernels::launches::launches;
    let gpu = crate::ops::kernels::gpu();
    let config = DecoderConfig { num_hidden_layers: 1, head_dim: Some(16), ..packed() };
    let decoder = moved(adapted(&config, &LoraConfig { dropout: 0.3, ..lora() }), &gpu);
    let layout = Layout::new(&batch(), &config, &gpu);
    let pass = Pass { layout: &layout, training: true, asked: None };
    let block = crate::lora::seeded(&decoder.blocks[0], 5, 0);
    let x = decoder.embed(batch().ids(&gpu));
    let count =
        |found: &[&str], name: &str| found.iter().filter(|kernel| kernel.contains(name)).count();
    let mut kept = None;
    let found = launches(|| {
        let mut saved = block.keep(x.clone(), pass);
        let y = block.output(&mut saved, pass);
        kept = Some((saved, y));
    });
    assert_eq!(count(&found, "ops::kernels::dropout"), 5, "five layers: {found:?}");
    let (saved, dy) = kept.unwrap();
    let found = launches(|| {
        let mut gradients = Gradients::new();
        let mut sink = crate::weight::Sink::new(String::new(), &mut gradients);
        block.backward(saved, dy, pass, true, &mut sink);
    });
    assert_eq!(count(&found, "dropout::dropout_kernel"), 5, "five first factors: {found:?}");
    assert_eq!(count(&found, "dropout::add_dropout_kernel"), 5, "five inputs: {found:?}");
}

/// Beside its products and attention, a block is so many launches.
#[cfg(feature = "kernels")]
#[test]
fn a_block_is_the_launches_that_it_says() {
    use crate::block::Pass;
    use crate::layout::Layout;
    use crate::ops::kernels::launches::launches;
    if crate::ops::kernels::site::left_to_gpus("launches of a block") {
        return;
    }
    let gpu = crate::ops::kernels::gpu();
    let config = DecoderConfig { num_hidden_layers: 1, head_dim: Some(16), ..packed() };
    // Norms and the activation: what is computed again, and the gradients.
    let sums = &["norm_backward::rms_norm_backward", "norm_backward::column_sums"][..];
    for (decoder, of_norm) in [(full(&config), sums), (adapted(&config, &lora()), &sums[..1])] {
        let decoder = moved(decoder, &gpu);
        let layout = Layout::new(&batch(), &config, &gpu);
        let pass = Pass { layout: &layout, training: false, asked: None };
        let block = &decoder.blocks[0];
        let x = decoder.embed(batch().ids(&gpu));
        let forward = || {
            let mut kept = block.keep(x.clone(), pass);
            let y = block.output(&mut kept, pass);
            (kept, y)
        };
        let backward = |(kept, dy)| {
            let mut gradients = Gradients::new();
            let mut sink = crate::weight::Sink::new(String::new(), &mut gradients);
            block.backward(kept, dy, pass, true, &mut sink);
        };
        let ours = |found: Vec<&'static str>, expected: &[&str]| {
            let ours: Vec<&str> = found
                .into_iter()
                .filter(|kernel| kernel.contains("ops::kernels"))
                .filter(|kernel| kernel.contains("norm") || kernel.contains("swiglu"))
                .collect();
            assert_eq!(ours.len(), expected.len(), "{ours:?}");
            assert!(ours.iter().zip(expected).all(|(a, b)| a.contains(b)), "{ours:?}");
        };
        // What is only done once, like tuning a product, is done before.
        backward(forward());
        let mut kept = None;
        let found = launches(|| kept = Some(forward()));
        ours(found, &["norm::rms_norm", "norm::add_rms_norm", "swiglu::swiglu_kernel"]);
        let kept = kept.unwrap();
        let found = launches(|| backward(kept));
        let norm = [&["norm::rms_norm"][..], of_norm].concat();
        let activation = ["swiglu::swiglu_kernel", "swiglu::swiglu_backward"];
        ours(found, &[&activation[..], &norm, &norm].concat());
    }
}
