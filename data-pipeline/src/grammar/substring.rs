//! Everything that stands in a text, as one expression.
//!
//! A suffix automaton has at most two states for each character, and each becomes one expression:
//! how a substring may go on from there.

use llguidance::derivre::{ExprRef, RegexBuilder};
use std::collections::BTreeMap;

/// The substrings of a text.
struct Automaton {
    states: Vec<State>,
    last: usize,
}

#[derive(Clone, Default)]
struct State {
    /// Characters of the longest substring that leads here.
    length: usize,
    link: Option<usize>,
    next: BTreeMap<char, usize>,
}

/// How the characters of a substring are written.
pub(super) struct Ways<'w> {
    /// All ways to write a character; where there is none, no substring goes over it.
    pub spelt: &'w dyn Fn(char) -> Vec<String>,
    /// Whether a substring may begin with this way.
    pub begins: &'w dyn Fn(&str) -> bool,
    /// Whether parentheses have to match, without others inside.
    pub nests: bool,
}

/// The nonempty substrings of `text`.
pub(super) fn substrings(
    builder: &mut RegexBuilder,
    text: &str,
    ways: &Ways<'_>,
) -> Result<ExprRef, String> {
    let automaton = Automaton::of(text);
    let mut spelt: BTreeMap<char, Vec<String>> = BTreeMap::new();
    for c in text.chars() {
        spelt.entry(c).or_insert_with(|| (ways.spelt)(c));
    }
    // What follows a state is longer than what led to it.
    let mut order: Vec<usize> = (1..automaton.states.len()).collect();
    order.sort_unstable_by_key(|state| std::cmp::Reverse(automaton.states[*state].length));
    // Outside of parentheses and inside of them.
    let mut expressions = vec![[ExprRef::NO_MATCH; 2]; automaton.states.len()];
    let branches = |state: usize, inside: bool, expressions: &[[ExprRef; 2]], first: bool| {
        let mut branches: Vec<(Vec<u8>, ExprRef)> = Vec::new();
        for (c, next) in &automaton.states[state].next {
            let behind = match c {
                '(' if ways.nests => !inside,
                ')' if ways.nests => !inside,
                _ => inside,
            };
            // A second one that opens, or one that closes nothing.
            let misplaced = ways.nests && matches!((c, inside), ('(', true) | (')', false));
            let behind = expressions[*next][usize::from(behind)];
            if misplaced || behind == ExprRef::NO_MATCH {
                continue;
            }
            let allowed = spelt[c].iter().filter(|way| !first || (ways.begins)(way));
            branches.extend(allowed.map(|way| (way.clone().into_bytes(), behind)));
        }
        branches
    };
    for state in order {
        let mut outside = branches(state, false, &expressions, false);
        // It may end here.
        outside.push((Vec::new(), ExprRef::EMPTY_STRING));
        let inside = match ways.nests {
            true => branches(state, true, &expressions, false),
            false => Vec::new(),
        };
        expressions[state] = [tree(builder, outside)?, tree(builder, inside)?];
    }
    tree(builder, branches(0, false, &expressions, true))
}

/// One of several strings, each with what follows it.
pub(super) fn tree(
    builder: &mut RegexBuilder,
    mut branches: Vec<(Vec<u8>, ExprRef)>,
) -> Result<ExprRef, String> {
    // The builder takes none twice, and keeps those that lead nowhere.
    branches.retain(|(_, next)| *next != ExprRef::NO_MATCH);
    branches.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    branches.dedup();
    match branches.is_empty() {
        true => Ok(ExprRef::NO_MATCH),
        false => builder.mk_prefix_tree(branches).map_err(|error| error.to_string()),
    }
}

impl Automaton {
    fn of(text: &str) -> Self {
        let mut automaton = Self { states: vec![State::default()], last: 0 };
        text.chars().for_each(|c| automaton.extend(c));
        automaton
    }

    /// Blumer et al. (1985), "The smallest automaton recognizing the subwords of a text".
    fn extend(&mut self, c: char) {
        let new = self.states.len();
        let length = self.states[self.last].length + 1;
        self.states.push(State { length, ..State::default() });
        let mut at = Some(self.last);
        while let Some(state) = at
            && !self.states[state].next.contains_key(&c)
        {
            self.states[state].next.insert(c, new);
            at = self.states[state].link;
        }
        self.last = new;
        let Some(state) = at else {
            self.states[new].link = Some(0);
            return;
        };
        let known = self.states[state].next[&c];
        let length = self.states[state].length + 1;
        if self.states[known].length == length {
            self.states[new].link = Some(known);
            return;
        }
        let copy = self.states.len();
        self.states.push(State { length, ..self.states[known].clone() });
        self.states[known].link = Some(copy);
        self.states[new].link = Some(copy);
        let mut at = Some(state);
        while let Some(state) = at
            && self.states[state].next.get(&c) == Some(&known)
        {
            self.states[state].next.insert(c, copy);
            at = self.states[state].link;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_stands_in_a_text_is_in_it_and_nothing_else(
            text in "[ab人😀x]{0,12}", other in "[ab人😀x]{0,4}",
        ) {
            let mut builder = RegexBuilder::new();
            let spelt = |c: char| if c == 'x' { Vec::new() } else { vec![c.to_string()] };
            let ways = Ways { spelt: &spelt, begins: &|_| true, nests: false };
            let expression = substrings(&mut builder, &text, &ways).unwrap();
            let mut regex = builder.into_regex(expression);
            let expected = !other.is_empty() && !other.contains('x') && text.contains(&other);
            prop_assert_eq!(regex.is_match(&other), expected);
        }
    }

    #[test]
    fn a_long_text_has_an_expression_for_each_character_and_no_more() {
        let text: String =
            (0..20_000u32).filter_map(|i| char::from_u32(0x4e00 + i * i % 997)).collect();
        let mut builder = RegexBuilder::new();
        let spelt = |c: char| vec![c.to_string()];
        let ways = Ways { spelt: &spelt, begins: &|_| true, nests: false };
        let expression = substrings(&mut builder, &text, &ways).unwrap();
        let mut regex = builder.into_regex(expression);
        let part: String = text.chars().skip(777).take(40).collect();
        assert!(regex.is_match(&part) && !regex.is_match(&(part + "x")));
    }

    #[test]
    fn parentheses_match_where_they_have_to() {
        let mut builder = RegexBuilder::new();
        let spelt = |c: char| vec![c.to_string()];
        let ways = Ways { spelt: &spelt, begins: &|_| true, nests: true };
        let expression = substrings(&mut builder, "a (b) c (d (e)) f)", &ways).unwrap();
        let mut regex = builder.into_regex(expression);
        for text in ["a", "(b)", "a (b) c", "b", "(e)", " f"] {
            assert!(regex.is_match(text), "{text}");
        }
        for text in ["(b", "b)", "a (", "(d (e))", " f)"] {
            assert!(!regex.is_match(text), "{text}");
        }
    }
}
