//! Whether ranks move, and where each of them is, as they say themselves.

use crate::hang::{self, Verdict};
use crate::message::{Message, Where};
use crate::standing::Rank;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many of a rank's words on where it is say how it spends its time: about a minute.
const SAMPLES: usize = 60;

/// A rank that hardly waits while the others mostly do is one that they wait for.
const HARDLY: f64 = 0.1;
const MOSTLY: f64 = 0.5;

/// Where all ranks of a start are.
pub struct Movement {
    ranks: Vec<Option<(Where, Instant)>>,
    moved: Instant,
    /// Of each rank's newest words, which said that it waits for others.
    waits: Vec<VecDeque<bool>>,
    /// Ranks that were named as stragglers.
    named: Vec<usize>,
}

impl Movement {
    /// Of ranks that have said nothing yet.
    pub fn new(world: usize) -> Self {
        let waits = vec![VecDeque::new(); world];
        Self { ranks: vec![None; world], moved: Instant::now(), waits, named: Vec::new() }
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
        let waits = &mut self.waits[rank];
        waits.push_back(is_wait(&place.section));
        if waits.len() > SAMPLES {
            waits.pop_front();
        }
    }

    /// A rank that all others wait for most of the time, and how much of theirs that is; each is named once.
    pub fn straggler(&mut self) -> Option<(usize, f64)> {
        let is_known = self.waits.len() > 1 && self.waits.iter().all(|it| it.len() == SAMPLES);
        if !is_known {
            return None;
        }
        let share = |waits: &VecDeque<bool>| {
            waits.iter().filter(|wait| **wait).count() as f64 / SAMPLES as f64
        };
        let shares: Vec<f64> = self.waits.iter().map(share).collect();
        let rank = (0..shares.len()).min_by(|a, b| shares[*a].total_cmp(&shares[*b]))?;
        let others = shares.iter().enumerate().filter(|(other, _)| *other != rank);
        let least = others.map(|(_, share)| *share).fold(1.0, f64::min);
        let is_one = shares[rank] <= HARDLY && least >= MOSTLY && !self.named.contains(&rank);
        is_one.then(|| {
            self.named.push(rank);
            (rank, least)
        })
    }

    /// Seconds since anything moved, if they are at least `limit`; with a limit of 0 never.
    pub fn stands_still(&self, now: Instant, limit: u64) -> Option<f64> {
        let seconds = now.duration_since(self.moved);
        (limit > 0 && seconds >= Duration::from_secs(limit)).then_some(seconds.as_secs_f64())
    }

    /// Who keeps the others waiting at `now`, as far as ranks have said where they are; `places` are the nodes of
    /// ranks, `names` those of nodes.
    pub fn verdict(&self, places: &[usize], names: &[String], now: Instant) -> Option<Verdict> {
        let place = |(rank, known): (usize, &Option<(Where, Instant)>)| {
            let node = places.get(rank).copied().unwrap_or_default();
            let Some((place, heard)) = known else { return Rank { node, ..Rank::default() } };
            Rank {
                node,
                section: place.section.clone(),
                phase: place.phase.clone(),
                step: place.step,
                seconds: place.seconds + now.duration_since(*heard).as_secs_f64(),
                silent: now.duration_since(*heard).as_secs_f64(),
                ..Rank::default()
            }
        };
        let ranks: Vec<Rank> = self.ranks.iter().enumerate().map(place).collect();
        hang::verdict(&ranks, names)
    }
}

/// Whether a rank in this section waits for others: an operation over ranks has its number.
fn is_wait(section: &str) -> bool {
    section.rsplit_once(' ').is_some_and(|(_, number)| number.parse::<u64>().is_ok())
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

    #[test]
    fn who_never_waits_while_all_others_do_is_a_straggler() {
        let mut movement = Movement::new(3);
        let now = Instant::now();
        for sample in 0..SAMPLES {
            assert_eq!(movement.straggler(), None);
            movement.heard(
                0,
                &at(if sample % 3 == 0 { "compute" } else { "all-reduce 8" }, 0.1),
                now,
            );
            movement.heard(1, &at("compute", 0.1), now);
            movement.heard(2, &at(if sample % 2 == 0 { "data" } else { "barrier 9" }, 0.1), now);
        }
        let (rank, share) = movement.straggler().unwrap_or_default();
        assert_eq!((rank, share), (1, 0.5));
        assert_eq!(movement.straggler(), None);
    }
}
