//! Which predicted object was meant for which annotated one.
//!
//! In turn, each object once: the same label and text; the same text with another label; a relation the
//! other way round; the same label where the mentions overlap, the most alike first; another label where
//! they overlap. What is left was missed or invented.

use super::Kind;
use super::claims::{Claim, claims};
use super::shape::{overlap, touches};
use crate::predictions::Prediction;
use crate::sentence::Span;
use std::collections::HashMap;

/// Pairs of objects of one sentence that are held against each other for places that overlap; an answer has
/// hundreds of wrong objects only if it is nonsense, and what is not compared was missed or invented.
const COMPARED: usize = 1 << 18;
/// Mentions that one may be split into.
const PIECES: usize = 64;

/// The objects of one sentence, paired.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings<'a> {
    /// What is annotated.
    pub gold: Vec<Claim<'a>>,
    /// What was predicted.
    pub predicted: Vec<Claim<'a>>,
    /// Each of them in exactly one finding.
    pub list: Vec<Finding>,
}

/// Objects that belong together, and how they fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How.
    pub kind: Kind,
    /// Places in [`Findings::gold`]: one, several if they were merged, none if it was invented.
    pub gold: Vec<usize>,
    /// Places in [`Findings::predicted`]: one, several if one was split, none if it was missed.
    pub predicted: Vec<usize>,
}

/// Pairs the objects of a sentence.
pub fn findings(prediction: &Prediction) -> Findings<'_> {
    let gold = claims(prediction, &prediction.gold);
    let predicted = claims(prediction, &prediction.predicted);
    let mut pairing = Pairing {
        gold_open: vec![true; gold.len()],
        predicted_open: vec![true; predicted.len()],
        gold: &gold,
        predicted: &predicted,
        list: Vec::new(),
    };
    pairing.same(Kind::Correct);
    pairing.same(Kind::WrongType);
    pairing.same(Kind::Reversed);
    pairing.overlapping();
    pairing.alone();
    let mut list = pairing.list;
    // In the order of the gold; what was invented comes last.
    list.sort_by_key(|it| {
        (it.gold.first().copied().unwrap_or(usize::MAX), it.predicted.first().copied())
    });
    Findings { gold, predicted, list }
}

impl Findings<'_> {
    /// Whether nothing is wrong.
    pub fn is_flawless(&self) -> bool {
        self.list.iter().all(|finding| finding.kind == Kind::Correct)
    }
}

struct Pairing<'a, 'b> {
    gold: &'b [Claim<'a>],
    predicted: &'b [Claim<'a>],
    gold_open: Vec<bool>,
    predicted_open: Vec<bool>,
    list: Vec<Finding>,
}

impl Pairing<'_, '_> {
    /// Pairs claims that read the same, as the kind asks for.
    fn same(&mut self, kind: Kind) {
        let (gold, predicted) = (self.gold, self.predicted);
        let mut waiting: HashMap<_, Vec<usize>> = HashMap::new();
        // The last first, so that the first is taken first.
        for (at, claim) in predicted.iter().enumerate().rev() {
            if self.predicted_open[at] && (kind != Kind::Reversed || claim.slots.len() == 2) {
                waiting.entry(key(claim, kind, kind == Kind::Reversed)).or_default().push(at);
            }
        }
        for (at, claim) in gold.iter().enumerate() {
            if !self.gold_open[at] {
                continue;
            }
            if let Some(other) = waiting.get_mut(&key(claim, kind, false)).and_then(Vec::pop) {
                self.pair(kind, vec![at], vec![other]);
            }
        }
    }

    /// Pairs claims whose mentions overlap: with the same label first.
    fn overlapping(&mut self) {
        let mut alike = Vec::new();
        let mut unlike = Vec::new();
        for (i, j) in compared(&self.gold_open, &self.predicted_open) {
            let (gold, predicted) = (&self.gold[i], &self.predicted[j]);
            let Some(found) = overlap(gold, predicted) else { continue };
            let pairs = if gold.label == predicted.label { &mut alike } else { &mut unlike };
            pairs.push((found, i, j));
        }
        self.split_and_merged(alike.iter().map(|(_, i, j)| (*i, *j)));
        for pairs in [&mut alike, &mut unlike] {
            pairs.sort_by(|a, b| {
                b.0.likeness.total_cmp(&a.0.likeness).then((a.1, a.2).cmp(&(b.1, b.2)))
            });
        }
        for (found, i, j) in alike {
            self.pair_open(found.kind, i, j);
        }
        for (_, i, j) in unlike {
            self.pair_open(Kind::TypeAndBoundary, i, j);
        }
    }

