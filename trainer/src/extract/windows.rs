//! Long texts, a part at a time, and the objects of parts as those of the whole.
//!
//! A text is divided behind its sentences into windows as long as fit; each begins with the last sentences
//! of the one before it, so that what belongs together across a seam is seen together once. Only a sentence
//! that does not fit by itself is divided: at white space, or between two characters where it has none.
//!
//! Objects of windows become objects of the text by moving their places. Where two windows overlap both
//! may find the same: an object of the same class at the same places counts once, and two events of one
//! class with one trigger are one event that has the arguments of both. Nothing else is thrown away: what
//! only one of two windows has found stays. What stands nowhere in the text counts once for each class and
//! name.

use data_pipeline::Instance;
use data_pipeline::parts::merged;
use data_pipeline::sentence::{Event, Mention, Span};
use std::ops::Range;

/// Ends a sentence, if white space follows it.
const STOPS: &str = ".!?…։۔؟।॥።";
/// Ends a sentence, whatever follows: scripts that write no space there.
const FULL_STOPS: &str = "。！？｡";
/// May stand between the end of a sentence and what follows.
const CLOSING: &str = "\"'”’»」』）)]】";

/// The bytes of the sentences of `text`, without gaps: white space belongs to the sentence before it.
pub(super) fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(end) = end_of_sentence(text, at) {
        let rest = &text[end..];
        let next = end + (rest.len() - rest.trim_start().len());
        // Without a word it is no sentence: it goes with the next one.
        if text[start..end].chars().any(char::is_alphanumeric) {
            found.push(start..next);
            start = next;
        }
        at = next;
    }
    if start < text.len() {
        found.push(start..text.len());
    }
    found
}

/// Where the first sentence of `text` behind `from` ends, white space behind it not included.
fn end_of_sentence(text: &str, from: usize) -> Option<usize> {
    let mut characters = text[from..].char_indices().map(|(at, c)| (from + at, c)).peekable();
    while let Some((at, c)) = characters.next() {
        if c == '\n' {
            return Some(at + 1);
        }
        let (stop, full) = (STOPS.contains(c), FULL_STOPS.contains(c));
        if !stop && !full {
            continue;
        }
        let mut end = at + c.len_utf8();
        while let Some((at, c)) = characters
            .next_if(|(_, c)| CLOSING.contains(*c) || STOPS.contains(*c) || FULL_STOPS.contains(*c))
        {
            end = at + c.len_utf8();
        }
        let follows = text[end..].chars().next();
        if full || follows.is_none_or(char::is_whitespace) {
            return Some(end);
        }
    }
    None
}

/// The bytes of windows of `text` that `fits` accepts, each beginning with the last `overlap` sentences of
/// the one before it as far as those leave room; together they have every word.
///
/// `fits` must accept a part of what it accepts; what it refuses as a single character is left as it is.
pub(super) fn windows(
    text: &str,
    overlap: usize,
    fits: &mut dyn FnMut(&str) -> bool,
) -> Vec<Range<usize>> {
    let mut units = Vec::new();
    for sentence in sentences(text) {
        divided(text, sentence, fits, &mut units);
    }
    let mut found: Vec<Range<usize>> = Vec::new();
    let (mut first, mut done) = (0, 0);
    while done < units.len() {
        let mut fit = |last: usize| fits(trimmed(text, units[first].start..units[last].end).1);
        let last = longest(first, units.len(), &mut fit);
        if last + 1 > done {
            // What this window has in common with the last one left room for something new.
            found.push(trimmed(text, units[first].start..units[last].end).0);
            done = last + 1;
            first = done.saturating_sub(overlap).max(first + 1).min(done);
        } else {
            first += 1;
        }
    }
    found.retain(|window| !window.is_empty());
    found
}

/// The last unit of those from `first` on that fit together, by steps that double and then halve.
fn longest(first: usize, count: usize, fits: &mut dyn FnMut(usize) -> bool) -> usize {
    let (mut good, mut step) = (first, 1);
    let mut bad = count;
    while good + 1 < bad {
        let last = (good + step).min(bad - 1);
        if fits(last) {
            good = last;
            step *= 2;
        } else {
            bad = last;
            break;
        }
    }
    while good + 1 < bad {
        let middle = good + (bad - good) / 2;
        if fits(middle) { good = middle } else { bad = middle }
    }
    good
}

/// Adds a part of the text to `units`, in pieces that fit.
fn divided(
    text: &str,
    part: Range<usize>,
    fits: &mut dyn FnMut(&str) -> bool,
    units: &mut Vec<Range<usize>>,
) {
    let (range, inside) = trimmed(text, part.clone());
    let mut characters = inside.chars();
    let is_short = characters.next().is_none() || characters.next().is_none();
    if is_short || fits(inside) {
        units.push(part);
        return;
    }
    let middle = middle(text, &range);
    divided(text, part.start..middle, fits, units);
    divided(text, middle..part.end, fits, units);
}

