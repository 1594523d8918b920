//! Whether answers are held to a grammar.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::str::FromStr;

/// `evaluation.constrained`: `false`, `true`, or `"both"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Constrained {
    /// Any token may come.
    #[default]
    No,
    /// Only tokens that keep the answer readable, of offered classes, with mentions of the sentence.
    Yes,
    /// As with `true`, and the trained model is asked once more without: what the grammar is worth.
    Both,
}

impl Constrained {
    /// Whether answers are held to a grammar.
    pub fn is_on(self) -> bool {
        self != Self::No
    }
}

/// Says which ways there are.
const WAYS: &str = "expected true, false or \"both\"";

impl FromStr for Constrained {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "false" => Ok(Self::No),
            "true" => Ok(Self::Yes),
            "both" => Ok(Self::Both),
            other => Err(format!("constrained is `{other}`, {WAYS}")),
        }
    }
}

impl Serialize for Constrained {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::No => serializer.serialize_bool(false),
            Self::Yes => serializer.serialize_bool(true),
            Self::Both => serializer.serialize_str("both"),
        }
    }
}

impl<'de> Deserialize<'de> for Constrained {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::Boolean(true) => Ok(Self::Yes),
            toml::Value::Boolean(false) => Ok(Self::No),
            toml::Value::String(text) => text.parse().map_err(D::Error::custom),
            other => Err(D::Error::custom(format!("constrained is `{other}`, {WAYS}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::recipe::EvaluationConfig;

    #[test]
    fn it_is_a_truth_or_both() {
        let read = |text: &str| {
            let read = toml::from_str::<EvaluationConfig>(text);
            read.map(|config| config.constrained).map_err(|error| error.message().to_owned())
        };
        assert_eq!(read(""), Ok(Constrained::No));
        assert_eq!(read("constrained = false"), Ok(Constrained::No));
        assert_eq!(read("constrained = true"), Ok(Constrained::Yes));
        assert_eq!(read("constrained = \"both\""), Ok(Constrained::Both));
        let error = read("constrained = \"sometimes\"").unwrap_err();
        assert!(error.contains("`sometimes`") && error.contains("\"both\""), "{error}");
        assert!(read("constrained = 1").is_err());
        for way in [Constrained::No, Constrained::Yes, Constrained::Both] {
            let config = EvaluationConfig { constrained: way, ..EvaluationConfig::default() };
            let text = toml::to_string(&config).unwrap();
            assert_eq!(read(&text), Ok(way), "{text}");
        }
    }
}
