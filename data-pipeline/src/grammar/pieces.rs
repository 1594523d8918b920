//! Mentions in pieces: parts of the sentence in its order, with others left out between them.
//!
//! The reader looks for such a mention word by word and takes the narrowest place
//! ([`locate_pieces`](crate::python::locate_pieces)). What is written here it always finds: a piece
//! begins and ends with a letter or digit of a script that puts spaces between words, and is cut where
//! such a run of them is, so that two pieces never touch; and the words of the sentence are parted by
//! single spaces, so that a piece of several reads as it stands there. A sentence that is not so has
//! mentions in one piece only.

use super::substring::tree;
use crate::tokenizer::unspaced;
use llguidance::derivre::{ExprRef, RegexAst, RegexBuilder};

/// As many words as the reader looks for.
const MOST_WORDS: usize = 16;

/// So many alternatives at most, over all words: a long text has shorter mentions in pieces.
const MOST_ALTERNATIVES: usize = 200_000;

/// Pieces of `text` in its order, each character as `spelt`, over none that has no spelling; nothing
/// where the text is not parted by single spaces.
pub(super) fn in_pieces(
    builder: &mut RegexBuilder,
    text: &str,
    spelt: impl Fn(char) -> Option<String>,
) -> Result<ExprRef, String> {
    let runs = runs(text, |c| spelt(c).is_some());
    if runs.len() < 2 {
        return Ok(ExprRef::NO_MATCH);
    }
    let spelt = |text: &str| -> Vec<u8> {
        text.chars().filter_map(&spelt).collect::<String>().into_bytes()
    };
    let room = 2 * MOST_ALTERNATIVES / (runs.len() * runs.len());
    let most = MOST_WORDS.min(room).max(2);
    let space = spelt(" ");
    // Behind a run, by how many words may still come: what begins with it, and with any from it on.
    let nothing = vec![ExprRef::NO_MATCH; runs.len() + 1];
    let (mut with_word, mut from_word) = (nothing.clone(), nothing.clone());
    for _ in 0..most {
        let (mut with, mut from) = (nothing.clone(), nothing.clone());
        for at in (0..runs.len()).rev() {
            // It may end here, go on as the text does, or leave something out.
            let mut ways = vec![(Vec::new(), ExprRef::EMPTY_STRING)];
            if !space.is_empty() {
                ways.push((space.clone(), from_word[at + 1]));
            }
            if let Some(gap) = runs[at].gap {
                let next = if gap.contains(' ') { with_word[at + 1] } else { with[at + 1] };
                ways.push((spelt(gap), next));
            }
            ways.retain(|(_, next)| *next != ExprRef::NO_MATCH);
            let behind = one_of(builder, ways)?;
            with[at] = tree(builder, vec![(spelt(runs[at].text), behind)])?;
            from[at] = one_of(builder, vec![(Vec::new(), with[at]), (Vec::new(), from[at + 1])])?;
        }
        (with_word, from_word) = (with, from);
    }
    Ok(from_word[0])
}

/// Any of several strings, each with what follows it; two of them may be equal.
fn one_of(builder: &mut RegexBuilder, ways: Vec<(Vec<u8>, ExprRef)>) -> Result<ExprRef, String> {
    let mut refs = Vec::new();
    for (bytes, next) in ways {
        let way = [RegexAst::ByteLiteral(bytes), RegexAst::ExprRef(next)];
        refs.push(RegexAst::Concat(way.into()));
    }
    builder.mk(&RegexAst::Or(refs)).map_err(|error| error.to_string())
}

/// Letters and digits without anything between them.
struct Run<'t> {
    text: &'t str,
    /// What stands before the next run, if a piece may go on over it.
    gap: Option<&'t str>,
}

/// The runs of a text.
fn runs(text: &str, has_spelling: impl Fn(char) -> bool) -> Vec<Run<'_>> {
    let parted = |c: char| c.is_whitespace() && c != ' ';
    if text.contains(parted) || text.contains("  ") {
        return Vec::new();
    }
    let mut places: Vec<(usize, usize)> = Vec::new();
    let mut open = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_alphanumeric(), open) {
            (true, None) => open = Some(at),
            (false, Some(start)) => {
                places.push((start, at));
                open = None;
            }
            _ => {}
        }
    }
    let is_sound = |text: &str| text.chars().all(|c| !is_unspaced(c) && has_spelling(c));
    places.retain(|(start, end)| is_sound(&text[*start..*end]));
    let gap = |number: usize| {
        let ((start, end), (next, last)) = (places[number], *places.get(number + 1)?);
        let gap = &text[end..next];
        // Words that stand somewhere without their space would be looked for there, too.
        let touching = gap.replacen(' ', "", 1);
        let touches = gap.contains(' ')
            && !touching.is_empty()
            && text.contains(&format!("{}{touching}{}", &text[start..end], &text[next..last]));
        // A gap with words in it has lost some that have no spelling, or no spaces.
        let is_whole = !gap.chars().any(char::is_alphanumeric);
        (is_whole && is_sound(gap) && !touches && gap.matches(' ').count() < 2).then_some(gap)
    };
    let run = |number: usize| {
        let (start, end) = places[number];
        Run { text: &text[start..end], gap: gap(number) }
    };
    (0..places.len()).map(run).collect()
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
        for mention in ["arm left or", "lef arm", "left  arm", "left foot", "arm, leg", ",", ""] {
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
