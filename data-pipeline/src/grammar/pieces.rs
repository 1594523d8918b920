//! Mentions in pieces: words of the sentence in its order, with others left out between them.
//!
//! The reader looks for such a mention word by word and takes the narrowest place
//! ([`locate_pieces`](crate::python::locate_pieces)). What is written here it always finds: every
//! word begins and ends with a letter or digit of a script that puts spaces between words, and is cut
//! where such words are, so that two words that follow each other never touch; and the words of the
//! sentence are parted by single spaces, so that a run of them reads as it stands there. A sentence
//! that is not so has mentions in one piece only.

use super::substring::tree;
use crate::tokenizer::unspaced;
use llguidance::derivre::{ExprRef, RegexAst, RegexBuilder};

/// As many words as the reader looks for.
const MOST_WORDS: usize = 16;

/// So many alternatives at most, over all words: a long text has shorter mentions in pieces.
const MOST_ALTERNATIVES: usize = 200_000;

/// Words of `text` in their order, at least two, each character as `spelt`, without those that hold a
/// character that has no spelling; nothing where the text is not parted by single spaces.
pub(super) fn in_pieces(
    builder: &mut RegexBuilder,
    text: &str,
    spelt: impl Fn(char) -> Option<String>,
) -> Result<ExprRef, String> {
    let words = words(text, |c| spelt(c).is_some());
    let spelt = |text: &str| -> String { text.chars().filter_map(&spelt).collect() };
    if words.len() < 2 {
        return Ok(ExprRef::NO_MATCH);
    }
    let room = 2 * MOST_ALTERNATIVES / (words.len() * words.len());
    let most = MOST_WORDS.min(room).max(2);
    let mk = |builder: &mut RegexBuilder, ast: RegexAst| {
        builder.mk(&ast).map_err(|error| error.to_string())
    };
    let space = spelt(" ");
    // What may follow word `at`, by how many words may still come.
    let mut behind: Vec<ExprRef> = vec![ExprRef::NO_MATCH; words.len() + 1];
    for left in 0..most {
        let mut tails = vec![ExprRef::NO_MATCH; words.len() + 1];
        // From the last word on: any of those from here on, and what follows it.
        for at in (0..words.len()).rev() {
            let word = spelt(words[at].text).into_bytes();
            let goes_on =
                tree(builder, vec![(space.clone().into_bytes(), behind[words[at].next])])?;
            let goes_on = match (left, behind[words[at].next]) {
                (0, _) | (_, ExprRef::NO_MATCH) => ExprRef::EMPTY_STRING,
                // The first of them is never the last.
                _ if left + 1 == most => goes_on,
                _ => mk(builder, RegexAst::Or(refs(&[ExprRef::EMPTY_STRING, goes_on])))?,
            };
            let is_nothing = left + 1 == most && goes_on == ExprRef::EMPTY_STRING;
            let this =
                if is_nothing { ExprRef::NO_MATCH } else { tree(builder, vec![(word, goes_on)])? };
            tails[at] = mk(builder, RegexAst::Or(refs(&[this, tails[at + 1]])))?;
        }
        behind = tails;
    }
    Ok(behind[0])
}

fn refs(expressions: &[ExprRef]) -> Vec<RegexAst> {
    expressions.iter().map(|it| RegexAst::ExprRef(*it)).collect()
}

/// A word, and the number of the first that begins behind it.
struct Word<'t> {
    text: &'t str,
    next: usize,
}

/// The words of a text by their beginnings; words that begin at the same place are all there.
fn words(text: &str, has_spelling: impl Fn(char) -> bool) -> Vec<Word<'_>> {
    let parted = |c: char| c.is_whitespace() && c != ' ';
    if text.contains(parted) || text.contains("  ") {
        return Vec::new();
    }
    // The runs of letters and digits, and whether nothing but other marks stands between them.
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut open = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let inside = c.is_alphanumeric();
        match (inside, open) {
            (true, None) => open = Some(at),
            (false, Some(start)) => {
                runs.push((start, at));
                open = None;
            }
            _ => {}
        }
    }
    let is_plain = |(start, end): &(usize, usize)| !text[*start..*end].chars().any(is_unspaced);
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (number, (start, end)) in runs.iter().enumerate().filter(|(_, run)| is_plain(run)) {
        found.push((*start, *end));
        for (_, later) in runs[number + 1..].iter().filter(|run| is_plain(run)) {
            if text[*start..*later].contains(|c: char| c == ' ' || is_unspaced(c)) {
                break;
            }
            found.push((*start, *later));
        }
    }
    found.retain(|(start, end)| text[*start..*end].chars().all(&has_spelling));
    let next = |end: usize| found.partition_point(|(start, _)| *start < end);
    found.iter().map(|(start, end)| Word { text: &text[*start..*end], next: next(*end) }).collect()
}

/// Scripts in which the reader does not ask where words end, by either of our definitions.
fn is_unspaced(c: char) -> bool {
    unspaced(c)
        || matches!(u32::from(c), 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::python::ground::{locate, locate_pieces};
    use crate::sentence::{Entity, Instance, Mention};
    use proptest::prelude::*;

    fn accepts(text: &str, mention: &str) -> bool {
        let mut builder = RegexBuilder::new();
        let expression = in_pieces(&mut builder, text, |c| Some(c.to_string())).unwrap();
        builder.into_regex(expression).is_match(mention)
    }

    #[test]
    fn words_in_their_order_are_a_mention() {
        let text = "pain in the left or right arm, and in the left/lower leg";
        for mention in
            ["left arm", "pain left arm", "in the left arm", "left leg", "left/lower leg"]
        {
            assert!(accepts(text, mention), "{mention}");
        }
        for mention in ["left", "arm left or", "lef arm", "left  arm", "left foot", "arm, leg", ""]
        {
            assert!(!accepts(text, mention), "{mention}");
        }
        assert!(!accepts("left  or right arm", "left arm"), "two spaces");
        let long: Vec<String> = (0..40).map(|i| format!("w{i}")).collect();
        assert!(accepts(&long.join(" "), &long[..15].join(" ")));
        assert!(!accepts(&long.join(" "), &long[..17].join(" ")));
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_found(
            text in "[ab]([ab ,/人]{0,14})", parts in "[ab]( ?[ab,]){0,5}",
        ) {
            if accepts(&text, &parts) {
                let entity = Entity { class: "A".into(), mention: Mention::surface(parts.clone()) };
                let mut found = vec![Instance::Entity(entity)];
                locate(&mut found, &text);
                locate_pieces(&mut found, &text);
                prop_assert!(found[0].mentions()[0].span.is_some(), "{:?} in {:?}", parts, text);
            }
        }
    }
}
