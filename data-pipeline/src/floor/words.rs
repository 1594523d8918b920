//! Where a text may be cut into words.

use std::ops::Range;
use unicode_normalization::char::is_combining_mark;

/// How the texts of a corpus are cut into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// They are tokens with a space between them: so the tokens are the words.
    Spaces,
    /// They are untouched: letters and digits that stand together are a word, every other sign is one
    /// by itself, and so is each character of a script that writes no spaces.
    Letters,
}

/// Where a word stands in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// In bytes.
    bytes: (usize, usize),
    /// In characters.
    chars: (usize, usize),
}

impl Word {
    /// Its bytes.
    pub(super) fn bytes(&self) -> Range<usize> {
        self.bytes.0..self.bytes.1
    }

    /// Its characters.
    pub(super) fn chars(&self) -> Range<usize> {
        self.chars.0..self.chars.1
    }
}

/// The words of `text`, in their order.
pub(super) fn words(text: &str, cut: Cut) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    // Whether the next character may belong to the last word.
    let mut open = false;
    for (place, (byte, letter)) in text.char_indices().enumerate() {
        let (is_space, joins) = match cut {
            Cut::Spaces => (letter == ' ', true),
            Cut::Letters => (letter.is_whitespace(), is_of_words(letter)),
        };
        if is_space {
            open = false;
            continue;
        }
        let (byte_end, end) = (byte + letter.len_utf8(), place + 1);
        match words.last_mut() {
            Some(last) if open && joins => {
                last.bytes.1 = byte_end;
                last.chars.1 = end;
            }
            _ => words.push(Word { bytes: (byte, byte_end), chars: (place, end) }),
        }
        open = joins;
    }
    words
}

/// Whether words are made of it, in a script that writes spaces between them.
fn is_of_words(letter: char) -> bool {
    (letter.is_alphanumeric() || is_combining_mark(letter)) && !writes_no_spaces(letter)
}

/// Chinese, Japanese, Thai, Lao, Burmese and Khmer.
fn writes_no_spaces(letter: char) -> bool {
    matches!(letter,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, cut: Cut, expected: &[&str]) {
        let found: Vec<&str> = words(text, cut).iter().map(|word| &text[word.bytes()]).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_text_is_cut_as_its_corpus_writes_words() {
        check("Jr. 's  U.S. 1990s", Cut::Spaces, &["Jr.", "'s", "U.S.", "1990s"]);
        check(
            "Obama’s 2 U.S.-led",
            Cut::Letters,
            &["Obama", "’", "s", "2", "U", ".", "S", ".", "-", "led"],
        );
        check("李华在UN工作。", Cut::Letters, &["李", "华", "在", "UN", "工", "作", "。"]);
        // Marks belong to the letter that they sit on: Yorùbá with combining accents, Hindi's virama.
        check("Yoru\u{300}ba\u{301} हिन्दी", Cut::Letters, &["Yoru\u{300}ba\u{301}", "हिन्दी"]);
        check(" ", Cut::Letters, &[]);
        check("", Cut::Spaces, &[]);
    }

    proptest! {
        #[test]
        fn words_are_in_order_and_leave_out_nothing_but_spaces(text in "\\PC{0,30}", spaces: bool) {
            let cut = if spaces { Cut::Spaces } else { Cut::Letters };
            let words = words(&text, cut);
            let letters: Vec<char> = text.chars().collect();
            let mut last = 0;
            let mut taken = 0;
            for word in &words {
                prop_assert!(word.chars().start >= last && word.chars().end > word.chars().start);
                let by_chars: String = letters[word.chars()].iter().collect();
                prop_assert_eq!(&by_chars, &text[word.bytes()]);
                last = word.chars().end;
                taken += word.chars().len();
            }
            let is_space = |letter: &char| match cut {
                Cut::Spaces => *letter == ' ',
                Cut::Letters => letter.is_whitespace(),
            };
            prop_assert_eq!(taken, letters.iter().filter(|letter| !is_space(letter)).count());
        }
    }
}