    /// One mention for several, of the same label, that have nothing to do with any other.
    fn split_and_merged(&mut self, pairs: impl Iterator<Item = (usize, usize)>) {
        let mut of_gold: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut of_predicted: HashMap<usize, Vec<usize>> = HashMap::new();
        for (i, j) in pairs {
            of_gold.entry(i).or_default().push(j);
            of_predicted.entry(j).or_default().push(i);
        }
        for (one, many, back, kind) in [
            (self.gold, self.predicted, (&of_gold, &of_predicted), Kind::Split),
            (self.predicted, self.gold, (&of_predicted, &of_gold), Kind::Merged),
        ] {
            let mut ones: Vec<_> = back.0.iter().collect();
            ones.sort_unstable();
            for (at, parts) in ones {
                let only_this = |part: &usize| back.1.get(part).is_some_and(|it| it.len() == 1);
                let claims: Vec<&Claim> = parts.iter().map(|part| &many[*part]).collect();
                let is_whole = (2..=PIECES).contains(&claims.len())
                    && parts.iter().all(only_this)
                    && are_parts(&one[*at], &claims);
                if !is_whole {
                    continue;
                }
                let (gold, predicted) = match kind {
                    Kind::Split => (vec![*at], parts.clone()),
                    _ => (parts.clone(), vec![*at]),
                };
                self.pair(kind, gold, predicted);
            }
        }
    }

    fn alone(&mut self) {
        for at in 0..self.gold.len() {
            if self.gold_open[at] {
                self.pair(Kind::Missed, vec![at], Vec::new());
            }
        }
        for at in 0..self.predicted.len() {
            if self.predicted_open[at] {
                let is_placed = self.predicted[at].is_placed();
                let kind = if is_placed { Kind::Invented } else { Kind::OutsideText };
                self.pair(kind, Vec::new(), vec![at]);
            }
        }
    }

    fn pair_open(&mut self, kind: Kind, gold: usize, predicted: usize) {
        if self.gold_open[gold] && self.predicted_open[predicted] {
            self.pair(kind, vec![gold], vec![predicted]);
        }
    }

    fn pair(&mut self, kind: Kind, gold: Vec<usize>, predicted: Vec<usize>) {
        gold.iter().for_each(|at| self.gold_open[*at] = false);
        predicted.iter().for_each(|at| self.predicted_open[*at] = false);
        self.list.push(Finding { kind, gold, predicted });
    }
}

/// Which annotated objects that are open are held against which predicted ones: all against all, as far as that
/// goes.
fn compared(gold: &[bool], predicted: &[bool]) -> Vec<(usize, usize)> {
    let open = |all: &[bool], most: usize| -> Vec<usize> {
        let all = all.iter().enumerate();
        all.filter(|(_, is_open)| **is_open).map(|(at, _)| at).take(most).collect()
    };
    let gold = open(gold, COMPARED);
    let predicted = open(predicted, COMPARED / gold.len().max(1));
    gold.iter().flat_map(|i| predicted.iter().map(move |j| (*i, *j))).collect()
}

/// What claims that read the same are looked up by; the label only where it has to agree.
fn key<'c>(claim: &'c Claim, kind: Kind, swapped: bool) -> (Option<&'c str>, Vec<&'c str>) {
    let mut texts = claim.texts();
    if swapped {
        texts.reverse();
    }
    ((kind != Kind::WrongType).then_some(claim.label.as_ref()), texts)
}

/// Whether all of `parts` stand at one place of `whole`, and each has something that the others have not.
fn are_parts(whole: &Claim, parts: &[&Claim]) -> bool {
    let [whole] = whole.slots.as_slice() else { return false };
    let is_at = |place: &Vec<Span>| {
        parts.iter().all(|part| part.slots.iter().any(|slot| touches(place, slot)))
    };
    let is_nested = |a: &Claim, b: &Claim| overlap(a, b).is_some_and(|it| it.kind != Kind::Shifted);
    let nested = |(i, part): (usize, &&Claim)| parts[i + 1..].iter().any(|it| is_nested(part, it));
    whole.places.iter().any(is_at) && !parts.iter().enumerate().any(nested)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_does_not_grow_with_the_square_of_an_answer() {
        for (gold, predicted) in [(1, 400_000), (400_000, 1), (400_000, 400_000), (3, 100_000)] {
            let found = compared(&vec![true; gold], &vec![true; predicted]);
            assert!(found.len() <= COMPARED, "{gold} {predicted}: {}", found.len());
        }
        // All of what answers that mean something have.
        assert_eq!(compared(&[true; 500], &[true; 500]).len(), 250_000);
        assert_eq!(compared(&[true, false, true], &[false, true]), [(0, 1), (2, 1)]);
    }
}
