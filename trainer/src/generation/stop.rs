//! Whether the text of a growing answer has come to a stop string.
//!
//! Only the last tokens are decoded, as many as the longest stop string may have, so an answer costs time in its
//! length, however long it gets. They are decoded together: a vocabulary may take a space off the first word of
//! what it is given.

/// Tokens beside those of a stop string: the first ones may be parts of a character or of a word.
const MORE: usize = 8;

/// The end of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopText {
    last: Vec<u32>,
}

impl StopText {
    /// Adds a token; whether one of `stops` is in the text now.
    pub(crate) fn ends_with(
        &mut self,
        id: u32,
        stops: &[String],
        decode: impl Fn(&[u32]) -> String,
    ) -> bool {
        // A token is a byte at least, but for those that are no text.
        let most = stops.iter().map(String::len).max().unwrap_or(0) + MORE;
        if self.last.len() >= 2 * most {
            self.last.drain(..self.last.len() - most);
        }
        self.last.push(id);
        let text = decode(&self.last);
        stops.iter().any(|stop| text.contains(stop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids are bytes; after how many of them the text stops.
    fn check(text: &[u8], stops: &[&str], expected: Option<usize>) {
        let decode = |ids: &[u32]| {
            let bytes: Vec<u8> = ids.iter().map(|id| *id as u8).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let longest = stops.iter().map(String::len).max().unwrap_or(0);
        let mut state = StopText::default();
        let mut found = None;
        for (i, byte) in text.iter().enumerate() {
            if state.ends_with(u32::from(*byte), &stops, decode) {
                found = Some(i + 1);
                break;
            }
            assert!(state.last.len() <= 2 * (longest + MORE), "{}", state.last.len());
        }
        assert_eq!(found, expected, "{stops:?}");
    }

    #[test]
    fn a_space_before_a_word_is_a_part_of_the_text() {
        // As SentencePiece: a space in front of everything is not told.
        let words = ["x", "]", " class", " A"];
        let decode = |ids: &[u32]| {
            let text: String = ids.iter().map(|id| words[*id as usize]).collect();
            text.strip_prefix(' ').unwrap_or(&text).to_owned()
        };
        let found = |stop: &str| {
            let mut state = StopText::default();
            // Long enough that the beginning is let go.
            let ids = [0; 90].into_iter().chain([1, 2, 3]);
            let stops = [stop.to_owned()];
            ids.enumerate().find(|(_, id)| state.ends_with(*id, &stops, decode)).map(|(at, _)| at)
        };
        assert_eq!(
            (found("] class"), found(" class A"), found("]class")),
            (Some(91), Some(92), None)
        );
    }

    #[test]
    fn a_stop_string_is_found_where_it_ends() {
        check(b"results = []\n\nclass", &["\n\n"], Some(14));
        check(b"results = []\nclass", &["\n\n", "class"], Some(18));
        check(b"aaab", &["aab"], Some(4));
        check(b"abc", &["abd"], None);
        check("人在北京。".as_bytes(), &["北京"], Some(12));
        check("人在北京。".as_bytes(), &["京北"], None);
        // Bytes that never become a character.
        check(&[0x80; 40], &["x"], None);
        check(b"\xe4\xbax end", &["end"], Some(7));
    }
}
