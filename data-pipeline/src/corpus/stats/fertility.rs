//! What a vocabulary makes of a language: tokens for a word, and words that it knows byte by byte only.

use super::distribution::Distribution;
use crate::Sentence;
use crate::tokenizer::Tokenizer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Languages that put no space between words, ISO 639 in all their lengths.
const UNSPACED: [&str; 15] = [
    "zh", "cmn", "yue", "wuu", "nan", "hak", "lzh", "ja", "jpn", "th", "lo", "km", "my", "bo", "dz",
];

/// What tokens are counted against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// What stands between white space.
    #[default]
    Word,
    /// Characters that are no white space, where a language has no spaces between words.
    Character,
}

/// Tokens of texts of one language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenStats {
    /// Tokens a sentence.
    pub lengths: Distribution,
    /// Tokens that stand for bytes and not for text.
    pub bytes: usize,
    /// How many units the texts have.
    pub units: usize,
    /// What a unit is.
    pub unit: Unit,
}

impl Unit {
    /// The unit of a language, by its code.
    pub fn of(language: &str) -> Self {
        let code = language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        if UNSPACED.contains(&code.as_str()) { Self::Character } else { Self::Word }
    }

    /// How many of it `text` has.
    pub fn count(self, text: &str) -> usize {
        match self {
            Self::Word => text.split_whitespace().count(),
            Self::Character => text.chars().filter(|letter| !letter.is_whitespace()).count(),
        }
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Word => "word",
            Self::Character => "character",
        })
    }
}

impl TokenStats {
    /// Counts the texts of `sentences`, which are of one language, on all cores.
    pub(super) fn of(sentences: &[&Sentence], language: &str, tokenizer: &Tokenizer) -> Self {
        let texts: Vec<&str> = sentences.iter().map(|sentence| sentence.text.as_str()).collect();
        Self::of_texts(&texts, language, tokenizer)
    }

    /// Counts `texts`, which are of one language, on all cores.
    pub fn of_texts(texts: &[&str], language: &str, tokenizer: &Tokenizer) -> Self {
        let unit = Unit::of(language);
        let counted: Vec<[usize; 3]> = texts
            .par_iter()
            .map(|text| {
                let ids = tokenizer.encode(text);
                let bytes = ids.iter().filter(|id| tokenizer.spells_bytes(**id)).count();
                [ids.len(), bytes, unit.count(text)]
            })
            .collect();
        let mut stats = Self { unit, ..Self::default() };
        for [tokens, bytes, units] in counted {
            stats.lengths.add(tokens);
            stats.bytes += bytes;
            stats.units += units;
        }
        stats
    }

    /// Adds texts of the same language.
    pub(super) fn merge(&mut self, other: &Self) {
        self.lengths.merge(&other.lengths);
        self.bytes += other.bytes;
        self.units += other.units;
    }

    /// Tokens a unit; none without text.
    pub fn fertility(&self) -> Option<f64> {
        (self.units > 0).then(|| self.lengths.sum() as f64 / self.units as f64)
    }

    /// The share of tokens that stand for bytes; none without tokens.
    pub fn byte_rate(&self) -> Option<f64> {
        let tokens = self.lengths.sum();
        (tokens > 0).then(|| self.bytes as f64 / tokens as f64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_unit_is_what_the_language_writes_apart() {
        for (language, text, expected) in [
            ("en", "Mark  went to\tParis.", 4),
            ("ko", "마크는 파리에 갔다.", 3),
            ("zh", "马克去了 巴黎。", 7),
            ("zh-hant", "馬克", 2),
            ("ZH_TW", "馬克", 2),
            ("ja", "マーク", 3),
            // Zulu is no Chinese.
            ("zu", "uMark uye", 2),
            ("en", "", 0),
        ] {
            assert_eq!(Unit::of(language).count(text), expected, "{language}: {text}");
        }
    }

    #[test]
    fn fertility_by_hand() {
        // Every word of these is one piece, with its space; the mark and each Han character as well.
        let texts = vec!["Mark met Lena. 北京".to_owned(); 8];
        let tokenizer = Tokenizer::train(&texts, 400).unwrap();
        let sentence = |text: &str| Sentence { text: text.to_owned(), ..Sentence::default() };
        let count = |texts: &[&str], language: &str| {
            let sentences: Vec<Sentence> = texts.iter().map(|text| sentence(text)).collect();
            TokenStats::of(&sentences.iter().collect::<Vec<_>>(), language, &tokenizer)
        };
        // Mark | met | Lena | . and Lena | . : 6 tokens, 4 words.
        let english = count(&["Mark met Lena.", "Lena."], "en");
        assert_eq!((english.lengths.sum(), english.units, english.bytes), (6, 4, 0));
        assert_eq!((english.fertility(), english.byte_rate()), (Some(1.5), Some(0.0)));
        // Two known characters, and one that takes its three bytes: 5 tokens, 3 characters.
        let chinese = count(&["北京龘"], "zh");
        assert_eq!((chinese.lengths.sum(), chinese.units, chinese.bytes), (5, 3, 3));
        assert_eq!((chinese.fertility(), chinese.byte_rate()), (Some(5.0 / 3.0), Some(0.6)));
        assert_eq!(count(&[], "en").fertility(), None);
        let mut both = english.clone();
        both.merge(&english);
        assert_eq!((both.fertility(), both.lengths.count()), (Some(1.5), 4));
    }
}