/// Where a part of at least two characters without white space around it is divided: behind the white space
/// next to its middle, or at the middle itself.
fn middle(text: &str, part: &Range<usize>) -> usize {
    let half = part.start + part.len() / 2;
    let half = (half..part.end).find(|at| text.is_char_boundary(*at)).unwrap_or(part.end);
    let before = text[part.start..half].rfind(char::is_whitespace).map(|at| part.start + at);
    let after = text[half..part.end].find(char::is_whitespace).map(|at| half + at);
    let near = |at: &usize| at.abs_diff(half);
    let space = before.into_iter().chain(after).min_by_key(near);
    let behind = space.and_then(|at| text[at..].chars().next().map(|c| at + c.len_utf8()));
    let first = text[part.clone()].chars().next().map_or(1, char::len_utf8);
    let inner = |at: &usize| *at > part.start && *at < part.end;
    behind.filter(inner).unwrap_or(if inner(&half) { half } else { part.start + first })
}

/// A part of the text without white space around it: its bytes, and itself.
fn trimmed(text: &str, part: Range<usize>) -> (Range<usize>, &str) {
    let whole = &text[part.clone()];
    let start = part.start + (whole.len() - whole.trim_start().len());
    let inside = whole.trim();
    (start..start + inside.len(), inside)
}

/// Objects of windows, each with the character of the text that it begins at, as objects of the text.
pub(super) fn joined(found: Vec<(usize, Vec<Instance>)>) -> Vec<Instance> {
    let moved = found.into_iter().map(|(by, mut objects)| {
        objects.iter_mut().for_each(|object| shift(object, by));
        objects
    });
    one_event_each(merged(moved))
}

/// Moves an object's places to the right.
fn shift(object: &mut Instance, by: usize) {
    match object {
        Instance::Entity(entity) => shift_mention(&mut entity.mention, by),
        Instance::Relation(relation) => {
            shift_mention(&mut relation.head.mention, by);
            shift_mention(&mut relation.tail.mention, by);
        }
        Instance::Event(event) => {
            shift_mention(&mut event.trigger, by);
            event.arguments.iter_mut().for_each(|(_, filler)| shift_mention(filler, by));
        }
    }
}

fn shift_mention(mention: &mut Mention, by: usize) {
    for Span { start, end } in mention.span.iter_mut().chain(&mut mention.pieces) {
        *start += by;
        *end += by;
    }
}

/// Events of one class with one trigger become one with the arguments of all.
fn one_event_each(objects: Vec<Instance>) -> Vec<Instance> {
    let mut kept: Vec<Instance> = Vec::new();
    for object in objects {
        if let Instance::Event(event) = &object
            && event.trigger.span.is_some()
            && let Some(known) = same_event(&mut kept, event)
        {
            for argument in &event.arguments {
                if !known.arguments.contains(argument) {
                    known.arguments.push(argument.clone());
                }
            }
            continue;
        }
        kept.push(object);
    }
    kept
}

