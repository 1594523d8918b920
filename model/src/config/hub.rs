//! `config.json` as the hub has it: several spellings come in, the common one goes out.

use super::DecoderConfig;
use crate::Error;
use serde_json::{Map, Value, json};
use std::path::Path;

impl DecoderConfig {
    /// Reads `config.json` of a directory.
    pub fn load(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(Error::read(&path))?;
        let value = serde_json::from_str(&text)
            .map_err(|error| Error::invalid(&path, format!("not JSON: {error}")))?;
        Self::from_json(value).map_err(|error| Error::invalid(&path, error.to_string()))
    }

    /// A `config.json` that was parsed; refuses what the network does not compute.
    pub fn from_json(value: Value) -> Result<Self, Error> {
        let Value::Object(mut keys) = value else {
            return Err(Error::Config("a decoder's config is an object".into()));
        };
        refuse_the_unknown(&keys)?;
        ends(&mut keys);
        rotary(&mut keys)?;
        for key in ["pad_token_id", "bos_token_id"] {
            if keys.get(key).is_some_and(Value::is_null) {
                keys.remove(key);
            }
        }
        let config: Self = serde_json::from_value(Value::Object(keys))
            .map_err(|error| Error::Config(format!("not a decoder's config: {error}")))?;
        config.check()?;
        Ok(config)
    }

    /// `config.json` as this program and transformers read it.
    pub fn to_json(&self) -> Value {
        let mut value = json!(self);
        if let Value::Object(keys) = &mut value
            && keys.remove("other_eos_token_ids").is_some()
        {
            keys.insert("eos_token_id".into(), json!(self.eos_token_ids()));
        }
        value
    }
}

/// What changes the function of a network and is not in ours.
fn refuse_the_unknown(keys: &Map<String, Value>) -> Result<(), Error> {
    let is_on = |key: &str| keys.get(key).is_some_and(|value| value == &json!(true));
    if let Some(key) = ["attention_bias", "mlp_bias"].into_iter().find(|key| is_on(key)) {
        return Err(Error::Config(format!("{key} is true; layers with biases are not read")));
    }
    match keys.get("hidden_act").and_then(Value::as_str) {
        None | Some("silu" | "swish") => {}
        Some(other) => {
            return Err(Error::Config(format!("hidden_act is `{other}`, expected `silu`")));
        }
    }
    if keys.get("quantization_config").is_some_and(|value| !value.is_null()) {
        return Err(Error::Config(
            "quantization_config is set; weights in f32, f16 and bf16 are read".into(),
        ));
    }
    match keys.get("z_loss_weight").and_then(Value::as_f64) {
        None | Some(0.0) => Ok(()),
        Some(weight) => Err(Error::Config(format!(
            "z_loss_weight is {weight}, expected 0 as in every released checkpoint"
        ))),
    }
}

/// One id, or a list of them.
fn ends(keys: &mut Map<String, Value>) {
    match keys.get("eos_token_id") {
        Some(Value::Null) => {
            keys.remove("eos_token_id");
        }
        Some(Value::Array(ids)) => {
            let mut ids = ids.clone();
            let first = if ids.is_empty() { json!(2) } else { ids.remove(0) };
            keys.insert("eos_token_id".into(), first);
            keys.insert("other_eos_token_ids".into(), Value::Array(ids));
        }
        _ => {}
    }
}

