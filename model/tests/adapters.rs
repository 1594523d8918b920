//! What must hold of adapters of every kind: their gradients are those of plain autodiff, merging
//! changes nothing, PiSSA begins where the model stood, and files give back what was saved.
#![allow(clippy::unwrap_used)]

mod reference;

use burn::tensor::{DType, Tensor, TensorData};
use model::backward::{Gradients, Options, backward, plain_backward};
use model::files::{host_tensors, read_tensors, write_tensors};
use model::init::{Init, Normal};
use model::layout::{GroupBatch, Piece, Target};
use model::lora::{Targets, linear_layers};
use model::ops::{GroupShape, LossTerms};
use model::{Decoder, DecoderConfig, LoraConfig, peft};
use reference::device;
use std::path::Path;

/// Adapters of every kind, as a recipe's `[lora]` would say it.
const KINDS: [&str; 6] = [
    r#"{"rank": 4, "alpha": 8.0}"#,
    r#"{"rank": 4, "alpha": 8.0, "rslora": true, "init": "gaussian", "targets": ["W_pack", "up_proj"]}"#,
    r#"{"rank": 4, "alpha": 8.0, "dora": true}"#,
    r#"{"rank": 4, "alpha": 8.0, "init": "pissa", "exclude": ["down_proj"]}"#,
    r#"{"rank": 4, "alpha": 2.0, "init": "pissa_niter_3", "rslora": true, "dora": true}"#,
    r#"{"rank": 4, "alpha": 8.0, "targets": ".*\\.[02]\\..*_proj", "rank_pattern": {"o_proj": 2}, "alpha_pattern": {"o_proj": 1.0}}"#,
];

fn kind(json: &str) -> LoraConfig {
    serde_json::from_str(json).unwrap()
}

