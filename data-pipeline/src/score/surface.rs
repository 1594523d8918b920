//! Normal forms of names and mentions, as other projects' scorers have them.

use unicode_normalization::char::is_combining_mark;

/// KnowCoder's form of a type or role name: `PlaceOfBirth` and `place_of_birth` are both
/// `place of birth`. Only the first separator that occurs is replaced: `a-b_c` is `a b_c`.
pub(super) fn knowcoder(name: &str) -> String {
    for separator in ['-', '_'] {
        if name.contains(separator) {
            return name.replace(separator, " ").to_lowercase();
        }
    }
    let mut spaced = String::with_capacity(name.len() + 4);
    let mut previous = ' ';
    for letter in name.chars() {
        if previous.is_ascii_lowercase() && letter.is_ascii_uppercase() {
            spaced.push(' ');
        }
        spaced.push(letter);
        previous = letter;
    }
    spaced.to_lowercase()
}

/// The types of ACE 2005, each with its subtypes as KnowCoder names them.
const ACE: [(&str, &[&str]); 8] = [
    ("life", &["be born", "die", "divorce", "injure", "marry"]),
    ("movement", &["transportation"]),
    ("transaction", &["transfer money", "transfer ownership"]),
    (
        "business",
        &["declare bankruptcy", "end organization", "merge organization", "start organization"],
    ),
    ("conflict", &["attack", "demonstrate"]),
    ("contact", &["meet", "phone write"]),
    ("personnel", &["elect", "end position", "nominate", "start position"]),
    (
        "justice",
        &[
            "acquit",
            "appeal",
            "arrest jail detain",
            "charge indict",
            "convict",
            "execute",
            "extradite",
            "fine",
            "pardon",
            "release parole",
            "sentence",
            "sue",
            "trial hearing",
        ],
    ),
];

/// An event type in KnowCoder's form as the converter of 2025 changes it for ED, whatever the data set.
pub(super) fn coarse(name: String) -> String {
    let of = |(_, subtypes): &&(&str, &[&str])| subtypes.contains(&name.as_str());
    ACE.iter().find(of).map_or(name.clone(), |(coarse, _)| (*coarse).to_owned())
}

/// UniversalNER's form of a mention, which is SQuAD's: lower case, no ASCII punctuation, no English
/// articles, single spaces.
pub(super) fn universalner(text: &str) -> String {
    let plain: String =
        text.to_lowercase().chars().filter(|letter| !letter.is_ascii_punctuation()).collect();
    let mut kept = String::with_capacity(plain.len());
    let mut word = String::new();
    for letter in plain.chars().map(Some).chain([None]) {
        if let Some(letter) = letter.filter(|letter| is_word(*letter)) {
            word.push(letter);
            continue;
        }
        match word.as_str() {
            "a" | "an" | "the" => kept.push(' '),
            other => kept.push_str(other),
        }
        word.clear();
        kept.extend(letter);
    }
    let words: Vec<&str> = kept.split(is_space).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// A character of a word as Python's `re` has it: `\w`, without the marks that Rust counts as letters.
fn is_word(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric() && !is_combining_mark(letter)
}

/// White space as Python's `str.split` and `str.strip` have it.
pub(super) fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types_are_split_as_the_official_scorer_does() {
        for (name, expected) in [
            ("PlaceOfBirth", "place of birth"),
            ("GPE", "gpe"),
            ("TVShow", "tvshow"),
            ("Covid19Case", "covid19case"),
            ("Place-Of_Birth", "place of_birth"),
            ("place_of_birth", "place of birth"),
        ] {
            assert_eq!(knowcoder(name), expected);
        }
        assert_eq!(coarse("phone write".to_owned()), "contact");
        assert_eq!(coarse("hiring".to_owned()), "hiring");
        assert_eq!(ACE.iter().map(|(_, subtypes)| subtypes.len()).sum::<usize>(), 33);
    }

    #[test]
    fn articles_and_punctuation_are_nothing() {
        for (text, expected) in [
            ("The  Hague.", "hague"),
            ("U.N.", "un"),
            ("an-apple", "anapple"),
            ("A+", ""),
            ("Athen", "athen"),
            ("les a\u{a0}b", "les b"),
            // Python's `\b` stands between a letter and its mark.
            ("a\u{301}", "\u{301}"),
        ] {
            assert_eq!(universalner(text), expected, "{text}");
        }
    }
}