/// The event of the same class and trigger; those of one place follow each other.
fn same_event<'k>(kept: &'k mut [Instance], event: &Event) -> Option<&'k mut Event> {
    let place = event.trigger.span;
    kept.iter_mut()
        .rev()
        .map_while(|object| match object {
            Instance::Event(known) if known.trigger.span == place => Some(known),
            _ => None,
        })
        .find(|known| known.class == event.class && known.trigger == event.trigger)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_pipeline::sentence::{Entity, Relation};

    /// The sentences of a text, white space shown.
    fn check_sentences(text: &str, expected: &[&str]) {
        let found = sentences(text);
        assert_eq!(found.iter().map(|part| &text[part.clone()]).collect::<Vec<_>>(), expected);
        let joined: String = found.into_iter().map(|part| &text[part]).collect();
        assert_eq!(joined, text, "nothing is lost");
    }

    #[test]
    fn sentences_end_where_their_script_ends_them() {
        check_sentences("Ann left. Bob stayed!  Why?", &["Ann left. ", "Bob stayed!  ", "Why?"]);
        check_sentences(
            "It cost 3.5 euro. \"No.\" he said",
            &["It cost 3.5 euro. ", "\"No.\" ", "he said"],
        );
        check_sentences(
            "莱娜来了。北京很大！\n“好。”他说",
            &["莱娜来了。", "北京很大！\n", "“好。”", "他说"],
        );
        check_sentences("أين؟ هنا.", &["أين؟ ", "هنا."]);
        check_sentences("वह आई। वह गई।", &["वह आई। ", "वह गई।"]);
        check_sentences("a title\nits text", &["a title\n", "its text"]);
        check_sentences("... and then?! Well", &["... and then?! ", "Well"]);
        check_sentences("\n\n  \n", &["\n\n  \n"]);
        check_sentences("", &[]);
    }

    /// The windows of a text, each with at most so many characters.
    fn check_windows(text: &str, most: usize, overlap: usize, expected: &[&str]) {
        let mut fits = |part: &str| part.chars().count() <= most;
        let found = windows(text, overlap, &mut fits);
        assert_eq!(found.iter().map(|part| &text[part.clone()]).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn windows_are_as_long_as_fit_and_overlap() {
        let text = "One a. Two b. Three c. Four d.";
        check_windows(text, 100, 1, &[text]);
        check_windows(text, 14, 0, &["One a. Two b.", "Three c.", "Four d."]);
        // The third sentence and the fourth have no room together.
        check_windows(text, 15, 1, &["One a. Two b.", "Two b. Three c.", "Four d."]);
        check_windows(text, 23, 2, &["One a. Two b. Three c.", "Two b. Three c. Four d."]);
    }

    #[test]
    fn a_sentence_that_does_not_fit_is_divided() {
        check_windows("aa bb cc dd", 5, 0, &["aa bb", "cc dd"]);
        check_windows("甲乙丙丁戊己", 4, 0, &["甲乙丙", "丁戊己"]);
        check_windows("abcdef", 0, 1, &["a", "b", "c", "d", "e", "f"]);
        check_windows("", 5, 1, &[]);
    }

    /// Whatever the text: every character that is no white space is in a window, windows go forward, and
    /// each fits unless it is a single character.
    #[test]
    fn windows_lose_nothing() {
        let mut state = 11u64;
        let mut draw = |limit: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % limit
        };
        for _ in 0..400 {
            let alphabet = ["a", "b", " ", "  ", ". ", "。", "人", "\n", "! ", "é"];
            let text: String = (0..draw(80)).map(|_| alphabet[draw(alphabet.len())]).collect();
            let (most, overlap) = (draw(20), draw(4));
            let mut fits = |part: &str| part.chars().count() <= most;
            let found = windows(&text, overlap, &mut fits);
            let mut seen = vec![false; text.len()];
            for window in &found {
                let part = &text[window.clone()];
                assert_eq!(part, part.trim());
                assert!(part.chars().count() <= most.max(1), "{text:?}: {part:?} of {most}");
                seen[window.clone()].iter_mut().for_each(|byte| *byte = true);
            }
            assert!(
                found.windows(2).all(|two| two[0].start < two[1].start && two[0].end < two[1].end)
            );
            let lost = text.char_indices().find(|(at, c)| !c.is_whitespace() && !seen[*at]);
            assert_eq!(lost, None, "{text:?} by {most}, {found:?}");
        }
    }

    fn entity(class: &str, text: &str, start: usize) -> Entity {
        let end = start + text.chars().count();
        Entity { class: class.into(), mention: Mention::at(text, start, end) }
    }

    #[test]
    fn objects_of_windows_are_moved_and_count_once() {
        let ann = |at| Instance::Entity(entity("Person", "Ann", at));
        let nowhere =
            Instance::Entity(Entity { class: "City".into(), mention: Mention::surface("X") });
        let lives = |at| {
            let (head, tail) = (entity("Person", "Ann", at), entity("City", "Bonn", at + 13));
            Instance::Relation(Relation { class: "LivesIn".into(), head, tail })
        };
        let first = vec![ann(0), ann(30), nowhere.clone()];
        let second = vec![ann(10), lives(10), nowhere.clone()];
        let found = joined(vec![(0, first), (20, second)]);
        assert_eq!(found, [ann(0), ann(30), lives(30), nowhere]);
        let split =
            Mention::in_pieces("a b", vec![Span { start: 1, end: 2 }, Span { start: 4, end: 5 }]);
        let pieces = Instance::Entity(Entity { class: "City".into(), mention: split });
        let moved = joined(vec![(10, vec![pieces])]);
        let expected: Vec<(usize, usize)> =
            moved[0].mentions()[0].pieces.iter().map(|piece| (piece.start, piece.end)).collect();
        assert_eq!(expected, [(11, 12), (14, 15)]);
        assert_eq!(moved[0].mentions()[0].span, Some(Span { start: 11, end: 15 }));
    }

    #[test]
    fn an_event_that_two_windows_found_has_the_arguments_of_both() {
        let event = |start: usize, arguments: &[(&str, usize)]| {
            let arguments = arguments
                .iter()
                .map(|(name, at)| ("agent".to_owned(), entity("", name, *at).mention))
                .collect();
            let trigger = Mention::at("met", start, start + 3);
            Instance::Event(Event { class: "Meeting".into(), trigger, arguments })
        };
        let first = vec![event(20, &[("Ann", 10)])];
        let second = vec![event(10, &[("Ann", 0), ("Bob", 14)]), event(30, &[])];
        let found = joined(vec![(0, first), (10, second)]);
        assert_eq!(found, [event(20, &[("Ann", 10), ("Bob", 24)]), event(40, &[])]);
    }
}
