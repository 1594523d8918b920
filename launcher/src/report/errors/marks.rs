//! A sentence with marks around mentions, however they lie: nested, crossing, in pieces, from right to left.

use super::letters::{piece, sits_on_another};
use data_pipeline::Span;
use std::cmp::Reverse;

/// Characters of a sentence that are shown.
pub(super) const LONGEST: usize = 700;
/// Marks in one line; more could not be told apart.
const MOST: usize = 48;

/// What is marked.
pub(in crate::report) struct Mark {
    /// Where: one span, or the pieces.
    pub place: Vec<Span>,
    /// The class of its style.
    pub class: &'static str,
    /// What stands at its end; HTML.
    pub label: String,
}

/// One stretch of a mark.
#[derive(Clone, Copy)]
struct Stretch {
    start: usize,
    end: usize,
    mark: usize,
    is_last: bool,
}

/// The sentence with its marks as HTML, and how many of them lie behind what is shown of it.
pub(super) fn line(sentence: &str, marks: &[Mark]) -> (String, usize) {
    let mut letters: Vec<char> = sentence.chars().take(LONGEST + 1).collect();
    let is_cut = letters.len() > LONGEST;
    letters.truncate(LONGEST);
    let is_shown = |mark: &&(usize, &Mark)| {
        mark.1.place.iter().all(|it| it.start < it.end && it.end <= letters.len())
    };
    let shown: Vec<(usize, &Mark)> = marks.iter().enumerate().collect();
    let shown: Vec<(usize, &Mark)> = shown.iter().filter(is_shown).take(MOST).copied().collect();
    let mut stretches: Vec<Stretch> =
        shown.iter().flat_map(|(at, mark)| stretches(&letters, *at, mark)).collect();
    stretches.sort_by_key(|it| (it.start, Reverse(it.end), it.mark));
    let mut text = woven(&letters, &stretches, marks);
    if is_cut {
        text.push('…');
    }
    (text, marks.len() - shown.len())
}

fn stretches(letters: &[char], at: usize, mark: &Mark) -> Vec<Stretch> {
    let last = mark.place.len().saturating_sub(1);
    let stretch = |(i, span): (usize, &Span)| {
        let (start, end) = whole(letters, *span);
        Stretch { start, end, mark: at, is_last: i == last }
    };
    mark.place.iter().enumerate().map(stretch).collect()
}

/// The span with all marks of its first and last letter: a mark alone cannot be coloured.
fn whole(letters: &[char], Span { mut start, mut end }: Span) -> (usize, usize) {
    while start > 0 && sits_on_another(letters[start]) {
        start -= 1;
    }
    while end < letters.len() && sits_on_another(letters[end]) {
        end += 1;
    }
    (start, end)
}

/// Opens and closes marks from left to right; one that ends inside of another interrupts it.
fn woven(letters: &[char], stretches: &[Stretch], marks: &[Mark]) -> String {
    let mut stops: Vec<usize> = stretches.iter().flat_map(|it| [it.start, it.end]).collect();
    stops.sort_unstable();
    stops.dedup();
    let mut text = String::new();
    let mut open: Vec<Stretch> = Vec::new();
    let mut next = 0;
    let mut at = 0;
    for stop in stops {
        text += &piece(&letters[at..stop], at == 0);
        at = stop;
        if let Some(depth) = open.iter().position(|it| it.end == stop) {
            let interrupted = open.split_off(depth);
            for stretch in interrupted.iter().rev() {
                text += &close(stretch, stop, marks);
            }
            for stretch in interrupted.into_iter().filter(|it| it.end > stop) {
                text += &tag(&stretch, marks, " more");
                open.push(stretch);
            }
        }
        while let Some(stretch) = stretches.get(next).filter(|it| it.start == stop) {
            text += &tag(stretch, marks, "");
            open.push(*stretch);
            next += 1;
        }
    }
    text + &piece(&letters[at..], at == 0)
}

fn tag(stretch: &Stretch, marks: &[Mark], more: &str) -> String {
    format!("<mark class=\"{}{more}\">", marks[stretch.mark].class)
}

/// The end of a stretch, with the label if the mark ends there.
fn close(stretch: &Stretch, stop: usize, marks: &[Mark]) -> String {
    let label = &marks[stretch.mark].label;
    if stretch.end > stop || label.is_empty() {
        return "</mark>".to_owned();
    }
    if !stretch.is_last {
        return "<small>…</small></mark>".to_owned();
    }
    format!("<small><bdi>{label}</bdi></small></mark>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn mark(label: &str, place: &[(usize, usize)]) -> Mark {
        let place = place.iter().map(|(start, end)| Span { start: *start, end: *end }).collect();
        Mark { place, class: "c", label: label.to_owned() }
    }

    fn check(sentence: &str, marks: &[Mark], expected: Expect) {
        let (text, left) = line(sentence, marks);
        assert_eq!(text.matches("<mark").count(), text.matches("</mark>").count(), "{text}");
        expected.assert_eq(&format!("{text} ({left})").replace(" class=\"c\"", ""));
    }

    #[test]
    fn marks_nest_cross_and_come_in_pieces() {
        let nested = [mark("A", &[(0, 7)]), mark("B", &[(0, 3)])];
        check(
            "Ann met Bob",
            &nested,
            expect![
                "<mark><mark>Ann<small><bdi>B</bdi></small></mark> met<small><bdi>A</bdi></small></mark> Bob (0)"
            ],
        );
        let crossing = [mark("A", &[(0, 4)]), mark("B", &[(2, 6)])];
        check(
            "abcdef",
            &crossing,
            expect![[
                r#"<mark>ab<mark>cd</mark><small><bdi>A</bdi></small></mark><mark class="c more">ef<small><bdi>B</bdi></small></mark> (0)"#
            ]],
        );
        check(
            "left or right arm",
            &[mark("A", &[(0, 4), (14, 17)])],
            expect![
                "<mark>left<small>…</small></mark> or right <mark>arm<small><bdi>A</bdi></small></mark> (0)"
            ],
        );
    }

    #[test]
    fn a_letter_keeps_its_marks_and_hostile_text_stays_text() {
        check(
            "cafe\u{301} <b>",
            &[mark("A", &[(0, 4)]), mark("B", &[(4, 5)])],
            expect![
                "<mark>caf<mark>e\u{301}<small><bdi>B</bdi></small></mark><small><bdi>A</bdi></small></mark> &lt;b&gt; (0)"
            ],
        );
        check("\u{301}\u{301}", &[mark("A", &[(1, 2)])], {
            expect!["<mark>\u{25cc}\u{301}\u{301}<small><bdi>A</bdi></small></mark> (0)"]
        });
        check(
            "李明\u{202e}在",
            &[mark("A", &[(0, 3)])],
            expect![[
                r#"<mark>李明<i class="sign">U+202E</i><small><bdi>A</bdi></small></mark>在 (0)"#
            ]],
        );
    }

    #[test]
    fn what_is_not_there_is_counted() {
        check("ab", &[mark("A", &[(1, 3)]), mark("B", &[(1, 1)])], expect!["ab (2)"]);
        let many: Vec<Mark> = (0..60).map(|_| mark("A", &[(0, 1)])).collect();
        assert_eq!(line("ab", &many).1, 12);
        let long = "x".repeat(800);
        let (text, left) = line(&long, &[mark("A", &[(0, 1)]), mark("B", &[(750, 751)])]);
        assert!(text.ends_with("x…") && left == 1, "{text}");
    }
}
