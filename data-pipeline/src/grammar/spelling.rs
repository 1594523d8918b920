//! From the bytes of ids to the text that they decode to, followed in the automaton.
//!
//! For SentencePiece the bytes are the text. In a small vocabulary a word carries a space that
//! decoding takes off where the text has none (`tokenizer/words.rs`); whether it does so is seen when
//! the next character is whole. Until then spaces and the bytes of a character are held back, and a
//! step is taken only if some character can still follow: an answer never runs into a dead end.

use crate::tokenizer::{Scan, Spelling, is_word};
use llguidance::derivre::{Regex, StateID};
use rustc_hash::FxHashMap;

/// Where an answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// Of the automaton, behind everything that is not held back.
    place: StateID,
    /// Nothing has been read.
    fresh: bool,
    scan: Scan,
    /// Spaces that are held back.
    spaces: u32,
    /// The first bytes of a character.
    part: Part,
}

/// The bytes of a character that is not whole yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Part {
    bytes: [u8; 4],
    length: u8,
}

/// An automaton over the bytes of ids.
#[derive(Clone)]
pub(super) struct Speller {
    language: Regex,
    spelling: Spelling,
    /// What can follow a place and the first bytes of a character: a letter, anything else.
    next: FxHashMap<(StateID, Part), (bool, bool)>,
}

impl Speller {
    pub(super) fn new(language: Regex, spelling: Spelling) -> Self {
        Self { language, spelling, next: FxHashMap::default() }
    }

    /// Before the first byte.
    pub(super) fn start(&mut self) -> State {
        let place = self.language.initial_state();
        let scan = Scan::behind(None);
        State { place, fresh: true, scan, spaces: 0, part: Part::default() }
    }

    /// Whether an answer may end here.
    pub(super) fn is_whole(&mut self, state: State) -> bool {
        let spaces = (0..state.spaces).try_fold(state.place, |place, _| self.walk(place, b" "));
        state.part.length == 0 && spaces.is_some_and(|place| self.language.is_accepting(place))
    }

    /// Behind one more byte, if an answer can have it there.
    pub(super) fn step(&mut self, mut state: State, byte: u8) -> Option<State> {
        let fresh = std::mem::take(&mut state.fresh);
        match self.spelling {
            Spelling::DummyPrefix if fresh && byte == b' ' => Some(state),
            Spelling::Plain | Spelling::DummyPrefix => {
                state.place = self.walk(state.place, &[byte])?;
                Some(state)
            }
            Spelling::Carried => self.carried(state, byte),
        }
    }

    fn carried(&mut self, mut state: State, byte: u8) -> Option<State> {
        if byte == b' ' && state.part.length == 0 && state.scan.is_open() {
            state.spaces += 1;
            return self.goes_on(state).then_some(state);
        }
        if !state.part.push(byte) {
            return None;
        }
        if state.spaces == 0 {
            state.place = self.walk(state.place, &[byte])?;
        }
        let Some(c) = state.part.whole() else {
            return (state.spaces == 0 || self.goes_on(state)).then_some(state);
        };
        let is_taken_off = state.scan.step(c);
        if state.spaces > 0 {
            let spaces = state.spaces - u32::from(is_taken_off);
            for _ in 0..spaces {
                state.place = self.walk(state.place, b" ")?;
            }
            let Part { bytes, length } = state.part;
            state.place = self.walk(state.place, &bytes[..usize::from(length)])?;
            state.spaces = 0;
        }
        state.part = Part::default();
        Some(state)
    }

    /// Whether some character can follow the spaces that are held back, or more spaces and then one.
    fn goes_on(&mut self, state: State) -> bool {
        let mut before = state.place;
        for _ in 1..state.spaces {
            match self.walk(before, b" ") {
                Some(behind) => before = behind,
                None => return false,
            }
        }
        loop {
            // A word takes one of the spaces off, anything else none.
            if self.follows(before, state.part).0 {
                return true;
            }
            let Some(behind) = self.walk(before, b" ") else { return false };
            if self.follows(behind, state.part).1 {
                return true;
            }
            if state.part.length > 0 {
                return false;
            }
            if self.language.is_accepting(behind) {
                return true;
            }
            before = behind;
        }
    }

    /// Whether a letter, and whether any other character but a space, can follow `place` with these
    /// first bytes.
    fn follows(&mut self, place: StateID, part: Part) -> (bool, bool) {
        if let Some(known) = self.next.get(&(place, part)) {
            return *known;
        }
        let mut found = (false, false);
        let Part { bytes, length } = part;
        if let Some(inside) = self.walk(place, &bytes[..usize::from(length)]) {
            self.search(inside, part, &mut found);
        }
        self.next.insert((place, part), found);
        found
    }

