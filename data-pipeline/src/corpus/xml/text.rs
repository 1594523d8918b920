//! A text whose offsets may be those of a file with markup.
//!
//! LDC's corpora give offsets into a file of SGML: ACE counts the characters outside its tags, ERE
//! those of the tags as well, and both count `&amp;` as the five characters that it is written
//! with. A sentence has neither tags nor entities, so each offset is moved to the character that it
//! means.

use serde::Deserialize;

/// Whether offsets count the markup of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Markup {
    /// Only the characters outside tags count.
    #[default]
    Dropped,
    /// All characters of the file count.
    Counted,
}

/// A text, and what is known of the file that it stood in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub characters: String,
    /// The character that each offset of the file means, and one past the last; none where they are
    /// the same.
    pub offsets: Option<Vec<usize>>,
    /// The characters outside which nothing becomes a row; none where all may.
    pub within: Option<Vec<(usize, usize)>>,
    /// Characters before which a tag stood.
    pub breaks: Vec<usize>,
}

/// The longest entity that is looked for, `&#x10FFFF;`.
const LONGEST: usize = 10;

impl Text {
    /// A text without markup.
    pub(crate) fn plain(characters: String) -> Self {
        Self { characters, ..Self::default() }
    }

    /// The text of a file of SGML, with the characters of the elements called `within` marked.
    pub(crate) fn of_markup(file: &str, markup: Markup, within: &[String]) -> Self {
        let mut text = Self::default();
        let (mut offsets, mut ranges) = (Vec::with_capacity(file.len() + 1), Vec::new());
        let (mut at, mut count) = (0, 0);
        let mut began: Option<usize> = None;
        // Once no tag ends any more, none is looked for again.
        let mut tags_end = true;
        while let Some(sign) = file[at..].chars().next() {
            let rest = &file[at..];
            if tags_end && is_tag(rest) {
                if let Some(end) = rest.find('>') {
                    let (tag, behind) = (&rest[1..end], at + end + 1);
                    if markup == Markup::Counted {
                        offsets.extend(file[at..behind].chars().map(|_| count));
                    }
                    text.breaks.push(count);
                    match (named(tag, within), tag.starts_with('/')) {
                        (true, false) => began = began.or(Some(count)),
                        (true, true) => ranges.extend(began.take().map(|start| (start, count))),
                        _ => {}
                    }
                    at = behind;
                    continue;
                }
                tags_end = false;
            }
            let (sign, length) = entity(rest).unwrap_or((sign, sign.len_utf8()));
            offsets.extend(rest[..length].chars().map(|_| count));
            text.characters.push(sign);
            count += 1;
            at += length;
        }
        offsets.push(count);
        ranges.extend(began.map(|start| (start, count)));
        text.offsets = Some(offsets);
        text.within = (!within.is_empty()).then_some(ranges);
        text
    }
}

/// Whether a tag, a comment or a declaration begins here, and not a sign of arithmetic.
fn is_tag(rest: &str) -> bool {
    let next = rest.strip_prefix('<').and_then(|rest| rest.chars().next());
    next.is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?'))
}

/// Whether a tag is of an element with one of these names, in whatever case.
fn named(tag: &str, names: &[String]) -> bool {
    let name = tag.trim_start_matches('/').split([' ', '\t', '\n', '/']).next().unwrap_or("");
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The character that an entity at the start stands for, and how many bytes it is written with.
fn entity(rest: &str) -> Option<(char, usize)> {
    let inside = rest.strip_prefix('&')?;
    let end = inside.bytes().take(LONGEST).position(|byte| byte == b';')?;
    let name = &inside[..end];
    let sign = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((sign, end + 2))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn offsets_mean_characters() {
        let file = "<DOC>\n<T>A&amp;B &lt; C</T>\n2 < 3 &x; &#26446;<T x='1'>é</T>";
        let text = Text::of_markup(file, Markup::Dropped, &["t".to_owned()]);
        assert_eq!(text.characters, "\nA&B < C\n2 < 3 &x; 李é");
        assert_eq!(text.within, Some(vec![(1, 8), (20, 21)]));
        let offsets = text.offsets.unwrap();
        assert_eq!(offsets[..13], [0, 1, 2, 2, 2, 2, 2, 3, 4, 5, 5, 5, 5]);
        assert_eq!(*offsets.last().unwrap(), 21);
        assert_eq!(text.breaks, [0, 1, 8, 20, 21]);
        let counted = Text::of_markup(file, Markup::Counted, &[]);
        assert_eq!((counted.characters, counted.within), (text.characters, None));
        let offsets = counted.offsets.unwrap();
        assert_eq!(offsets[..11], [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2]);
        assert_eq!(offsets.len(), file.chars().count() + 1);
        assert_eq!(Text::of_markup("a <b", Markup::Dropped, &[]).characters, "a <b");
    }

    proptest! {
        #[test]
        fn every_offset_is_a_character(file in "[ab<>/&;#x1é ]{0,24}") {
            for markup in [Markup::Dropped, Markup::Counted] {
                let text = Text::of_markup(&file, markup, &["a".to_owned()]);
                let count = text.characters.chars().count();
                let offsets = text.offsets.unwrap();
                prop_assert!(offsets.is_sorted());
                prop_assert_eq!(*offsets.last().unwrap(), count);
                if markup == Markup::Counted {
                    prop_assert_eq!(offsets.len(), file.chars().count() + 1);
                }
                for (start, end) in text.within.unwrap() {
                    prop_assert!(start <= end && end <= count);
                }
            }
        }
    }
}
