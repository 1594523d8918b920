//! Which linear layers get an adapter, as PEFT means it: names, or one regular expression.

use crate::block::linear_path;
use crate::decoder::block_path;
use crate::{DecoderConfig, Error};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A linear layer of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearLayer {
    /// Whole path, such as `model.layers.3.self_attn.W_pack`.
    pub path: String,
    /// The block that it is in.
    pub block: usize,
    /// Width of its output.
    pub out: usize,
    /// Width of its input.
    pub input: usize,
}

impl LinearLayer {
    /// The last component of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

/// Every linear layer of the blocks, in order. The head is none of them, as under PEFT's `all-linear`.
pub fn linear_layers(config: &DecoderConfig) -> Vec<LinearLayer> {
    (0..config.num_hidden_layers)
        .flat_map(|block| {
            config.linear_names().iter().map(move |name| {
                let (out, input) = config.linear_shape(name);
                let path = format!("{}.{}", block_path(block), linear_path(name));
                LinearLayer { path, block, out, input }
            })
        })
        .collect()
}

/// Which linear layers get an adapter (PEFT's `target_modules`).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Targets {
    /// `"all-linear"`: every linear layer of the blocks, not the head.
    #[default]
    AllLinear,
    /// Those that these names or this expression match.
    Modules(Modules),
}

/// Names, or a regular expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a list of names of layers, or one regular expression over whole paths"
)]
pub enum Modules {
    /// Matches a whole path (`re.fullmatch`).
    Regex(String),
    /// Each matches paths that end in it: `W_pack`, `self_attn.W_pack`, or a whole path.
    Names(Vec<String>),
}

impl Serialize for Targets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AllLinear => serializer.serialize_str("all-linear"),
            Self::Modules(modules) => modules.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Targets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Modules::deserialize(deserializer)? {
            Modules::Regex(text) if text.eq_ignore_ascii_case("all-linear") => Self::AllLinear,
            modules => Self::Modules(modules),
        })
    }
}

impl Targets {
    /// These names.
    pub fn names(names: &[&str]) -> Self {
        Self::Modules(Modules::Names(names.iter().map(ToString::to_string).collect()))
    }
}

/// [`Modules`], ready to be asked.
pub(super) enum Matcher<'a> {
    Regex(&'a str, Box<Regex>),
    Names(&'a [String]),
}

impl<'a> Matcher<'a> {
    /// `key` is the setting's name in errors.
    pub(super) fn new(key: &str, modules: &'a Modules) -> Result<Self, Error> {
        Ok(match modules {
            Modules::Names(names) => Self::Names(names),
            Modules::Regex(text) => {
                Self::Regex(text, Box::new(anchored(key, &format!("^(?:{text})$"), text)?))
            }
        })
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Regex(_, regex) => regex.is_match(path),
            Self::Names(names) => names.iter().any(|name| names_path(name, path)),
        }
    }

    /// The first name, or the expression, that matches no layer.
    pub(super) fn unmatched(&self, layers: &[LinearLayer]) -> Option<&'a str> {
        match self {
            Self::Regex(text, regex) => {
                (!layers.iter().any(|layer| regex.is_match(&layer.path))).then_some(*text)
            }
            Self::Names(names) => names
                .iter()
                .find(|name| !layers.iter().any(|layer| names_path(name, &layer.path)))
                .map(String::as_str),
        }
    }
}

/// The expression of a `rank_pattern`: it matches the end of a path, from a dot on.
pub(super) fn suffix(key: &str, text: &str) -> Result<Regex, Error> {
    anchored(key, &format!(r"^(?:.*\.)?(?:{text})$"), text)
}

/// Whether `name` is `path` or what it ends in, from a dot on.
pub(crate) fn names_path(name: &str, path: &str) -> bool {
    path.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn anchored(key: &str, pattern: &str, text: &str) -> Result<Regex, Error> {
    // A recipe is not hostile, but a memory limit costs nothing.
    RegexBuilder::new(pattern).size_limit(1 << 20).build().map_err(|error| {
        Error::Config(format!(
            "{key} holds `{text}`, which is no regular expression that is understood here (lookaround and backreferences are not): {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_and_expressions_match_as_in_peft() {
        let path = "model.layers.3.self_attn.W_pack";
        let names = |name: &str| Modules::Names(vec![name.to_owned()]);
        let regex = |text: &str| Modules::Regex(text.to_owned());
        let rows = [
            (names("W_pack"), true),
            (names("self_attn.W_pack"), true),
            (names("model.layers.3.self_attn.W_pack"), true),
            (names("pack"), false),
            (names("attn.W_pack"), false),
            (names("self_attn"), false),
            (regex(r".*\.W_pack"), true),
            (regex(r"model\.layers\.[0-3]\.self_attn\.W_pack"), true),
            (regex("W_pack"), false),
            (regex(r".*\.W_pac"), false),
            (regex(r"a|.*\.3\..*"), true),
            (regex(r"(?i).*w_PACK"), true),
        ];
        for (modules, expected) in rows {
            let matcher = Matcher::new("lora.targets", &modules).unwrap();
            assert_eq!(matcher.matches(path), expected, "{modules:?}");
        }
    }

    #[test]
    fn all_linear_is_written_as_itself() {
        let json = |targets: &Targets| serde_json::to_string(targets).unwrap();
        let rows = [
            (Targets::AllLinear, r#""all-linear""#),
            (Targets::names(&["W_pack"]), r#"["W_pack"]"#),
            (Targets::Modules(Modules::Regex(".*_proj".into())), r#"".*_proj""#),
        ];
        for (targets, text) in rows {
            assert_eq!(json(&targets), text);
            assert_eq!(serde_json::from_str::<Targets>(text).unwrap(), targets);
        }
        assert_eq!(serde_json::from_str::<Targets>(r#""ALL-linear""#).unwrap(), Targets::AllLinear);
        let error = serde_json::from_str::<Targets>("3").unwrap_err().to_string();
        assert!(error.contains("a list of names of layers"), "{error}");
    }
}
