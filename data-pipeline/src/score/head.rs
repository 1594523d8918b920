//! The head of a mention, by a rule that needs no parser.
//!
//! The last word of a mention, without what is neither letter nor digit around it. It is right for most
//! names and noun phrases of languages that put the head last, and it is no more than this rule: a
//! parser such as spaCy's, which KnowCoder takes, finds `minister` in `minister of finance`.

use super::surface::is_space;
use crate::sentence::{Mention, Span};

/// The head's text; of what has no letter, all of it.
pub(super) fn text(mention: &str) -> &str {
    let last = mention.split(is_space).rfind(|word| !word.is_empty()).unwrap_or(mention);
    match last.trim_matches(|letter: char| !letter.is_alphanumeric()) {
        "" => mention,
        word => word,
    }
}

/// Where the head stands; none where the mention's place is not known.
pub(super) fn place(mention: &Mention) -> Option<Span> {
    let last = *mention.places().last()?;
    let head = text(&mention.text);
    // Both are parts of one string.
    let before = head.as_ptr() as usize - mention.text.as_ptr() as usize;
    let behind = mention.text[before + head.len()..].chars().count();
    let length = head.chars().count();
    let start = last.end.checked_sub(behind + length).filter(|start| *start >= last.start);
    // Else the text is not what stands there, and nobody knows where its last word is.
    Some(start.map_or(last, |start| Span { start, end: start + length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_is_the_head() {
        for (mention, expected) in [
            ("the Bank of England", "England"),
            ("left-arm", "left-arm"),
            ("U.N.", "U.N"),
            ("“Ann Lee”, ", "Lee"),
            ("北京大学", "北京大学"),
            ("《红楼梦》", "红楼梦"),
            ("...", "..."),
            ("", ""),
        ] {
            assert_eq!(text(mention), expected, "{mention}");
        }
    }

    #[test]
    fn its_place_is_the_end_of_the_mention_or_of_its_last_piece() {
        let span = |start, end| Some(Span { start, end });
        assert_eq!(place(&Mention::at("Ann Lee.", 3, 11)), span(7, 10));
        let pieces = vec![Span { start: 0, end: 4 }, Span { start: 13, end: 17 }];
        assert_eq!(place(&Mention::in_pieces("left pain", pieces)), span(13, 17));
        assert_eq!(place(&Mention::at("Ann Lee", 3, 5)), span(3, 5));
        assert_eq!(place(&Mention::surface("Ann")), None);
    }
}
