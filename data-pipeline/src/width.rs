//! How text stands on a terminal: how many columns it takes, and signs for what cannot be seen.
//!
//! Columns are counted character by character, as most terminals do; so those of a text are the sum
//! of those of its parts, wherever it is cut.

use unicode_width::UnicodeWidthChar;

/// What our tables fit into.
pub const TERMINAL: usize = 80;

/// The columns that `text` takes: two for a wide character, none for a mark that sits on another.
pub fn columns(text: &str) -> usize {
    text.chars().map(of).sum()
}

/// The columns of one character; none for control characters, which [`printable`] makes visible.
fn of(letter: char) -> usize {
    letter.width().unwrap_or(0)
}

/// `text`, or its beginning and `…`, in at most `most` columns.
pub fn clipped(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut taken = 1;
    let fits = |letter: &char| {
        taken += of(*letter);
        taken <= most
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push('…');
    short
}

/// `text`, or its beginning, `…` and its end, in at most `most` columns: names that begin alike differ
/// at their ends.
pub fn shortened(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub(1);
    let (mut taken, mut from) = (0, text.len());
    for (at, letter) in text.char_indices().rev() {
        if taken + of(letter) > room / 2 {
            break;
        }
        taken += of(letter);
        // A mark is nothing without the letter that it sits on.
        if of(letter) > 0 {
            from = at;
        }
    }
    let mut left = room - taken;
    let fits = |letter: &char| {
        let width = of(*letter);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let begin: String = text.chars().take_while(fits).collect();
    format!("{begin}…{}", &text[from..])
}

/// `text` with spaces behind it up to `width` columns.
pub fn padded(text: &str, width: usize) -> String {
    let blanks = width.saturating_sub(columns(text));
    format!("{text}{:blanks$}", "")
}

/// `text` in parts of at most `most` columns, nothing lost; one part if it is empty.
pub fn parts(text: &str, most: usize) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut taken = 0;
    for letter in text.chars() {
        let width = of(letter);
        if taken > 0 && taken + width > most {
            parts.push(String::new());
            taken = 0;
        }
        taken += width;
        if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    parts
}

/// `items` with `between` between them, in lines of at most `most` columns.
pub fn folded(items: &[String], between: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if columns(line) + columns(between) + columns(item) <= most => {
                line.push_str(between);
                line.push_str(item);
            }
            // What is too long for any line is cut in several, not lost.
            _ => lines.extend(parts(item, most)),
        }
    }
    lines
}

/// `text` with a sign for each character that cannot be seen or that would move others: control
/// characters, marks of direction, odd spaces. Plain spaces stay.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            ' ' => shown.push(' '),
            '\n' => shown.push('↵'),
            '\t' => shown.push('→'),
            // The pictures of control characters: U+2400 and on.
            '\0'..='\x1f' => shown.extend(char::from_u32(0x2400 + u32::from(letter))),
            '\x7f' => shown.push('␡'),
            _ if hidden(letter) => shown += &format!("<U+{:04X}>", u32::from(letter)),
            _ => shown.push(letter),
        }
    }
    shown
}

/// [`printable`], and `␣` for a space.
pub fn visible(text: &str) -> String {
    printable(text).replace(' ', "␣")
}

/// Whether a character shows nothing of itself.
fn hidden(letter: char) -> bool {
    letter.is_control()
        || letter.is_whitespace()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wide_characters_take_two_columns() {
        for (text, expected) in [
            ("Ann", 3),
            ("李华", 4),
            ("日本語テスト", 12),
            ("한국", 4),
            ("ｶﾅ", 2),
            ("，", 2),
            ("e\u{301}", 1),
            ("नमस्ते", 4),
            ("سلام", 4),
            ("…", 1),
            ("🙂", 2),
        ] {
            assert_eq!(columns(text), expected, "{text}");
        }
        assert_eq!(clipped("北京大学", 6), "北京…");
        assert_eq!(clipped("北京大学", 8), "北京大学");
        assert_eq!(
            shortened("quickstart-en:test-names (chained)", 28),
            "quickstart-en:…mes (chained)"
        );
        assert_eq!(shortened("北京大学学报", 8), "北京…报");
        assert_eq!(shortened("北京大学", 8), "北京大学");
        assert_eq!(shortened("abcdefe\u{301}", 5), "ab…fe\u{301}");
        assert_eq!(padded("北京", 6) + "|", "北京  |");
        assert_eq!(parts("北京a大学", 4), ["北京", "a大", "学"]);
        assert_eq!(folded(&["北京".into(), "ab".into(), "c".into()], ", ", 8), ["北京, ab", "c"]);
    }

    #[test]
    fn what_cannot_be_seen_has_a_sign() {
        let hostile = "a b\n\tc\r\x1b[2J\u{7f}\u{85}\u{202e}x\u{200b}\u{3000}\u{feff}é";
        assert_eq!(visible(hostile), "a␣b↵→c␍␛[2J␡<U+0085><U+202E>x<U+200B><U+3000><U+FEFF>é");
        assert_eq!(printable("a b\n"), "a b↵");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_too_wide(text in "\\PC{0,40}", most in 3usize..20) {
            let parts = parts(&text, most);
            prop_assert_eq!(parts.concat(), text.clone());
            prop_assert!(parts.iter().all(|part| columns(part) <= most));
            prop_assert!(columns(&clipped(&text, most)) <= most);
            prop_assert!(columns(&shortened(&text, most)) <= most);
            prop_assert!(columns(&padded(&text, most)) >= most);
        }

        #[test]
        fn no_control_character_reaches_the_terminal(text in any::<String>()) {
            prop_assert!(!visible(&text).chars().any(|letter| letter.is_control() || letter == ' '));
        }
    }
}
