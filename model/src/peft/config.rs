//! `adapter_config.json`, which PEFT writes for 0.4 to 0.21 and later.

use super::CONFIG;
use crate::Error;
use crate::lora::{LinearLayer, LoraConfig, LoraInit, Modules, Targets};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Keys that change nothing about an adapter that is trained already, whatever they say.
const HARMLESS: [&str; 8] = [
    "auto_mapping",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "inference_mode",
    "loftq_config",
    "lora_ga_config",
    "runtime_config",
];

/// The keys that are read.
#[derive(Deserialize)]
struct Peft {
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    lora_dropout: f64,
    target_modules: Option<Targets>,
    #[serde(default)]
    exclude_modules: Option<Modules>,
    #[serde(default)]
    layers_to_transform: Option<Layers>,
    #[serde(default)]
    layers_pattern: Option<Modules>,
    #[serde(default)]
    use_rslora: Option<bool>,
    #[serde(default)]
    use_dora: Option<bool>,
    #[serde(default)]
    init_lora_weights: Value,
    #[serde(default)]
    rank_pattern: Option<BTreeMap<String, usize>>,
    #[serde(default)]
    alpha_pattern: Option<BTreeMap<String, f64>>,
    #[serde(default)]
    bias: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected the index of a block, or a list of them")]
enum Layers {
    One(usize),
    Many(Vec<usize>),
}

/// What the `adapter_config.json` of a directory says. What is not supported is refused by name.
pub fn read(directory: &Path) -> Result<LoraConfig, Error> {
    let path = directory.join(CONFIG);
    let text = std::fs::read_to_string(&path).map_err(Error::read(&path))?;
    parse(&text).map_err(|message| Error::invalid(&path, message))
}

fn parse(text: &str) -> Result<LoraConfig, String> {
    let wrong = |error: serde_json::Error| format!("not an adapter's config: {error}");
    let value: Value = serde_json::from_str(text).map_err(wrong)?;
    let kind = value.get("peft_type").and_then(Value::as_str).unwrap_or("LORA");
    if kind != "LORA" {
        return Err(format!("peft_type is `{kind}`; only LORA is read"));
    }
    let peft: Peft = serde_json::from_value(value).map_err(wrong)?;
    refuse(&peft)?;
    let Some(targets) = peft.target_modules else {
        return Err("target_modules is empty: it names no layer that has an adapter".into());
    };
    Ok(LoraConfig {
        rank: peft.r,
        alpha: peft.lora_alpha,
        dropout: peft.lora_dropout,
        targets,
        exclude: peft.exclude_modules.filter(|modules| *modules != Modules::Names(Vec::new())),
        layers: peft.layers_to_transform.and_then(|layers| match layers {
            Layers::One(layer) => Some(vec![layer]),
            Layers::Many(layers) => (!layers.is_empty()).then_some(layers),
        }),
        rslora: peft.use_rslora.unwrap_or_default(),
        dora: peft.use_dora.unwrap_or_default(),
        init: init(&peft.init_lora_weights)?,
        from: None,
        rank_pattern: peft.rank_pattern.unwrap_or_default(),
        alpha_pattern: peft.alpha_pattern.unwrap_or_default(),
    })
}

/// Refuses, by name, what would make the adapter compute something else than we do.
fn refuse(peft: &Peft) -> Result<(), String> {
    let not_here = |key: &str, value: &dyn std::fmt::Display| {
        Err(format!(
            "{key} is {value}, which is not supported: adapters of linear layers without bias are, as LoRA, rsLoRA and DoRA"
        ))
    };
    if let Some(bias) = peft.bias.as_deref().filter(|bias| *bias != "none") {
        return not_here("bias", &format!("`{bias}`"));
    }
    let blocks = match &peft.layers_pattern {
        None => true,
        Some(Modules::Regex(pattern)) => pattern.is_empty() || pattern == "layers",
        Some(Modules::Names(patterns)) => patterns.iter().all(|pattern| pattern == "layers"),
    };
    if !blocks {
        return Err("layers_pattern is not `layers`, the name that blocks have here".into());
    }
    let says_something = |value: &Value| match value {
        Value::Bool(set) => *set,
        Value::Array(items) => !items.is_empty(),
        Value::Object(items) => !items.is_empty(),
        // `qalora_group_size = 16` means nothing without its switch.
        Value::Null | Value::Number(_) | Value::String(_) => false,
    };
    match peft
        .others
        .iter()
        .find(|(key, value)| !HARMLESS.contains(&key.as_str()) && says_something(value))
    {
        Some((key, value)) => not_here(key, value),
        None => Ok(()),
    }
}

fn init(init: &Value) -> Result<LoraInit, String> {
    let name = match init {
        Value::Null | Value::Bool(_) => return Ok(LoraInit::Default),
        Value::String(name) => name,
        other => return Err(format!("init_lora_weights is {other}, expected true or a name")),
    };
    match name.as_str() {
        // Trained adapters do not show how they began, if their weights stayed whole.
        "eva" | "orthogonal" => Ok(LoraInit::Default),
        "gaussian" => Ok(LoraInit::Gaussian),
        "pissa" => Ok(LoraInit::Pissa),
        _ => Err(format!(
            "init_lora_weights is `{name}`, which changed the weights of the base in a way that cannot be repeated here; save the adapter with PEFT's path_initial_model_for_weight_conversion"
        )),
    }
}

/// The whole config, as PEFT 0.11 and later read it: 0.13 and earlier refuse keys that they do not
/// know, so that later ones stand here only where they say something.
pub(super) fn to_json(config: &LoraConfig, layers: &[LinearLayer], base: Option<&str>) -> Value {
    let mut seen = BTreeSet::new();
    let names: Vec<&str> =
        layers.iter().map(LinearLayer::name).filter(|name| seen.insert(*name)).collect();
    let targets = match &config.targets {
        Targets::AllLinear => json!(names),
        Targets::Modules(modules) => json!(modules),
    };
    let init = match config.init {
        LoraInit::Default => json!(true),
        other => json!(other),
    };
    let alphas: Map<String, Value> =
        config.alpha_pattern.iter().map(|(key, alpha)| (key.clone(), number(*alpha))).collect();
    let mut json = json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "auto_mapping": null,
        "base_model_name_or_path": base,
        "revision": null,
        "inference_mode": true,
        "r": config.rank,
        "lora_alpha": number(config.alpha),
        "lora_dropout": config.dropout,
        "target_modules": targets,
        "layers_to_transform": config.layers,
        "layers_pattern": null,
        "use_rslora": config.rslora,
        "use_dora": config.dora,
        "init_lora_weights": init,
        "rank_pattern": config.rank_pattern,
        "alpha_pattern": alphas,
        "fan_in_fan_out": false,
        "bias": "none",
        "modules_to_save": null,
        "layer_replication": null,
        "megatron_config": null,
        "megatron_core": "megatron.core",
        "loftq_config": {},
    });
    if let Some(exclude) = &config.exclude {
        json["exclude_modules"] = json!(exclude);
    }
    json
}

