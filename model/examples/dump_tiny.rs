//! Writes random tiny models and adapters, and what they compute, for
//! `scripts/reference/llama_golden.py --check DIR` and `peft_golden.py --check DIR`; the files are
//! described there.

#[path = "../tests/reference/mod.rs"]
mod reference;

use burn::tensor::{Tensor, TensorData};
use model::backward::{Gradients, Options, backward};
use model::files::{HostTensors, save, write_atomically, write_tensors};
use model::generate::{GenerateConfig, Request, answers};
use model::init::Init;
use model::weight::{Mapper, Weight, Weights};
use model::{Decoder, DecoderConfig, LoraConfig, peft};
use serde_json::{Value, json};
use std::error::Error;
use std::path::{Path, PathBuf};

const VOCABULARY: u64 = 200;
const NEW_TOKENS: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::args().nth(1).ok_or("usage: dump_tiny DIR")?);
    // Other models each day: the check is live, not a memory.
    let seed =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs() / 86_400;
    for (name, config) in models() {
        let config = DecoderConfig::from_json(config)?;
        let decoder = Decoder::init(&config, Init::Normal, seed, &reference::device());
        let directory = root.join(name);
        std::fs::create_dir_all(&directory)?;
        save(&decoder, &directory, false)?;
        let groups = groups(seed);
        let mut facts = outputs(&decoder, &directory, &groups)?;
        greedy(&decoder, &groups, &mut facts)?;
        write_json(&directory, &facts)?;
        if name == "alibi" {
            // Positions do not meet adapters.
            continue;
        }
        for (kind, settings) in [
            ("lora", json!({"rank": 4, "alpha": 8.0})),
            (
                "rslora",
                json!({"rank": 4, "alpha": 8.0, "rslora": true, "targets": ["o_proj", "up_proj"]}),
            ),
            ("dora", json!({"rank": 4, "alpha": 8.0, "dora": true})),
        ] {
            let config: LoraConfig = serde_json::from_value(settings)?;
            let mut adapted = decoder.clone();
            adapted.add_adapters(&config)?;
            adapted.map("", &mut Shake);
            let directory = directory.join("adapters").join(kind);
            std::fs::create_dir_all(&directory)?;
            peft::save(&adapted, &config, &directory)?;
            let facts = outputs(&adapted, &directory, &groups)?;
            write_json(&directory, &facts)?;
        }
    }
    Ok(())
}

/// A Baichuan2 of each kind and two Llamas, as `config.json` says it.
fn models() -> [(&'static str, Value); 4] {
    let with = |more: Value| {
        let mut config = json!({
            "vocab_size": VOCABULARY, "hidden_size": 48, "intermediate_size": 128,
            "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 128,
            "rms_norm_eps": 1e-6, "initializer_range": 0.1, "pad_token_id": 0, "bos_token_id": 1,
            "eos_token_id": 2, "tie_word_embeddings": false,
        });
        if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
            config.extend(more);
        }
        config
    };
    [
        (
            "baichuan2",
            with(json!({"model_type": "baichuan", "position": "rope", "norm_head": true})),
        ),
        ("alibi", with(json!({"model_type": "baichuan", "position": "alibi", "norm_head": true}))),
        (
            "llama",
            with(json!({
                "model_type": "llama", "architectures": ["LlamaForCausalLM"], "head_dim": 16,
                "num_key_value_heads": 2, "rope_theta": 500000.0, "eos_token_id": [2, 5],
                "rope_scaling": {
                    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
                },
            })),
        ),
        (
            "llama-tied",
            with(json!({
                "model_type": "llama", "architectures": ["LlamaForCausalLM"],
                "num_key_value_heads": 1, "tie_word_embeddings": true,
            })),
        ),
    ]
}

/// Ragged groups, one of them without a prefix.
fn groups(seed: u64) -> Value {
    let ids = |start: u64, count: u64| -> Vec<u64> {
        (start..start + count)
            .map(|i| 6 + (i * i * 37 + i * 11 + seed * 13) % (VOCABULARY - 6))
            .collect()
    };
    let suffix =
        |start, count, from: u64| json!({"ids": ids(start, count), "supervised_from": from});
    json!([
        {"prefix": ids(0, 17), "suffixes": [suffix(20, 9, 3), suffix(40, 6, 0), suffix(60, 12, 5)]},
        {"prefix": ids(80, 8), "suffixes": [suffix(90, 5, 1)]},
        {"prefix": [], "suffixes": [suffix(100, 15, 1), suffix(120, 7, 6)]},
    ])
}

/// Writes logits, losses and gradients; gives `groups` and `loss`.
fn outputs(decoder: &Decoder, directory: &Path, groups: &Value) -> Result<Value, Box<dyn Error>> {
    let batch = reference::batch(groups);
    let mut outputs = HostTensors::new();
    let logits = decoder.logits(&batch).into_data().iter::<f32>().collect();
    outputs.insert("logits".into(), (vec![batch.ids.len(), decoder.config.vocab_size], logits));
    let mut gradients = Gradients::new();
    let loss = backward(decoder, &batch, Options::default(), &mut gradients);
    for info in model::weight::list(decoder, "") {
        if let Some(gradient) = gradients.remove(&info.path) {
            let values = gradient.into_data().iter::<f32>().collect();
            outputs.insert(format!("gradient.{}", info.path), (info.dims, values));
        }
    }
    outputs.insert("losses".into(), (vec![loss.targets.len()], loss.targets));
    write_tensors(&directory.join("outputs.safetensors"), &outputs, false)?;
    Ok(json!({"groups": groups, "loss": loss.sum}))
}

/// Adds prompts and their greedy answers to `facts`.
fn greedy(decoder: &Decoder, groups: &Value, facts: &mut Value) -> Result<(), model::Error> {
    let whole = reference::ids(&groups[0]["prefix"]);
    let prompts = [whole[..7].to_vec(), whole[..11].to_vec(), whole[5..9].to_vec()];
    let requests: Vec<Request> =
        prompts.iter().map(|ids| Request::new(ids[..2].to_vec(), ids[2..].to_vec())).collect();
    let settings =
        GenerateConfig { max_new_tokens: NEW_TOKENS, rows: 2, ..GenerateConfig::default() };
    let answers = answers(decoder, &requests, &settings)?;
    facts["prompts"] = json!(prompts);
    facts["greedy"] = json!(answers);
    facts["max_new_tokens"] = json!(NEW_TOKENS);
    Ok(())
}

fn write_json(directory: &Path, facts: &Value) -> Result<(), model::Error> {
    write_atomically(&directory.join("outputs.json"), facts.to_string().as_bytes())
}

/// Fresh adapters say nothing: B is zero, and DoRA's magnitudes are the norms of the weights.
struct Shake;

impl Mapper for Shake {
    fn weight<const D: usize>(&mut self, path: &str, weight: &mut Weight<D>) {
        let dims = weight.value.dims();
        if path.contains("lora_B") {
            let count: usize = dims.iter().product();
            let values: Vec<f32> =
                (0..count).map(|i| 0.03 * ((i * i * 7 + i * 3) % 23) as f32 - 0.33).collect();
            let device = weight.value.device();
            weight.value = Tensor::from_data(TensorData::new(values, dims), &device);
        } else if path.contains("magnitude") {
            weight.value = weight.value.clone().mul_scalar(1.1);
        }
    }
}
