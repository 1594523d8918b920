//! The text of a growing answer, in pieces that never change again.
//!
//! What comes next may still change the end of a text: bytes become a character, and a small vocabulary
//! takes a space off where a word follows. And an end that may become a stop string must not be shown.
//! All of that is held back until it is decided. The whole answer is decoded for each token, which costs
//! far less than a token does, as answers are a few thousand tokens at most.

/// What a token has added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Growth {
    /// Text that is certain now; possibly none.
    pub piece: String,
    /// Whether a stop string has come: nothing follows.
    pub stops: bool,
}

/// Text so far.
#[derive(Clone, Debug)]
pub(super) struct Growing {
    stops: Vec<String>,
    /// Bytes that were given out.
    given: usize,
}

impl Growing {
    /// Nothing yet; it ends in front of the first of `stops`.
    pub(super) fn new(stops: Vec<String>) -> Self {
        Self { stops, given: 0 }
    }

    /// What stops it.
    pub(super) fn stops(&self) -> &[String] {
        &self.stops
    }

    /// Whether anything could stop it.
    pub(super) fn has_stops(&self) -> bool {
        !self.stops.is_empty()
    }

    /// What is certain since the last call, if the answer so far reads `text`.
    pub(super) fn grow(&mut self, text: &str) -> Growth {
        let certain = text.trim_end_matches([' ', '\u{fffd}']);
        if let Some(end) = self.stop(certain) {
            return Growth { piece: self.give(text, end), stops: true };
        }
        let end = certain.len() - self.beginning(certain);
        Growth { piece: self.give(text, end), stops: false }
    }

    /// The rest, if `text` is the whole answer.
    pub(super) fn finish(&mut self, text: &str) -> String {
        let end = self.stop(text).unwrap_or(text.len());
        self.give(text, end)
    }

    /// The whole answer without what stopped it.
    pub(super) fn whole<'t>(&self, text: &'t str) -> &'t str {
        &text[..self.stop(text).unwrap_or(text.len())]
    }

    /// Where the first stop string begins.
    fn stop(&self, text: &str) -> Option<usize> {
        self.stops.iter().filter_map(|stop| text.find(stop.as_str())).min()
    }

    /// The most bytes at the end of `text` that a stop string begins with.
    fn beginning(&self, text: &str) -> usize {
        let of = |stop: &String| {
            let ends = stop.char_indices().map(|(at, _)| at).filter(|at| *at > 0);
            ends.filter(|at| text.ends_with(&stop[..*at])).max().unwrap_or(0)
        };
        self.stops.iter().map(of).max().unwrap_or(0)
    }

    fn give(&mut self, text: &str, end: usize) -> String {
        let piece = text.get(self.given..end).unwrap_or_default().to_owned();
        self.given = self.given.max(end);
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces that are given out while the answer reads one text after the other.
    fn check(texts: &[&str], stops: &[&str], expected: &[&str]) {
        let mut growing = Growing::new(stops.iter().map(|stop| (*stop).to_owned()).collect());
        let mut pieces = Vec::new();
        let mut stopped = false;
        for text in texts {
            let growth = growing.grow(text);
            pieces.push(growth.piece);
            stopped = growth.stops;
            if stopped {
                break;
            }
        }
        let last = texts.last().copied().unwrap_or_default();
        if !stopped {
            pieces.push(growing.finish(last));
            assert_eq!(pieces.concat(), growing.whole(last));
        }
        assert_eq!(pieces, expected, "{texts:?} {stops:?}");
    }

    #[test]
    fn pieces_are_certain_and_together_the_text() {
        check(&["a", "ab", "ab c"], &[], &["a", "b", " c", ""]);
        // A character in three tokens, and a space that a word takes away.
        check(&["人\u{fffd}", "人\u{fffd}", "人在"], &[], &["人", "", "在", ""]);
        check(&["(", "( ", "(Mark"], &[], &["(", "", "Mark", ""]);
        check(&["a ", "a  "], &[], &["a", "", "  "]);
        // Bytes that never become a character.
        check(&["a\u{fffd}"], &[], &["a", "\u{fffd}"]);
    }

    #[test]
    fn a_stop_string_and_what_may_become_one_are_held_back() {
        check(&["x]", "x]\n", "x]\n\n", "x]\n\nclass"], &["\n\n"], &["x]", "", ""]);
        check(&["x]\n", "x]\na"], &["\n\n"], &["x]", "\na", ""]);
        check(&["ab", "aba", "abab", "ababc"], &["abc", "zz"], &["", "ab", "", ""]);
        check(&["人在北", "人在北京。"], &["北京"], &["人在", ""]);
        check(&["a, b"], &["b", ","], &["a"]);
        check(&["end \u{fffd}"], &["d x"], &["en", "d \u{fffd}"]);
    }
}
