//! Whether ranks move, and where each of them is, as they say themselves.

use crate::hang::{self, Verdict};
use crate::message::{Message, Where};
use crate::standing::Rank;
use std::time::{Duration, Instant};

/// Where all ranks of a start are.
pub struct Movement {
    ranks: Vec<Option<(Where, Instant)>>,
    moved: Instant,
}

impl Movement {
    /// Of ranks that have said nothing yet.
    pub fn new(world: usize) -> Self {
        Self { ranks: vec![None; world], moved: Instant::now() }
    }

    /// A rank said something at `now`.
    pub fn heard(&mut self, rank: usize, message: &Message, now: Instant) {
        let Message::Where(place) = message else {
            self.moved = now;
            return;
        };
        let is_same = |(before, _): &(Where, Instant)| {
            (&before.phase, before.step, &before.section)
                == (&place.phase, place.step, &place.section)
        };
        if !self.ranks[rank].as_ref().is_some_and(is_same) {
            self.moved = now;
        }
        self.ranks[rank] = Some((place.clone(), now));
    }

    /// Seconds since anything moved, if they are at least `limit`; with a limit of 0 never.
    pub fn stands_still(&self, now: Instant, limit: u64) -> Option<f64> {
        let seconds = now.duration_since(self.moved);
        (limit > 0 && seconds >= Duration::from_secs(limit)).then_some(seconds.as_secs_f64())
    }

    /// Who keeps the others waiting at `now`, as far as ranks have said where they are; `names` are those of
    /// their nodes.
    pub fn verdict(&self, names: &[String], now: Instant) -> Option<Verdict> {
        let place = |known: &Option<(Where, Instant)>| {
            let Some((place, heard)) = known else { return Rank::default() };
            Rank {
                section: place.section.clone(),
                phase: place.phase.clone(),
                step: place.step,
                seconds: place.seconds,
                silent: now.duration_since(*heard).as_secs_f64(),
                ..Rank::default()
            }
        };
        let ranks: Vec<Rank> = self.ranks.iter().map(place).collect();
        hang::verdict(&ranks, names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(section: &str, seconds: f64) -> Message {
        let place = Where { phase: "p".into(), step: 3, section: section.into(), seconds };
        Message::Where(place)
    }

    #[test]
    fn the_same_place_again_is_no_movement() {
        let mut movement = Movement::new(2);
        let begin = movement.moved;
        let after = |seconds| begin + Duration::from_secs(seconds);
        movement.heard(0, &at("data", 0.5), after(1));
        movement.heard(0, &at("data", 8.5), after(9));
        assert_eq!(movement.stands_still(after(10), 9), Some(9.0));
        assert_eq!(movement.stands_still(after(10), 10), None);
        assert_eq!(movement.stands_still(after(10_000), 0), None);
        // The other rank moves: the run does.
        movement.heard(1, &at("data", 0.1), after(11));
        assert_eq!(movement.stands_still(after(12), 9), None);
    }
}
