//! What is written for other programs computes what its source computes, and says so when not.
#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device};
use model::config::Position;
use model::export::proof::{Proof, Questions, compare};
use model::export::{Layout, NormHead, Options, write};
use model::files;
use model::init::Init;
use model::{Decoder, DecoderConfig, LoraConfig};
use std::path::Path;

fn baichuan() -> DecoderConfig {
    DecoderConfig {
        vocab_size: 90,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 3,
        num_attention_heads: 4,
        initializer_range: 0.2,
        ..DecoderConfig::baichuan2_tiny()
    }
}

fn llama() -> DecoderConfig {
    DecoderConfig {
        model_type: "llama".into(),
        num_key_value_heads: Some(2),
        tie_word_embeddings: true,
        norm_head: None,
        position: None,
        other_eos_token_ids: vec![7],
        ..baichuan()
    }
}

fn decoder(config: &DecoderConfig) -> Decoder {
    Decoder::init(config, Init::Normal, 11, &Device::flex())
}

fn options(layout: Layout, dtype: DType) -> Options {
    Options { layout, norm_head: NormHead::Kept, dtype, shard_bytes: 1 << 30 }
}

/// Writes `written`, loads it, and holds it against `source`.
fn prove(source: &Decoder, written: &Decoder, options: Options, directory: &Path) -> Proof {
    let questions = Questions::new(&source.config, 40, 6);
    let observed = questions.ask(source, &mut |_| {}).unwrap();
    let mut told = (0, 0);
    write(written, options, directory, &mut |done, total| told = (done, total)).unwrap();
    assert!(told.0 == told.1 && told.0 > 0, "progress ended at {told:?}");
    let export = files::load(directory, &Device::flex(), DType::F32).unwrap();
    let answers = observed.answers.clone();
    compare(&observed, &questions.follow(&export, answers, &mut |_| {}).unwrap(), options.dtype)
}

#[test]
fn an_export_computes_what_its_source_computes() {
    let alibi = DecoderConfig { position: Some(Position::Alibi), ..baichuan() };
    for config in [baichuan(), alibi, llama()] {
        for layout in [Layout::Own, Layout::Llama] {
            for dtype in [DType::F32, DType::F16, DType::BF16] {
                if layout == Layout::Llama && config.position() == Position::Alibi {
                    continue;
                }
                for adapters in [false, true] {
                    let folder = tempfile::tempdir().unwrap();
                    let mut source = decoder(&config);
                    if adapters {
                        add_adapters(&mut source);
                    }
                    let proof = prove(&source, &source, options(layout, dtype), folder.path());
                    let what = format!("{} {layout:?} {dtype:?} {adapters}", config.model_type);
                    println!("{what}: {}", proof.sentence());
                    assert!(proof.holds(), "{what}: {}", proof.sentence());
                }
            }
        }
    }
}

fn add_adapters(decoder: &mut Decoder) {
    let lora = LoraConfig { rank: 4, alpha: 8.0, ..LoraConfig::default() };
    decoder.add_adapters(&lora).unwrap();
    for block in &mut decoder.blocks {
        for (_, linear) in block.linears_mut() {
            if let Some(adapter) = &mut linear.adapter {
                let dims = adapter.b.value.dims();
                let spread = burn::tensor::Distribution::Uniform(-0.1, 0.1);
                adapter.b.value = burn::tensor::Tensor::random(dims, spread, &Device::flex());
            }
        }
    }
}

#[test]
fn a_forgotten_norm_of_the_head_is_caught() {
    for layout in [Layout::Own, Layout::Llama] {
        for dtype in [DType::F32, DType::BF16] {
            let folder = tempfile::tempdir().unwrap();
            let source = decoder(&baichuan());
            let mut forgetful = source.clone();
            forgetful.head.normalise = false;
            forgetful.config.norm_head = Some(false);
            let proof = prove(&source, &forgetful, options(layout, dtype), folder.path());
            assert!(!proof.holds(), "{layout:?} {dtype:?}: {}", proof.sentence());
            assert!(proof.distance > 0.2, "{}", proof.sentence());
        }
    }
}