/// PEFT declares alpha as a whole number, and writes it as one where it is.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::DecoderConfig;
    use crate::lora::linear_layers;

    /// What PEFT 0.21 writes for an adapter of `q_proj`.
    const WRITTEN: &str = r#"{"task_type": "CAUSAL_LM", "peft_type": "LORA", "auto_mapping": null,
        "peft_version": "0.21.2", "base_model_name_or_path": null, "revision": null,
        "inference_mode": true, "r": 8, "target_modules": ["q_proj"], "exclude_modules": null,
        "lora_alpha": 16, "lora_dropout": 0.05, "fan_in_fan_out": false, "bias": "none",
        "use_rslora": false, "modules_to_save": null, "init_lora_weights": true,
        "layers_to_transform": null, "layers_pattern": null, "rank_pattern": {},
        "alpha_pattern": {}, "megatron_config": null, "megatron_core": "megatron.core",
        "trainable_token_indices": null, "loftq_config": {}, "eva_config": null,
        "corda_config": null, "lora_ga_config": null, "use_dora": false, "velora_config": null,
        "alora_invocation_tokens": null, "use_qalora": false, "qalora_group_size": 16,
        "monteclora_config": null, "layer_replication": null, "lora_bias": false,
        "target_parameters": null, "use_bdlora": null, "arrow_config": null, "kasa_config": null,
        "ensure_weight_tying": false}"#;

    /// [`WRITTEN`] with one key changed.
    fn with(key: &str, value: Value) -> String {
        let mut json: Value = serde_json::from_str(WRITTEN).unwrap();
        json[key] = value;
        json.to_string()
    }

    #[test]
    fn what_peft_writes_is_read() {
        let plain = LoraConfig {
            rank: 8,
            alpha: 16.0,
            dropout: 0.05,
            targets: Targets::names(&["q_proj"]),
            ..LoraConfig::default()
        };
        assert_eq!(parse(WRITTEN).unwrap(), plain);
        let rows = [
            ("use_dora", json!(true), LoraConfig { dora: true, ..plain.clone() }),
            ("use_rslora", json!(true), LoraConfig { rslora: true, ..plain.clone() }),
            (
                "layers_to_transform",
                json!(3),
                LoraConfig { layers: Some(vec![3]), ..plain.clone() },
            ),
            ("layers_to_transform", json!([]), plain.clone()),
            ("layers_pattern", json!("layers"), plain.clone()),
            (
                "target_modules",
                json!(".*_proj"),
                LoraConfig {
                    targets: Targets::Modules(Modules::Regex(".*_proj".into())),
                    ..plain.clone()
                },
            ),
            ("init_lora_weights", json!(false), plain.clone()),
            (
                "init_lora_weights",
                json!("pissa"),
                LoraConfig { init: LoraInit::Pissa, ..plain.clone() },
            ),
            (
                "rank_pattern",
                json!({"q_proj": 4}),
                LoraConfig { rank_pattern: [("q_proj".into(), 4)].into(), ..plain.clone() },
            ),
            ("eva_config", json!({"rho": 2.0}), plain.clone()),
        ];
        for (key, value, expected) in rows {
            assert_eq!(parse(&with(key, value)).unwrap(), expected, "{key}");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        let rows = [
            ("peft_type", json!("IA3"), "peft_type is `IA3`; only LORA is read"),
            ("bias", json!("lora_only"), "bias is `lora_only`"),
            ("modules_to_save", json!(["lm_head"]), "modules_to_save is [\"lm_head\"]"),
            ("fan_in_fan_out", json!(true), "fan_in_fan_out is true"),
            ("lora_bias", json!(true), "lora_bias is true"),
            ("use_qalora", json!(true), "use_qalora is true"),
            ("target_parameters", json!(["x"]), "target_parameters is"),
            ("layer_replication", json!([[0, 1]]), "layer_replication is"),
            ("trainable_token_indices", json!([1]), "trainable_token_indices is"),
            ("something_new", json!({"on": 1}), "something_new is"),
            ("layers_pattern", json!(["h"]), "layers_pattern is not `layers`"),
            ("init_lora_weights", json!("pissa_niter_4"), "init_lora_weights is `pissa_niter_4`"),
            ("init_lora_weights", json!("loftq"), "init_lora_weights is `loftq`"),
            ("target_modules", json!(null), "names no layer"),
            ("r", json!("eight"), "not an adapter's config"),
        ];
        for (key, value, expected) in rows {
            let error = parse(&with(key, value)).unwrap_err();
            assert!(error.contains(expected), "{key}: {error}");
        }
    }

    #[test]
    fn what_we_write_is_read_back() {
        let layers = linear_layers(&DecoderConfig::baichuan2_tiny());
        let rows = [
            LoraConfig { targets: Targets::names(&["W_pack"]), ..LoraConfig::default() },
            LoraConfig {
                targets: Targets::Modules(Modules::Regex(r".*\.[02]\..*".into())),
                exclude: Some(Modules::Names(vec!["down_proj".into()])),
                dora: true,
                alpha: 11.3,
                ..LoraConfig::default()
            },
            LoraConfig {
                targets: Targets::names(&["W_pack", "o_proj"]),
                layers: Some(vec![0]),
                rslora: true,
                init: LoraInit::Gaussian,
                rank_pattern: [("W_pack".into(), 4)].into(),
                alpha_pattern: [("W_pack".into(), 2.5)].into(),
                ..LoraConfig::default()
            },
        ];
        for config in rows {
            let json = to_json(&config, &layers, Some("base")).to_string();
            assert_eq!(parse(&json).unwrap(), config);
        }
        let json = to_json(&LoraConfig::default(), &layers, None);
        let names = ["W_pack", "o_proj", "gate_proj", "up_proj", "down_proj"];
        assert_eq!(json["target_modules"], json!(names));
        assert_eq!(json["lora_alpha"], json!(64));
    }
}
