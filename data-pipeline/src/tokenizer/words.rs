//! Where words begin, and the space that each of them carries.
//!
//! A small model copies a name from a sentence into an answer only if the name has the same ids in
//! both places. So a word always carries a leading space: where the text has none (a line starts, a
//! quote or a Han character stands before it), one is added, and decoding takes it off again.
//! Where such a place already has spaces it gets one more, so that nothing is lost:
//! `shed(carry(x)) == x` for every `x`. After a word, a comma or another closing mark nothing is
//! changed, because text writes the space there itself.
//!
//! ```text
//! ("Mark            (" Mark           the same piece as in `met Mark`
//! 在Apple工作        在 Apple工作
//! ( Mark            (  Mark           a real space stays a piece of its own
//! ```

/// Characters of scripts that put no space between words, or glue particles to them: each is a
/// piece of its own, so that a name is a run of whole pieces wherever it stands.
const UNSPACED: &str = r"\x{0E00}-\x{0FFF}\x{1000}-\x{109F}\x{1100}-\x{11FF}\x{1780}-\x{17FF}\x{3005}-\x{3007}\x{3040}-\x{318F}\x{31A0}-\x{31FF}\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{A960}-\x{A97F}\x{AC00}-\x{D7FF}\x{F900}-\x{FAFF}\x{FF66}-\x{FFDC}\x{20000}-\x{3FFFF}";

/// Marks inside words that Unicode does not call alphabetic: accents written apart, and what Indic
/// scripts hang on their letters.
const JOINED: &str = r"\x{0300}-\x{036F}\x{0483}-\x{0489}\x{0900}-\x{0963}\x{0966}-\x{0DFF}\x{1AB0}-\x{1AFF}\x{1DC0}-\x{1DFF}\x{20D0}-\x{20FF}\x{FE20}-\x{FE2F}";

/// Marks after which text writes a space of its own before a word.
const CLOSING: &str = ",.;:!?)}%=&+*|>~”»";

/// What a character is to the pieces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Letters run together.
    Letter,
    /// Digits run together, apart from letters.
    Digit,
    /// One by one, without a leading space.
    Unspaced,
    /// U+0020, the only space that a piece may begin with.
    Space,
    /// Other white space, one by one.
    Blank,
    /// Everything else, one by one.
    Mark,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' => Class::Letter,
        '0'..='9' => Class::Digit,
        ' ' => Class::Space,
        _ if unspaced(c) => Class::Unspaced,
        _ if c.is_whitespace() => Class::Blank,
        _ if c.is_numeric() => Class::Digit,
        _ if c.is_alphabetic() || joined(c) => Class::Letter,
        _ => Class::Mark,
    }
}

/// The ranges of [`UNSPACED`].
pub(crate) fn unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0FFF}' | '\u{1000}'..='\u{109F}' | '\u{1100}'..='\u{11FF}'
        | '\u{1780}'..='\u{17FF}' | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{318F}'
        | '\u{31A0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{FF66}'..='\u{FFDC}' | '\u{20000}'..='\u{3FFFF}')
}

/// The ranges of [`JOINED`].
fn joined(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0900}'..='\u{0963}'
        | '\u{0966}'..='\u{0DFF}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Whether a word that follows `c` gets a space.
fn opens(c: char) -> bool {
    match class(c) {
        Class::Letter | Class::Digit | Class::Space => false,
        Class::Mark => !CLOSING.contains(c),
        Class::Unspaced | Class::Blank => true,
    }
}

/// Follows a text character by character and tells where a word starts in need of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scan {
    open: bool,
    inside: bool,
}

impl Scan {
    /// A text behind `before`; at the start of everything a word needs its space.
    pub(crate) fn behind(before: Option<char>) -> Self {
        Self { open: before.is_none_or(opens), inside: false }
    }

    /// Whether a space belongs before `c`.
    pub(crate) fn step(&mut self, c: char) -> bool {
        let word = is_word(c);
        let needs = word && !self.inside && self.open;
        self.inside = word;
        if c != ' ' {
            self.open = opens(c);
        }
        needs
    }
}

impl Scan {
    /// Whether a word that came now would need a space.
    pub(crate) fn is_open(self) -> bool {
        self.open
    }
}

/// Whether `c` is part of a word.
pub(crate) fn is_word(c: char) -> bool {
    matches!(class(c), Class::Letter | Class::Digit)
}