#[test]
fn a_wrong_weight_anywhere_is_caught() {
    let source = decoder(&baichuan());
    for wrong in 0..source.blocks.len() {
        let folder = tempfile::tempdir().unwrap();
        let mut other = source.clone();
        let gate = other.blocks[wrong].gate_proj.clone();
        other.blocks[wrong].gate_proj = other.blocks[wrong].up_proj.clone();
        other.blocks[wrong].up_proj = gate;
        let proof = prove(&source, &other, options(Layout::Llama, DType::BF16), folder.path());
        assert!(!proof.holds(), "block {wrong}: {}", proof.sentence());
    }
}

#[test]
fn a_folded_head_is_right_with_a_norm_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let source = decoder(&baichuan());
    let folded = Options { norm_head: NormHead::Folded, ..options(Layout::Own, DType::F32) };
    assert!(prove(&source, &source, folded, folder.path()).holds());
    let mut again = files::load(folder.path(), &Device::flex(), DType::F32).unwrap();
    assert!(!again.head.normalise);
    let questions = Questions::new(&source.config, 10, 4);
    let observed = questions.ask(&source, &mut |_| {}).unwrap();
    again.head.normalise = true;
    let followed = questions.follow(&again, observed.answers.clone(), &mut |_| {}).unwrap();
    assert!(compare(&observed, &followed, DType::F32).holds());
}

#[test]
fn large_models_are_written_in_shards_with_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let source = decoder(&baichuan());
    let small = Options { shard_bytes: 20_000, ..options(Layout::Llama, DType::F32) };
    assert!(prove(&source, &source, small, folder.path()).holds());
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.path().join(name)).unwrap()).unwrap()
    };
    let index = read("model.safetensors.index.json");
    let map = index["weight_map"].as_object().unwrap();
    // Three blocks of nine tensors, embedding, norm and head.
    assert_eq!(map.len(), 3 * 9 + 3);
    let files: std::collections::BTreeSet<&str> =
        map.values().map(|name| name.as_str().unwrap()).collect();
    assert!(files.len() > 3, "{files:?}");
    let total: u64 = index["metadata"]["total_size"].as_u64().unwrap();
    assert_eq!(total, source.config.parameters() as u64 * 4);
    let config = read("config.json");
    assert_eq!(config["architectures"][0], "LlamaForCausalLM");
    assert_eq!(config["rope_parameters"]["rope_theta"], 1e6);
    assert_eq!(config["torch_dtype"], "float32");
}

#[test]
fn a_llama_with_a_normalised_head_needs_no_norm_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let own_head = DecoderConfig { tie_word_embeddings: false, ..llama() };
    let source = decoder(&DecoderConfig { norm_head: Some(true), ..own_head });
    let options = options(Layout::Llama, DType::F32);
    assert!(prove(&source, &source, options, folder.path()).holds());
    // transformers knows no `norm_head`: the file must not rely on it.
    let text = std::fs::read_to_string(folder.path().join("config.json")).unwrap();
    assert!(!text.contains("norm_head") && !text.contains("\"position\""), "{text}");
}

#[test]
fn what_a_layout_cannot_say_is_refused() {
    let alibi = DecoderConfig { position: Some(Position::Alibi), ..baichuan() };
    let tied = DecoderConfig { norm_head: Some(true), ..llama() };
    for (config, part) in [(alibi, "ALiBi"), (tied, "the head is the embedding")] {
        let folder = tempfile::tempdir().unwrap();
        let options = options(Layout::Llama, DType::F32);
        let error = write(&decoder(&config), options, folder.path(), &mut |_, _| {});
        let error = error.unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("--format hf"), "{error}");
    }
}