/// `rope_parameters` of newer files, `rope_scaling` with `type` of older ones.
fn rotary(keys: &mut Map<String, Value>) -> Result<(), Error> {
    let newer = keys.remove("rope_parameters").filter(Value::is_object);
    let older = keys.remove("rope_scaling").filter(Value::is_object);
    let Some(Value::Object(mut rope)) = newer.or(older) else { return Ok(()) };
    if let Some(theta) = rope.remove("rope_theta") {
        keys.insert("rope_theta".into(), theta);
    }
    let kind = rope.remove("type");
    let kind = rope.get("rope_type").cloned().or(kind).unwrap_or_else(|| json!("default"));
    match kind.as_str() {
        Some("default") => Ok(()),
        Some("linear" | "llama3") => {
            rope.insert("rope_type".into(), kind);
            keys.insert("rope_scaling".into(), Value::Object(rope));
            Ok(())
        }
        _ => Err(Error::Config(format!(
            "rope_scaling is of type {kind}; `linear` and `llama3` are computed"
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::{Family, Position, RopeScaling};

    fn read(changes: Value) -> Result<DecoderConfig, String> {
        let mut keys = json!({
            "model_type": "llama", "vocab_size": 320, "hidden_size": 64, "intermediate_size": 128,
            "num_hidden_layers": 2, "num_attention_heads": 8,
        });
        for (key, value) in changes.as_object().unwrap() {
            keys[key] = value.clone();
        }
        DecoderConfig::from_json(keys).map_err(|error| error.to_string())
    }

    #[test]
    fn spellings_of_the_hub() {
        let llama3 = read(json!({
            "num_key_value_heads": 2, "head_dim": 16, "tie_word_embeddings": true,
            "eos_token_id": [5, 7], "pad_token_id": null, "attention_bias": false,
            "rope_parameters": {
                "rope_theta": 5e5, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
            },
        }))
        .unwrap();
        assert_eq!(llama3.family(), Family::Llama);
        assert_eq!((llama3.key_value_heads(), llama3.head_dim()), (2, 16));
        assert_eq!(llama3.eos_token_ids(), [5, 7]);
        assert_eq!(llama3.rope_theta, 5e5);
        assert_eq!(llama3.linear_shape("o_proj"), (64, 128));
        assert_eq!(DecoderConfig::from_json(llama3.to_json()).unwrap(), llama3);
        let older = read(json!({ "rope_scaling": { "type": "linear", "factor": 2.0 } })).unwrap();
        assert_eq!(older.rope_scaling, Some(RopeScaling::Linear { factor: 2.0 }));
    }

    #[test]
    fn baichuan_is_told_apart_as_its_files_allow() {
        let baichuan = |changes: Value| {
            let mut all = json!({ "model_type": "baichuan" });
            all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            read(all).unwrap()
        };
        let sizes = |hidden: usize, heads: usize| json!({ "hidden_size": hidden, "num_attention_heads": heads, "model_max_length": 4096 });
        assert_eq!(baichuan(sizes(5120, 40)).position(), Position::Alibi);
        assert_eq!(baichuan(sizes(4096, 32)).position(), Position::Rope);
        assert_eq!(baichuan(sizes(64, 8)).position(), Position::Alibi);
        let rotary = json!({ "max_position_embeddings": 4096, "model_max_length": 4096 });
        assert_eq!(baichuan(rotary).position(), Position::Rope);
        assert!(baichuan(json!({ "vocab_size": 125_696 })).norm_head());
        assert!(!baichuan(json!({ "vocab_size": 64_000 })).norm_head(), "Baichuan-1");
    }

    #[test]
    fn what_is_not_computed_is_refused() {
        let refused = |changes: Value, part: &str| {
            let error = read(changes).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        refused(json!({ "model_type": "qwen2" }), "`qwen2`");
        refused(json!({ "attention_bias": true }), "attention_bias");
        refused(json!({ "hidden_act": "gelu" }), "`gelu`");
        refused(json!({ "rope_scaling": { "rope_type": "yarn", "factor": 2.0 } }), "yarn");
        refused(json!({ "num_key_value_heads": 3 }), "3 num_key_value_heads");
        refused(json!({ "num_key_value_heads": 0 }), "num_key_value_heads is 0");
        refused(json!({ "head_dim": 7 }), "head_dim is 7");
        refused(json!({ "hidden_size": 60 }), "60");
        refused(json!({ "quantization_config": { "bits": 4 } }), "quantization_config");
        refused(json!({ "vocab_size": 1u64 << 60 }), "is no model");
        refused(json!({ "vocab_size": -1 }), "not a decoder's config");
        refused(json!({ "model_type": "baichuan", "num_key_value_heads": 2 }), "baichuan");
    }
}
