//! Keys of `[batch]` that the memory plan may answer: a number, or `"auto"`.

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Tokens that a rank computes at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MicroTokens {
    /// `"auto"`: the memory plan says.
    #[default]
    Auto,
    /// So many at most, or a single longer sample.
    Most(usize),
}

/// Which blocks are computed again in the backward pass instead of keeping their tapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recompute {
    /// `"auto"`: none if there is memory for their tapes, else the fewest that help.
    #[default]
    Auto,
    /// `false`: none.
    Off,
    /// `true`: all.
    All,
    /// A number: the first ones.
    Blocks(usize),
}

impl MicroTokens {
    /// The number; before the memory plan has chosen, the most that it chooses on the CPU.
    pub fn tokens(self) -> usize {
        match self {
            Self::Auto => 8192,
            Self::Most(tokens) => tokens,
        }
    }
}

impl Recompute {
    /// The number of blocks, of so many; none before the memory plan has chosen.
    pub fn blocks(self, blocks: usize) -> usize {
        match self {
            Self::Auto | Self::Off => 0,
            Self::All => blocks,
            Self::Blocks(count) => count.min(blocks),
        }
    }
}

const AUTO: &str = "auto";

impl Serialize for MicroTokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str(AUTO),
            Self::Most(tokens) => serializer.serialize_u64(*tokens as u64),
        }
    }
}

impl Serialize for Recompute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str(AUTO),
            Self::Off => serializer.serialize_bool(false),
            Self::All => serializer.serialize_bool(true),
            Self::Blocks(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

/// What may stand there: a type says what each kind of value means to it.
struct Values {
    expected: &'static str,
    takes_bool: bool,
}

/// A value as written.
enum Written {
    Auto,
    Number(usize),
    Bool(bool),
}

impl Visitor<'_> for Values {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
        match text {
            AUTO => Ok(Written::Auto),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Written, E> {
        match self.takes_bool {
            true => Ok(Written::Bool(value)),
            false => Err(E::invalid_type(Unexpected::Bool(value), &self)),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Written, E> {
        usize::try_from(number)
            .map(Written::Number)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Written, E> {
        usize::try_from(number)
            .map(Written::Number)
            .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }
}

impl<'de> Deserialize<'de> for MicroTokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "\"auto\" or a number of tokens";
        match deserializer.deserialize_any(Values { expected, takes_bool: false })? {
            Written::Number(tokens) => Ok(Self::Most(tokens)),
            Written::Auto | Written::Bool(_) => Ok(Self::Auto),
        }
    }
}

impl<'de> Deserialize<'de> for Recompute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "\"auto\", true, false or a number of blocks";
        Ok(match deserializer.deserialize_any(Values { expected, takes_bool: true })? {
            Written::Auto => Self::Auto,
            Written::Bool(true) => Self::All,
            Written::Bool(false) => Self::Off,
            Written::Number(count) => Self::Blocks(count),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Section {
        micro_tokens: MicroTokens,
        recompute: Recompute,
    }

    #[test]
    fn what_is_written_is_read() {
        for (text, micro_tokens, recompute) in [
            ("micro_tokens = \"auto\"\nrecompute = \"auto\"\n", MicroTokens::Auto, Recompute::Auto),
            ("micro_tokens = 600\nrecompute = false\n", MicroTokens::Most(600), Recompute::Off),
            ("micro_tokens = 1\nrecompute = true\n", MicroTokens::Most(1), Recompute::All),
            ("micro_tokens = 1\nrecompute = 3\n", MicroTokens::Most(1), Recompute::Blocks(3)),
        ] {
            let section = Section { micro_tokens, recompute };
            assert_eq!(toml::from_str::<Section>(text).unwrap(), section);
            assert_eq!(toml::to_string(&section).unwrap(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_may_stand_there() {
        for (text, expected) in [
            ("micro_tokens = true\nrecompute = true", "\"auto\" or a number of tokens"),
            ("micro_tokens = -1\nrecompute = true", "\"auto\" or a number of tokens"),
            ("micro_tokens = \"all\"\nrecompute = true", "\"auto\" or a number of tokens"),
            (
                "micro_tokens = 5\nrecompute = \"some\"",
                "\"auto\", true, false or a number of blocks",
            ),
        ] {
            let error = toml::from_str::<Section>(text).unwrap_err();
            assert!(error.message().contains(expected), "{text}: {error}");
        }
    }
}