    fn search(&mut self, place: StateID, part: Part, found: &mut (bool, bool)) {
        for byte in 0..=u8::MAX {
            let mut longer = part;
            if *found == (true, true) {
                return;
            }
            if byte == b' ' || !longer.push(byte) {
                continue;
            }
            let Some(behind) = self.walk(place, &[byte]) else { continue };
            match longer.whole() {
                Some(c) if is_word(c) => found.0 = true,
                Some(_) => found.1 = true,
                None => self.search(behind, longer, found),
            }
        }
    }

    fn walk(&mut self, place: StateID, bytes: &[u8]) -> Option<StateID> {
        let behind = self.language.transition_bytes(place, bytes);
        (!behind.is_dead()).then_some(behind)
    }
}

impl Part {
    /// Adds a byte; not one that cannot stand there in UTF-8.
    fn push(&mut self, byte: u8) -> bool {
        let fits = match self.length {
            0 => byte < 0x80 || (0xC2..=0xF4).contains(&byte),
            length => (0x80..0xC0).contains(&byte) && usize::from(length) < self.bytes.len(),
        };
        if fits {
            self.bytes[usize::from(self.length)] = byte;
            self.length += 1;
        }
        fits
    }

    /// The character, if no byte of it is missing.
    fn whole(&self) -> Option<char> {
        let text = std::str::from_utf8(&self.bytes[..usize::from(self.length)]).ok()?;
        text.chars().next()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tokenizer::Tokenizer;
    use llguidance::derivre::RegexBuilder;
    use proptest::prelude::*;

    fn speller(text: &str, spelling: Spelling) -> Speller {
        let mut builder = RegexBuilder::new();
        let literal = llguidance::derivre::RegexAst::Literal(text.to_owned());
        let expression = builder.mk(&literal).unwrap();
        Speller::new(builder.into_regex(expression), spelling)
    }

    /// How many of these bytes are taken, and whether the text is whole behind them.
    fn read(text: &str, bytes: &[u8], spelling: Spelling) -> (usize, bool) {
        let mut speller = speller(text, spelling);
        let mut state = speller.start();
        for (at, byte) in bytes.iter().enumerate() {
            match speller.step(state, *byte) {
                Some(next) => state = next,
                None => return (at, false),
            }
        }
        (bytes.len(), speller.is_whole(state))
    }

    #[test]
    fn carried_spaces_are_no_text() {
        let carried = |text: &str, bytes: &str| read(text, bytes.as_bytes(), Spelling::Carried);
        assert_eq!(carried("(Mark", "( Mark"), (6, true));
        assert_eq!(carried("(Mark", "(Mark"), (5, true));
        assert_eq!(carried("(Mark", "(  Mark"), (2, false), "one space too many");
        assert_eq!(carried("( Mark", "(  Mark"), (7, true));
        // One space is taken off, so that the text would have none; but a second may come.
        assert_eq!(carried("( Mark", "( Mark"), (2, false));
        assert_eq!(carried("在京Éa", "在京 Éa"), (10, true));
        assert_eq!(carried("在 京", "在 京"), (7, true));
        assert_eq!(carried("在京", "在 京"), (3, false));
        assert_eq!(carried("a, b", " a, b"), (5, true));
        assert_eq!(carried("a", "a "), (1, false), "what comes behind a word is text");
        assert_eq!(carried("(", "( "), (1, false));
    }

    #[test]
    fn a_prefix_is_no_text() {
        let prefixed =
            |text: &str, bytes: &str| read(text, bytes.as_bytes(), Spelling::DummyPrefix);
        assert_eq!(prefixed("ab", " ab"), (3, true));
        assert_eq!(prefixed("ab", "ab"), (2, true));
        assert_eq!(prefixed("ab", "  ab"), (1, false));
        assert_eq!(read("ab", b" ab", Spelling::Plain), (0, false));
    }

    proptest! {
        #[test]
        fn any_text_is_spelt_by_its_ids(text in "[a-c A1(,\"人é\\\\😀\n]{1,14}|\\PC{1,12}") {
            let tokenizer = Tokenizer::train(&["abc abc, 人 (a".to_owned()], 330).unwrap();
            let mut bytes = Vec::new();
            for id in tokenizer.encode(&text) {
                bytes.extend_from_slice(tokenizer.spelt(id).unwrap());
            }
            let (taken, whole) = read(&text, &bytes, Spelling::Carried);
            prop_assert_eq!((taken, whole), (bytes.len(), true));
        }

        #[test]
        fn whatever_is_taken_decodes_to_the_text(
            text in "[ab (,人é]{1,6}", bytes in "[ab (,人é]{1,8}",
        ) {
            let tokenizer = Tokenizer::train(&["a".to_owned()], 291).unwrap();
            if read(&text, bytes.as_bytes(), Spelling::Carried).1 {
                let id = |byte: &u8| (0..291).find(|id| tokenizer.spelt(*id) == Some(&[*byte]));
                let ids: Vec<u32> = bytes.as_bytes().iter().filter_map(id).collect();
                prop_assert_eq!(tokenizer.decode(&ids), text);
            }
        }
    }
}