/// `text` with a space before each word that has none; `before` is the character in front of it.
pub(super) fn carry(text: &str, before: Option<char>) -> String {
    let mut carried = String::with_capacity(text.len() + text.len() / 8 + 1);
    let mut scan = Scan::behind(before);
    for c in text.chars() {
        if scan.step(c) {
            carried.push(' ');
        }
        carried.push(c);
    }
    carried
}

/// Takes off the spaces that [`carry`] added behind the same character.
pub(super) fn shed(carried: &str, before: Option<char>) -> String {
    let mut text = String::with_capacity(carried.len());
    let mut scan = Scan::behind(before);
    for c in carried.chars() {
        // A model may have written a word without its space; then there is nothing to take off.
        if scan.step(c) && text.ends_with(' ') {
            text.pop();
        }
        text.push(c);
    }
    text
}

/// Cuts a carried text into the pieces that BPE merges within: ` ?letters+`, ` ?digits+`, one
/// unspaced character, ` ?` and one mark, one white space.
pub(super) fn pieces(carried: &str) -> impl Iterator<Item = &str> {
    let mut rest = carried;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let mut len = first.len_utf8();
        let mut kind = class(first);
        if kind == Class::Space
            && let Some(second) = rest[len..].chars().next()
            && matches!(class(second), Class::Letter | Class::Digit | Class::Mark)
        {
            kind = class(second);
            len += second.len_utf8();
        }
        if matches!(kind, Class::Letter | Class::Digit) {
            let run = rest[len..].chars().take_while(|c| class(*c) == kind);
            len += run.map(char::len_utf8).sum::<usize>();
        }
        let (piece, tail) = rest.split_at(len);
        rest = tail;
        Some(piece)
    })
}

/// The pieces as a regular expression over carried text, for programs that read `tokenizer.json`
/// with the `tokenizers` library. It names the closing marks apart, so that all rules of this file
/// are in it: a vocabulary is of use only with the rules that it was trained with.
pub(super) fn pattern() -> String {
    let digit = format!(r"[\p{{N}}&&[^{UNSPACED}]]");
    let letter = format!(r"[[\p{{Alphabetic}}{JOINED}]&&[^\p{{N}}{UNSPACED}]]");
    let closing: String = CLOSING.chars().map(|c| format!(r"\x{{{:02X}}}", c as u32)).collect();
    let mark = format!(r"[^\s{letter}{digit}{UNSPACED}]");
    format!(r" ?{letter}+| ?{digit}+|[{UNSPACED}]| ?[{closing}]| ?{mark}|\s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        let carried = carry(text, None);
        let shown: Vec<&str> = pieces(&carried).collect();
        assert_eq!(shown.join("|"), expected);
        assert_eq!(shed(&carried, None), text);
    }

    #[test]
    fn words_carry_their_space() {
        check("Mark met Mark.", " Mark| met| Mark|.");
        check("(Mark) \"Mark\"", " (| Mark|)| \"| Mark|\"".trim_start());
        check("a, b,c", " a|,| b|,|c");
        check("in 2024", " in| 2024");
        check("B2B", " B|2|B");
        check("don't O'Hara", " don|'| t| O|'| Hara");
        check("\n\tdef f(x): pass", "\n|\t| def| f|(| x|)|:| pass");
        check("Ọ̀yọ́ वि॰ é", " Ọ̀yọ́| वि॰| é");
    }

    #[test]
    fn unspaced_scripts_go_character_by_character() {
        check("在Apple工作，Apple", "在| Apple|工|作|，| Apple");
        check("在 Apple", "在| | Apple");
        check("서울에서 일", "서|울|에|서| |일");
        check("２０２４年", " ２０２４|年");
    }

    #[test]
    fn spaces_are_never_lost() {
        check("  a", " | | a");
        check("( a", "(| | a");
        check("a  b", " a| | b");
        check("a \n b ", " a| |\n| | b| ");
        check("", "");
        check(" ", " ");
    }

    #[test]
    fn what_stands_before_decides_about_the_first_word() {
        assert_eq!(carry("Mark", Some('"')), " Mark");
        assert_eq!(carry("Mark", Some(',')), "Mark");
        assert_eq!(carry(" Mark", Some(',')), " Mark");
        assert_eq!(carry(" Mark", Some('"')), "  Mark");
    }

    proptest! {
        #[test]
        fn shed_undoes_carry(
            text in "(?s)\\PC{0,20}|[ ab(\",.\n在1]{0,20}|.{0,12}",
            before in proptest::option::of(proptest::char::any()),
        ) {
            let carried = carry(&text, before);
            prop_assert_eq!(shed(&carried, before), text);
            prop_assert_eq!(pieces(&carried).collect::<String>(), carried);
        }
    }
}
