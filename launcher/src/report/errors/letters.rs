//! Text of corpora and models as it can be shown: what moves other text or cannot be seen has a sign.
//!
//! A model may answer with any character. Marks that reorder what follows are replaced, not shown; marks
//! that only say which way their neighbours run stay, with a sign beside them, since text in Arabic or
//! Hebrew script needs them. Joiners stay as they are: without them words of many scripts fall apart.

use crate::page::html::escape;
use data_pipeline::width::columns;

/// Marks on one letter that are shown; of more their number.
const STACKED: usize = 6;

/// `text` as HTML, at most so many characters of it.
pub(in crate::report) fn shown(text: &str, most: usize) -> String {
    let letters: Vec<char> = text.chars().take(most + 1).collect();
    let cut = letters.len() > most;
    let letters = &letters[..letters.len().min(most)];
    format!("{}{}", piece(letters, true), if cut { "…" } else { "" })
}

/// Characters of a text as HTML; `first` if nothing stands before them that a mark could sit on.
pub(super) fn piece(letters: &[char], first: bool) -> String {
    let mut html = String::with_capacity(letters.len() * 2);
    let mut stacked = 0;
    let mut hidden = 0;
    let mut at_start = first;
    for letter in letters.iter().copied() {
        if sits_on_another(letter) {
            stacked += 1;
            if stacked > STACKED {
                hidden += 1;
                continue;
            }
            if at_start {
                // A circle to sit on.
                html.push('\u{25cc}');
            }
            html.push(letter);
            at_start = false;
            continue;
        }
        push_hidden(&mut html, &mut hidden);
        stacked = 0;
        at_start = false;
        match sign(letter) {
            Some(Sign::Instead) => push_sign(&mut html, letter),
            Some(Sign::Beside) => {
                push_sign(&mut html, letter);
                html.push(letter);
            }
            None => html += &escape(letter.encode_utf8(&mut [0; 4])),
        }
    }
    push_hidden(&mut html, &mut hidden);
    html
}

/// Whether a character is drawn on the one before it, so that nothing may come between them.
pub(super) fn sits_on_another(letter: char) -> bool {
    !letter.is_control() && sign(letter).is_none() && columns(letter.encode_utf8(&mut [0; 4])) == 0
}

enum Sign {
    /// The sign stands for the character.
    Instead,
    /// The sign stands before it.
    Beside,
}

fn sign(letter: char) -> Option<Sign> {
    match letter {
        '\u{200e}' | '\u{200f}' | '\u{61c}' => Some(Sign::Beside),
        '\u{ad}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e00ff}' => Some(Sign::Instead),
        _ => None,
    }
}

fn push_sign(html: &mut String, letter: char) {
    *html += &format!("<i class=\"sign\">U+{:04X}</i>", u32::from(letter));
}

fn push_hidden(html: &mut String, hidden: &mut usize) {
    if *hidden > 0 {
        *html += &format!("<i class=\"sign\">+{hidden} marks</i>");
        *hidden = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&shown(text, 40));
    }

    #[test]
    fn hostile_text_is_shown_and_does_nothing() {
        check(
            "<script>alert(1)</script>]]>\"'&",
            expect!["&lt;script&gt;alert(1)&lt;/script&gt;]]&gt;&quot;&#39;&amp;"],
        );
        check(
            "a\u{202e}b\u{2066}c\u{2069}d",
            expect![[
                r#"a<i class="sign">U+202E</i>b<i class="sign">U+2066</i>c<i class="sign">U+2069</i>d"#
            ]],
        );
        check("\0\u{7}\u{85}", expect!["␀␇\u{fffd}"]);
        check("\u{301}a", expect!["\u{25cc}\u{301}a"]);
        check("", expect![""]);
        let stacked = format!("a{}b", "\u{301}".repeat(30));
        let expected = format!("a{}<i class=\"sign\">+24 marks</i>b", "\u{301}".repeat(6));
        assert_eq!(shown(&stacked, 40), expected);
        assert_eq!(shown(&"x".repeat(41), 40), format!("{}…", "x".repeat(40)));
    }

    #[test]
    fn what_scripts_need_stays() {
        // A joiner in Persian, one in an emoji, vowel signs, and a mark of direction with its sign.
        for text in ["می\u{200c}خواهم", "👩\u{200d}🔬", "नमस्ते", "e\u{301}", "葛\u{e0100}"]
        {
            assert_eq!(shown(text, 40), text);
        }
        let expected = "א<i class=\"sign\">U+200F</i>\u{200f}.";
        assert_eq!(shown("א\u{200f}.", 40), expected);
    }
}
