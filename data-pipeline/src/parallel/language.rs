//! Which language a text is in: by its script, and within a script by three letters at a time.
//!
//! No crate that identifies languages knows Bambara, Mossi or Fon. So a profile is learned from text
//! that is at hand: of the source it is the corpus itself, of the target whatever the job names.

use std::collections::HashMap;

/// A script, as far as languages are told apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// English, Swahili, Yoruba and most others.
    Latin,
    /// Chinese.
    Han,
    /// Japanese: kana beside Chinese characters.
    Kana,
    /// Korean.
    Hangul,
    /// Russian and its neighbours.
    Cyrillic,
    /// Arabic, Persian, Urdu.
    Arabic,
    /// Hindi, Marathi, Nepali.
    Devanagari,
    /// Bengali.
    Bengali,
    /// Amharic, Tigrinya.
    Ethiopic,
    /// Hebrew.
    Hebrew,
    /// Greek.
    Greek,
    /// Thai.
    Thai,
    /// Anything else.
    Other,
}

impl Script {
    /// The script that `language` is written in; Latin where nothing else is known.
    pub fn of_language(language: &str) -> Self {
        match language {
            "zh" => Self::Han,
            "ja" => Self::Kana,
            "ko" => Self::Hangul,
            "ru" | "uk" | "be" | "bg" | "sr" | "mk" | "kk" | "ky" | "mn" | "tg" => Self::Cyrillic,
            "ar" | "fa" | "ur" | "ps" | "ug" => Self::Arabic,
            "hi" | "mr" | "ne" => Self::Devanagari,
            "bn" | "as" => Self::Bengali,
            "am" | "ti" => Self::Ethiopic,
            "he" | "yi" => Self::Hebrew,
            "el" => Self::Greek,
            "th" => Self::Thai,
            _ => Self::Latin,
        }
    }

    /// The script of a letter; none of a digit or sign.
    pub fn of_char(c: char) -> Option<Self> {
        if !c.is_alphabetic() {
            return None;
        }
        Some(match u32::from(c) {
            0x0041..=0x024F | 0x0250..=0x02AF | 0x1E00..=0x1EFF | 0xFF21..=0xFF5A => Self::Latin,
            0x0370..=0x03FF => Self::Greek,
            0x0400..=0x052F => Self::Cyrillic,
            0x0590..=0x05FF => Self::Hebrew,
            0x0600..=0x06FF | 0x0750..=0x077F | 0x08A0..=0x08FF => Self::Arabic,
            0x0900..=0x097F => Self::Devanagari,
            0x0980..=0x09FF => Self::Bengali,
            0x0E00..=0x0E7F => Self::Thai,
            0x1200..=0x139F => Self::Ethiopic,
            0x3040..=0x30FF => Self::Kana,
            0x1100..=0x11FF | 0xAC00..=0xD7AF => Self::Hangul,
            0x3400..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF => Self::Han,
            _ => Self::Other,
        })
    }

    /// Whether a letter of `other` belongs to text in this script.
    pub fn takes(self, other: Self) -> bool {
        // Japanese is written in both.
        self == other || (self == Self::Kana && other == Self::Han)
    }
}

/// Letters of `text` in `script`, and letters in all.
pub fn letters(text: &str, script: Script) -> (usize, usize) {
    let (mut own, mut all) = (0, 0);
    for found in text.chars().filter_map(Script::of_char) {
        all += 1;
        own += usize::from(script.takes(found));
    }
    (own, all)
}

/// How often three letters follow each other in a language.
#[derive(Clone, Debug, Default)]
struct Profile {
    counts: HashMap<[char; 3], usize>,
    total: usize,
}

impl Profile {
    fn learn(&mut self, text: &str) {
        for three in threes(text) {
            *self.counts.entry(three).or_default() += 1;
            self.total += 1;
        }
    }

    /// Mean log probability, with one added to each count.
    fn score(&self, threes: &[[char; 3]]) -> f64 {
        let whole = (self.total + self.counts.len() + 1) as f64;
        let each = threes.iter().map(|three| {
            let count = self.counts.get(three).copied().unwrap_or_default();
            ((count + 1) as f64 / whole).ln()
        });
        each.sum::<f64>() / threes.len().max(1) as f64
    }
}

/// Profiles of the two languages of a job.
#[derive(Clone, Debug, Default)]
pub struct Languages {
    source: Profile,
    target: Profile,
}

/// Letters from which on a text says what language it is in.
const LETTERS: usize = 20;

/// By how much the mean log probability of the wrong language must be higher.
const MARGIN: f64 = 0.1;

/// A profile of fewer than this many trigrams knows nothing.
const KNOWN: usize = 2_000;

impl Languages {
    /// Adds text of the source language.
    pub fn learn_source(&mut self, text: &str) {
        self.source.learn(text);
    }

    /// Adds text of the target language.
    pub fn learn_target(&mut self, text: &str) {
        self.target.learn(text);
    }

    /// Whether both languages are known well enough for an answer.
    pub fn is_ready(&self) -> bool {
        self.source.total >= KNOWN && self.target.total >= KNOWN
    }

    /// Whether `text` is rather in the source language; false where that cannot be told.
    pub fn is_source(&self, text: &str) -> bool {
        let threes = threes(text);
        if !self.is_ready() || threes.len() < LETTERS {
            return false;
        }
        self.source.score(&threes) > self.target.score(&threes) + MARGIN
    }
}

/// Three characters at a time: lower case, and everything that is no letter as one space.
fn threes(text: &str) -> Vec<[char; 3]> {
    let mut plain = vec![' '];
    for c in text.chars().flat_map(char::to_lowercase) {
        match c.is_alphabetic() {
            true => plain.push(c),
            false if plain.last() != Some(&' ') => plain.push(' '),
            false => {}
        }
    }
    plain.windows(3).map(|three| [three[0], three[1], three[2]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted_by_script() {
        assert_eq!(letters("IBM 在京", Script::Han), (2, 5));
        assert_eq!(letters("12 % !", Script::Latin), (0, 0));
        assert_eq!(letters("ɔkɔ", Script::of_language("tw")), (3, 3));
        assert_eq!(letters("東京です", Script::of_language("ja")), (4, 4));
    }

    #[test]
    fn a_language_is_known_by_its_trigrams() {
        let mut languages = Languages::default();
        assert!(!languages.is_source("The council has met in the old town hall today."));
        for _ in 0..60 {
            languages.learn_source("The council met the mayor in the old hall of the town.");
            languages
                .learn_target("Watu wengi walikutana na kiongozi wao katika mji mkuu wa nchi.");
        }
        assert!(languages.is_ready());
        assert!(languages.is_source("The mayor met the council in the town."));
        assert!(!languages.is_source("Kiongozi wa nchi alikutana na watu wengi."));
        // Too short to tell.
        assert!(!languages.is_source("The hall"));
    }
}