fn config() -> DecoderConfig {
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

/// The same with queries, keys and values apart.
fn llama() -> DecoderConfig {
    // The head keeps its norm: the matrices are those of the base.
    DecoderConfig { model_type: "llama".into(), position: None, ..config() }
}

fn base() -> Decoder {
    Decoder::init(&config(), Init::Normal, 7, &device())
}

/// Adapters that say something: what training would have made of them.
fn adapted(lora: &LoraConfig) -> Decoder {
    let mut decoder = base();
    decoder.add_adapters(lora).unwrap();
    shake(&mut decoder);
    decoder
}

fn shake(decoder: &mut Decoder) {
    let mut normal = Normal::new(11);
    for block in &mut decoder.blocks {
        for (_, linear) in block.linears_mut() {
            let Some(adapter) = &mut linear.adapter else { continue };
            let dims = adapter.b.value.dims();
            let noise = (0..dims[0] * dims[1]).map(|_| 0.05 * normal.sample()).collect();
            let noise = Tensor::from_data(TensorData::new(noise, dims), &device());
            adapter.b.value = adapter.b.value.clone() + noise;
            if let Some(magnitude) = &mut adapter.magnitude {
                magnitude.value = magnitude.value.clone().mul_scalar(1.1);
            }
        }
    }
}

/// One row of these lengths, with made-up ids; every position but the first is supervised.
fn batch() -> GroupBatch {
    let ids: Vec<i32> = (0..20).map(|i| 3 + (i * 17 + 5) % 47).collect();
    let target = |i: usize| Target { position: i - 1, label: ids[i] as u32, weight: 0.05 };
    GroupBatch {
        pieces: vec![Piece {
            groups: 1,
            shape: GroupShape { prefix: 8, k: 2, suffix: 6 },
            prefix_lengths: vec![8],
            suffix_lengths: vec![6, 6],
        }],
        targets: (1..14).chain(15..20).map(target).collect(),
        ids,
    }
}

fn gradients(decoder: &Decoder, options: Options) -> Gradients {
    let mut gradients = Gradients::new();
    backward(decoder, &batch(), options, &mut gradients);
    gradients
}

/// Largest ‖a - b‖ / ‖a‖ over the tensors.
fn difference(a: &Gradients, b: &Gradients) -> f32 {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let norm = |t: Tensor<1>| t.square().sum().sqrt().into_scalar::<f32>();
    a.iter()
        .map(|(path, x)| norm(x.clone() - b[path].clone()) / norm(x.clone()).max(1e-12))
        .fold(0.0, f32::max)
}

fn logits(decoder: &Decoder) -> Tensor<3> {
    decoder.logits(&batch())
}

fn apart(a: Tensor<3>, b: Tensor<3>) -> f32 {
    (a - b).abs().max().into_scalar::<f32>()
}

#[test]
fn gradients_of_every_kind_are_those_of_plain_autodiff() {
    for json in KINDS {
        let decoder = adapted(&kind(json));
        let (_, plain) = plain_backward(&decoder, &batch(), LossTerms::default());
        assert!(plain.keys().all(|path| path.contains("lora_")), "{json}");
        for recompute in [0, 1, 3] {
            let ours = gradients(&decoder, Options { recompute, chunk: 5, ..Options::default() });
            let difference = difference(&plain, &ours);
            // f32, three blocks: summation order only.
            assert!(difference < 1e-5, "{json}, recompute {recompute}: {difference}");
        }
    }
}

#[test]
fn so_they_are_with_grouped_queries() {
    let shape = DecoderConfig { num_key_value_heads: Some(2), ..llama() };
    for json in [
        r#"{"rank": 4, "alpha": 8.0, "dora": true, "init": "pissa"}"#,
        r#"{"rank": 4, "alpha": 8.0, "targets": ["q_proj", "v_proj"], "dora": true, "rslora": true}"#,
    ] {
        let mut decoder = Decoder::init(&shape, Init::Normal, 7, &device());
        decoder.add_adapters(&kind(json)).unwrap();
        shake(&mut decoder);
        let (_, plain) = plain_backward(&decoder, &batch(), LossTerms::default());
        let difference = difference(&plain, &gradients(&decoder, Options::default()));
        assert!(difference < 1e-5, "{json}: {difference}");
        let before = logits(&decoder);
        decoder.merge_adapters();
        assert!(apart(before, logits(&decoder)) < 1e-4, "{json}");
    }
}

#[test]
fn merging_changes_nothing_and_chains() {
    for json in KINDS {
        let mut decoder = adapted(&kind(json));
        for _ in 0..2 {
            let before = logits(&decoder);
            decoder.merge_adapters();
            assert!(!decoder.is_adapted());
            let difference = apart(before, logits(&decoder));
            // One product instead of three: rounding only.
            assert!(difference < 1e-4, "{json}: {difference}");
            decoder.add_adapters(&kind(json)).unwrap();
            shake(&mut decoder);
        }
    }
}

#[test]
fn fresh_adapters_change_nothing() {
    for json in KINDS {
        let mut decoder = base();
        decoder.add_adapters(&kind(json)).unwrap();
        let difference = apart(logits(&base()), logits(&decoder));
        assert!(difference < 1e-4, "{json}: {difference}");
    }
}

#[test]
fn pissa_takes_the_strongest_part_of_a_weight() {
    for json in [r#"{"rank": 4, "init": "pissa"}"#, r#"{"rank": 4, "init": "pissa_niter_4"}"#] {
        let mut decoder = base();
        let whole = base();
        decoder.add_adapters(&kind(json)).unwrap();
        let square = |t: &Tensor<2>| t.clone().square().sum().into_scalar::<f32>();
        for (block, whole) in decoder.blocks.iter().zip(&whole.blocks) {
            for ((name, linear), (_, whole)) in block.linears().into_iter().zip(whole.linears()) {
                let rest = linear.weight.value.clone();
                let part = linear.adapter.as_ref().unwrap().delta();
                let whole = whole.weight.value.clone();
                let error =
                    (rest.clone() + part.clone() - whole.clone()).abs().max().into_scalar::<f32>();
                assert!(error < 1e-5, "{json}, {name}: {error}");
                // Singular vectors are orthogonal, so squares add up.
                let (sum, all) = (square(&rest) + square(&part), square(&whole));
                assert!((sum - all).abs() < 1e-4 * all, "{json}, {name}: {sum} of {all}");
                // Four of at most 32 directions hold far more than an eighth of a random matrix.
                assert!(square(&part) > 0.2 * all, "{json}, {name}");
            }
        }
    }
}

#[test]
fn dropout_is_a_function_of_its_seed() {
    for json in [KINDS[0], KINDS[2]] {
        let decoder = adapted(&LoraConfig { dropout: 0.4, ..kind(json) });
        let with = |recompute, seed| {
            gradients(
                &decoder,
                Options { recompute, dropout_seed: Some(seed), ..Options::default() },
            )
        };
        let (kept, again, other) = (with(0, 1), with(3, 1), with(0, 2));
        // A block that is computed again draws the same.
        let apart = difference(&kept, &again);
        assert!(apart < 1e-5, "{json}: {apart}");
        assert!(difference(&kept, &other) > 1e-2, "{json}");
        let without = gradients(&decoder, Options::default());
        assert!(difference(&without, &kept) > 1e-2, "{json}");
    }
}

#[test]
fn a_checkpoint_gives_back_what_was_saved() {
    for json in KINDS {
        let folder = tempfile::tempdir().unwrap();
        let decoder = adapted(&kind(json));
        model::files::save(&decoder, folder.path(), false).unwrap();
        peft::save_with_base(&decoder, &kind(json), folder.path()).unwrap();
        let mut again = model::files::load(folder.path(), &device(), DType::F32).unwrap();
        let config = peft::load(&mut again, folder.path()).unwrap();
        assert!(config.same_shape(&kind(json)), "{json}: {config:?}");
        let all = |decoder: &Decoder| host_tensors(decoder, |_| true);
        assert_eq!(all(&decoder), all(&again), "{json}");
        // The numbers are the same; products of tensors that lie otherwise in memory are rounded otherwise.
        let apart = apart(logits(&decoder), logits(&again));
        assert!(apart < 1e-5, "{json}: {apart}");
        // What PiSSA took is still known: both save the same.
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        peft::save(&decoder, &kind(json), &one).unwrap();
        peft::save(&again, &kind(json), &two).unwrap();
        let read = |folder: &Path| read_tensors(&folder.join("adapter_model.safetensors")).unwrap();
        assert_eq!(read(&one), read(&two), "{json}");
    }
}

#[test]
fn saved_adapters_apply_to_the_original_weights() {
    for json in KINDS {
        let folder = tempfile::tempdir().unwrap();
        let decoder = adapted(&kind(json));
        peft::save_for(&decoder, &kind(json), (Some("the base"), &decoder.config), folder.path())
            .unwrap();
        let mut again = base();
        let config = peft::load(&mut again, folder.path()).unwrap();
        let factor = if kind(json).is_pissa() { 2 } else { 1 };
        assert_eq!(config.rank, factor * kind(json).rank, "{json}");
        let difference = apart(logits(&decoder), logits(&again));
        assert!(difference < 1e-4, "{json}: {difference}");
        let text = std::fs::read_to_string(folder.path().join("adapter_config.json")).unwrap();
        assert!(text.contains(r#""base_model_name_or_path": "the base""#), "{text}");
    }
}

#[test]
fn separate_projections_fit_a_packed_model() {
    for json in [
        r#"{"rank": 4, "alpha": 8.0, "targets": ["W_pack"]}"#,
        r#"{"rank": 4, "alpha": 8.0, "targets": ["W_pack"], "dora": true, "rslora": true}"#,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let decoder = adapted(&kind(json));
        peft::save(&decoder, &kind(json), folder.path()).unwrap();
        let file = folder.path().join("adapter_model.safetensors");
        let (config, tensors) = peft::split(&kind(json), read_tensors(&file).unwrap()).unwrap();
        assert_eq!(config.targets, Targets::names(&["q_proj", "k_proj", "v_proj"]));
        write_tensors(&file, &tensors, false).unwrap();
        let path = folder.path().join("adapter_config.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let separate = "\"q_proj\", \"k_proj\", \"v_proj\"";
        std::fs::write(&path, text.replace("\"W_pack\"", separate)).unwrap();
        let mut again = base();
        let config = peft::load(&mut again, folder.path()).unwrap();
        assert_eq!((config.rank, config.targets), (12, Targets::names(&["W_pack"])));
        let difference = apart(logits(&decoder), logits(&again));
        assert!(difference < 1e-4, "{json}: {difference}");
    }
}

#[test]
fn packed_projections_fit_separate_ones() {
    let lora = kind(r#"{"rank": 4, "alpha": 8.0, "dora": true, "targets": ["W_pack", "o_proj"]}"#);
    let folder = tempfile::tempdir().unwrap();
    let decoder = adapted(&lora);
    peft::save(&decoder, &lora, folder.path()).unwrap();
    let mut llamafied = llamafied();
    let config = peft::load(&mut llamafied, folder.path()).unwrap();
    assert_eq!(config.targets, Targets::names(&["q_proj", "k_proj", "v_proj", "o_proj"]));
    let difference = apart(logits(&decoder), logits(&llamafied));
    assert!(difference < 1e-4, "{difference}");
}

/// [`base`] with the rows of `W_pack` in three matrices.
fn llamafied() -> Decoder {
    let packed = host_tensors(&base(), |_| true);
    let mut source = |path: &str, dims: &[usize]| {
        let part = ["q_proj", "k_proj", "v_proj"].iter().position(|name| path.contains(name));
        let values = match part {
            Some(part) => {
                let owner = path.rsplit_once(".self_attn").unwrap().0;
                let (_, values) = &packed[&format!("{owner}.self_attn.W_pack.weight")];
                let count = dims[0] * dims[1];
                values[part * count..(part + 1) * count].to_vec()
            }
            None => packed[path].1.clone(),
        };
        Ok(TensorData::new(values, dims))
    };
    Decoder::build(&llama(), &device(), DType::F32, &mut source).unwrap()
}

#[test]
fn what_does_not_fit_is_refused_in_one_sentence() {
    let saved = kind(r#"{"rank": 4, "alpha": 8.0, "targets": ["W_pack", "o_proj"]}"#);
    let check = |change: &dyn Fn(&Path), model: DecoderConfig, expected: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        peft::save(&adapted(&saved), &saved, folder.path()).unwrap();
        change(folder.path());
        let mut decoder = Decoder::init(&model, Init::Normal, 7, &device());
        let error = peft::load(&mut decoder, folder.path()).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
        assert!(!decoder.is_adapted());
    };
    let config_json = |from: &'static str, to: &'static str| {
        move |folder: &Path| {
            let path = folder.join("adapter_config.json");
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{text}");
            std::fs::write(&path, text.replace(from, to)).unwrap();
        }
    };
    let wide = DecoderConfig { hidden_size: 64, ..config() };
    check(
        &|_| (),
        wide,
        &[
            "does not fit the model",
            "`model.layers.0.self_attn.W_pack.lora_A` is [4, 32], expected [4, 64]",
        ],
    );
    let deep = DecoderConfig { num_hidden_layers: 4, ..config() };
    check(&|_| (), deep, &["`model.layers.3.self_attn.W_pack` has no adapter"]);
    check(&config_json("\"r\": 4", "\"r\": 5"), config(), &["is [4, 32], expected [5, 32]"]);
    check(
        &config_json("\"use_dora\": false", "\"use_dora\": true"),
        config(),
        &["lora_magnitude_vector` is missing"],
    );
    check(
        &config_json("\"W_pack\",", ""),
        config(),
        &["`model.layers.0.self_attn.W_pack` is no layer that the config and the model name"],
    );
    check(&config_json("\"W_pack\",", "\"lm_head\","), config(), &["is no layer"]);
    check(&config_json("\"none\"", "\"all\""), config(), &["adapter_config.json: bias is `all`"]);
    let torn = |folder: &Path| {
        let path = folder.join("adapter_model.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    };
    check(&torn, config(), &["truncated"]);
    let pickled = |folder: &Path| {
        let path = folder.join("adapter_model.safetensors");
        std::fs::rename(&path, path.with_extension("bin")).unwrap();
    };
    check(&pickled, config(), &["no file of torch.save"]);
}

#[test]
fn adapters_stand_where_they_are_wanted() {
    for json in KINDS {
        let mut decoder = adapted(&kind(json));
        let layers = linear_layers(&config());
        let settings = kind(json).settings(&layers).unwrap();
        let mut found = 0;
        for (i, block) in decoder.blocks.iter_mut().enumerate() {
            for (name, linear) in block.linears_mut() {
                let layer = layers.iter().find(|layer| layer.block == i && layer.name() == name);
                let layer = layer.unwrap();
                assert_eq!(linear.weight.value.dims(), [layer.out, layer.input]);
                let setting = settings.get(&layer.path);
                assert_eq!(setting.is_some(), linear.adapter.is_some(), "{json}, {}", layer.path);
                if let (Some(setting), Some(adapter)) = (setting, &linear.adapter) {
                    assert_eq!(adapter.a.value.dims(), [setting.rank, layer.input]);
                    assert_eq!(adapter.scale, setting.scale);
                    found += 1;
                }
            }
        }
        assert_eq!(found, settings.len());
        let counted = model::weight::list(&decoder, "");
        let trained: usize =
            counted.iter().filter(|info| info.trainable).map(|info| info.numel()).sum();
        assert_eq!(trained, kind(json).parameters(&config()).unwrap(), "{json}");
        let error = decoder.add_adapters(&kind(json)).unwrap_err().to_string();
        assert!(error.contains("has adapters already"), "{error}");
    }
}
