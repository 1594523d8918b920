//! Whether the text of a growing answer has come to a stop string.
//!
//! Each token is decoded once and only the end of the text is looked at, so an answer costs time in its
//! length, however long it gets.

/// Tokens that may together spell one character: it has up to four bytes, and some come in vain.
const BYTES: usize = 8;

/// The end of an answer's text.
#[derive(Clone, Debug, Default)]
pub(super) struct StopText {
    /// Tokens whose character is not complete.
    pending: Vec<u32>,
    tail: String,
}

impl StopText {
    /// Adds a token; whether one of `stops` is in the text now.
    pub(super) fn ends_with(
        &mut self,
        id: u32,
        stops: &[String],
        decode: impl Fn(&[u32]) -> String,
    ) -> bool {
        self.pending.push(id);
        let text = decode(&self.pending);
        if text.ends_with('\u{fffd}') && self.pending.len() < BYTES {
            return false;
        }
        self.pending.clear();
        self.tail.push_str(&text);
        let found = stops.iter().any(|stop| self.tail.contains(stop));
        // A stop string that is still to come may have begun here.
        let longest = stops.iter().map(String::len).max().unwrap_or(0);
        let mut from = self.tail.len().saturating_sub(longest.saturating_sub(1));
        while !self.tail.is_char_boundary(from) {
            from -= 1;
        }
        self.tail.drain(..from);
        found
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
            assert!(state.tail.len() < longest + 4 && state.pending.len() < BYTES);
        }
        assert_eq!(found, expected, "{stops:?}");
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
