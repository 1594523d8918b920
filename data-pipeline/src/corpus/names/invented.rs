//! Names that no list holds.
//!
//! A name is drawn again while a list of another part holds it. Lists that hold everything that could
//! be drawn leave nothing to invent: after many attempts there is no name.

use super::parts::{
    CHARACTERS, COMMON, ENDS, FAMILIES, FIRST_ONSETS, MIDDLE_ONSETS, MIDDLE_VOWELS, PINYIN_ENDS,
    PINYIN_ONSETS, VOWELS, WORDS, endings,
};
use super::{Names, is_person};
use crate::random::Random;

/// How often a name is drawn before it is given up; lists of thousands leave more than one of a
/// hundred.
const ATTEMPTS: usize = 10_000;

impl Names {
    /// An invented English name; its made-up words stand in no list of another part.
    pub(super) fn english(&self, class: &str, random: &mut Random) -> Option<String> {
        if is_person(class) {
            let (first, second) = match random.chance(0.3) {
                true => (self.pinyin(1, random)?, self.pinyin(2, random)?),
                false => (self.word(random)?, self.word(random)?),
            };
            return Some(format!("{first} {second}"));
        }
        let endings = endings(class).map_or(&[][..], |(_, en, _)| en);
        let foreign = |word: &str| self.foreign_words.contains(&word.to_lowercase());
        for _ in 0..ATTEMPTS {
            let mut name = self.stem(random)?;
            if name.split(' ').any(foreign) {
                continue;
            }
            if !endings.is_empty() && random.chance(0.5) {
                name.push_str(random.pick(endings));
            }
            // An ending without a space makes another word of it.
            if !name.split(' ').next().is_some_and(foreign) {
                return Some(name);
            }
        }
        None
    }

    /// What a thing's name begins with: an invented word, pinyin, one or two common words, letters.
    fn stem(&self, random: &mut Random) -> Option<String> {
        let kind = random.below(20);
        let common: Vec<&str> = WORDS.split(' ').collect();
        Some(match kind {
            0..10 => self.word(random)?,
            10..12 => self.pinyin(2, random)?,
            12 => (0..3 + random.below(2))
                .map(|_| char::from(b'A' + random.below(26) as u8))
                .collect(),
            13..16 => format!("{} {}", random.pick(&common), self.word(random)?),
            _ => format!("{} {}", random.pick(&common), random.pick(&common)),
        })
    }

    /// As many syllables of pinyin as one word.
    fn pinyin(&self, syllables: usize, random: &mut Random) -> Option<String> {
        for _ in 0..ATTEMPTS {
            let word: String = (0..syllables)
                .map(|_| format!("{}{}", random.pick(PINYIN_ONSETS), random.pick(PINYIN_ENDS)))
                .collect();
            if !self.foreign_words.contains(&word) {
                return Some(word[..1].to_uppercase() + &word[1..]);
            }
        }
        None
    }

    /// Two or three syllables; only the first begins with two consonants, only the last ends hard.
    fn word(&self, random: &mut Random) -> Option<String> {
        for _ in 0..ATTEMPTS {
            let mut word = String::from(random.pick(FIRST_ONSETS));
            word.push_str(random.pick(VOWELS));
            for _ in 0..random.below(2) {
                word.push_str(random.pick(MIDDLE_ONSETS));
                word.push_str(random.pick(MIDDLE_VOWELS));
            }
            word.push_str(random.pick(MIDDLE_ONSETS));
            word.push_str(random.pick(ENDS));
            if !self.foreign_words.contains(&word) {
                return Some(word[..1].to_uppercase() + &word[1..]);
            }
        }
        None
    }

    /// An invented Chinese name; no name of another part holds its made-up characters.
    pub(super) fn chinese(&self, class: &str, random: &mut Random) -> Option<String> {
        if is_person(class) {
            return self.chinese_person(random);
        }
        let mut name = self.characters(2 + random.below(3), random)?;
        let endings = endings(class).map_or(&[][..], |(_, _, zh)| zh);
        if !endings.is_empty() && random.chance(0.5) {
            name.push_str(random.pick(endings));
        }
        Some(name)
    }

    /// A family name and one or two characters, or now and then a transliterated name.
    fn chinese_person(&self, random: &mut Random) -> Option<String> {
        for _ in 0..ATTEMPTS {
            let name = if random.chance(0.25) {
                let given = self.characters(2 + random.below(2), random)?;
                format!("{given}·{}", self.characters(2 + random.below(3), random)?)
            } else {
                let family: char = random.pick(&FAMILIES.chars().collect::<Vec<_>>());
                format!("{family}{}", self.characters(1 + random.below(2), random)?)
            };
            let foreign = name.chars().next().is_some_and(|c| self.foreign_families.contains(&c));
            if !foreign && !self.foreign_zh.iter().any(|other| other.contains(&name)) {
                return Some(name);
            }
        }
        None
    }

    fn characters(&self, count: usize, random: &mut Random) -> Option<String> {
        // Half of the names read like names, half hold whatever can be written.
        let pool = if random.chance(0.5) { CHARACTERS } else { COMMON };
        let characters: Vec<char> = pool.chars().filter(|c| !c.is_whitespace()).collect();
        for _ in 0..ATTEMPTS {
            let name: String = (0..count).map(|_| random.pick(&characters)).collect();
            if count == 1 || !self.foreign_zh.iter().any(|other| other.contains(&name)) {
                return Some(name);
            }
        }
        None
    }
}
