//! The files by which other programs read text as this model does.

use crate::Error;
use model::{DecoderConfig, files};
use serde_json::{Value, json};
use std::path::Path;

/// Files that say how text becomes ids; copied where they are.
const FILES: [&str; 4] =
    ["tokenizer.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json"];

/// Copies the tokenizer of `from`, and says which class of transformers reads it.
pub fn copy(from: &Path, to: &Path, config: &DecoderConfig) -> Result<(), Error> {
    for name in FILES {
        let path = from.join(name);
        if path.is_file() {
            let bytes = std::fs::read(&path).map_err(Error::read(&path))?;
            files::write_atomically(&to.join(name), &bytes)?;
        }
    }
    let own = from.join("tokenizer_config.json");
    let text = match std::fs::read_to_string(&own) {
        Ok(text) if !names_foreign_code(&text) => text,
        _ => match class(from, config) {
            Some(value) => format!("{value:#}\n"),
            None => return Ok(()),
        },
    };
    Ok(files::write_atomically(&to.join("tokenizer_config.json"), text.as_bytes())?)
}

/// Baichuan2's own file asks transformers to run Python of its repository, which is not copied.
fn names_foreign_code(text: &str) -> bool {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    value.get("auto_map").is_some()
}

/// What reads the files; nothing where there are none.
fn class(from: &Path, config: &DecoderConfig) -> Option<Value> {
    let class = if from.join("tokenizer.json").is_file() {
        "PreTrainedTokenizerFast"
    } else if from.join("tokenizer.model").is_file() {
        "LlamaTokenizer"
    } else {
        return None;
    };
    // Neither a beginning, nor an end, nor a space is put before or behind a text.
    Some(json!({
        "tokenizer_class": class, "legacy": false, "add_bos_token": false, "add_eos_token": false,
        "add_prefix_space": false, "clean_up_tokenization_spaces": false,
        "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<unk>",
        "model_max_length": config.max_length(),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_class_follows_the_files() {
        let check = |files: &[(&str, &str)], expected: Option<&str>| {
            let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            for (name, text) in files {
                std::fs::write(from.path().join(name), text).unwrap();
            }
            copy(from.path(), to.path(), &DecoderConfig::baichuan2_tiny()).unwrap();
            let written = std::fs::read_to_string(to.path().join("tokenizer_config.json")).ok();
            let written = written.map(|text| serde_json::from_str::<Value>(&text).unwrap());
            let class =
                written.and_then(|value| Some(value["tokenizer_class"].as_str()?.to_owned()));
            assert_eq!(class.as_deref(), expected);
            let copied = files.iter().filter(|(name, _)| FILES.contains(name));
            assert!(copied.clone().all(|(name, _)| to.path().join(name).is_file()));
        };
        check(&[], None);
        check(&[("tokenizer.json", "{}")], Some("PreTrainedTokenizerFast"));
        check(&[("tokenizer.model", "x")], Some("LlamaTokenizer"));
        let own = r#"{"tokenizer_class": "GPT2Tokenizer"}"#;
        check(&[("tokenizer.json", "{}"), ("tokenizer_config.json", own)], Some("GPT2Tokenizer"));
        let foreign = r#"{"tokenizer_class": "BaichuanTokenizer", "auto_map": {}}"#;
        check(
            &[("tokenizer.model", "x"), ("tokenizer_config.json", foreign)],
            Some("LlamaTokenizer"),
        );
    }
}
