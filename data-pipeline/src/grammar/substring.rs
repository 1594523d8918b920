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

/// The nonempty substrings of `text`, each character written in one of the ways that `spelt` gives;
/// none of them goes over a character that has no way. `begins` says which ways the first may have.
pub(super) fn substrings(
    builder: &mut RegexBuilder,
    text: &str,
    spelt: impl Fn(char) -> Vec<String>,
    begins: impl Fn(&str) -> bool,
) -> Result<ExprRef, String> {
    let automaton = Automaton::of(text);
    let mut ways: BTreeMap<char, Vec<String>> = BTreeMap::new();
    for c in text.chars() {
        ways.entry(c).or_insert_with(|| spelt(c));
    }
    // What follows a state is longer than what led to it.
    let mut order: Vec<usize> = (1..automaton.states.len()).collect();
    order.sort_unstable_by_key(|state| std::cmp::Reverse(automaton.states[*state].length));
    let mut expressions = vec![ExprRef::NO_MATCH; automaton.states.len()];
    let branches = |state: usize, expressions: &[ExprRef], first: bool| {
        let mut branches: Vec<(Vec<u8>, ExprRef)> = Vec::new();
        for (c, next) in &automaton.states[state].next {
            let allowed = ways[c].iter().filter(|way| !first || begins(way));
            branches.extend(allowed.map(|way| (way.clone().into_bytes(), expressions[*next])));
        }
        branches
    };
    for state in order {
        let mut branches = branches(state, &expressions, false);
        // It may end here.
        branches.push((Vec::new(), ExprRef::EMPTY_STRING));
        expressions[state] = tree(builder, branches)?;
    }
    tree(builder, branches(0, &expressions, true))
}

/// One of several strings, each with what follows it.
pub(super) fn tree(
    builder: &mut RegexBuilder,
    mut branches: Vec<(Vec<u8>, ExprRef)>,
) -> Result<ExprRef, String> {
    // The builder takes none twice.
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
            let expression = substrings(&mut builder, &text, spelt, |_| true).unwrap();
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
        let expression = substrings(&mut builder, &text, spelt, |_| true).unwrap();
        let mut regex = builder.into_regex(expression);
        let part: String = text.chars().skip(777).take(40).collect();
        assert!(regex.is_match(&part) && !regex.is_match(&(part + "x")));
    }
}
