//! Which node has which ranks: fixed for as long as the node is there.

use crate::cluster::{Cluster, OnNodeLoss};
use crate::crew::Crew;
use std::time::Instant;

/// The node at each place; a place has as many ranks as every other.
pub struct Places {
    nodes: Vec<usize>,
    /// All nodes, spares included.
    all: usize,
    /// Whether spares take the places of nodes that are lost, not only of those that are cordoned.
    replaces: bool,
}

/// Who could take a node's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// It is there itself.
    NotNeeded,
    /// A spare is.
    Spare,
    /// Only it, if it comes back.
    Itself,
    /// Nobody: it is cordoned, and there is no spare.
    Nobody,
}

impl Places {
    /// The first nodes, as many as `cluster` works with; the others are spares.
    pub fn new(cluster: &Cluster, all: usize) -> Self {
        let replaces = cluster.faults.on_node_loss == OnNodeLoss::Spare;
        Self { nodes: (0..cluster.nodes.min(all)).collect(), all, replaces }
    }

    /// The node at each place.
    pub fn nodes(&self) -> &[usize] {
        &self.nodes
    }

    /// The node of each rank.
    pub fn of_ranks(&self, cluster: &Cluster) -> Vec<usize> {
        (0..cluster.ranks).map(|rank| self.node_of(rank, cluster)).collect()
    }

    /// The node of a rank.
    pub fn node_of(&self, rank: usize, cluster: &Cluster) -> usize {
        self.nodes[(rank / cluster.ranks_per_node()).min(self.nodes.len() - 1)]
    }

    /// Puts spares that are there where nodes are lost or cordoned.
    pub fn fill(&mut self, crew: &Crew) {
        let members = crew.members();
        for place in 0..self.nodes.len() {
            let member = &members[self.nodes[place]];
            // Who has never been asked in vain is still awaited.
            let is_needed = member.is_cordoned || (member.is_missing() && self.replaces);
            if is_needed && let Some(spare) = self.spare(crew) {
                self.nodes[place] = spare;
            }
        }
    }

    /// Names of the nodes that are not there.
    pub fn missing(&self, crew: &Crew) -> Vec<String> {
        let members = crew.members();
        let missing = self.nodes.iter().filter(|node| !members[**node].is_present());
        missing.map(|node| members[*node].name.clone()).collect()
    }

    /// Nodes that will not come, if there are more of them than spares that may still take their places; else
    /// none.
    pub fn forsaken(&self, crew: &Crew) -> Vec<usize> {
        let members = crew.members();
        let may_come = |node: &usize| {
            let member = &members[*node];
            !member.is_cordoned && !member.is_leaving && !member.stays_away()
        };
        let spares = (0..self.all).filter(|node| !self.nodes.contains(node) && may_come(node));
        let spares = spares.count();
        let is_away = |node: &usize| {
            let member = &members[*node];
            member.stays_away() || (member.is_cordoned && !member.is_present())
        };
        let away: Vec<usize> = self.nodes.iter().copied().filter(is_away).collect();
        let cordoned = away.iter().filter(|node| members[**node].is_cordoned).count();
        // Where spares do not take the places of those that are lost, they do of those that take no part any more.
        let replaced = if self.replaces { spares } else { spares.min(cordoned) };
        if away.len() > replaced { away } else { Vec::new() }
    }

    /// Who could take the place of `node`.
    pub fn replacement(&self, crew: &Crew, node: usize) -> Replacement {
        let member = &crew.members()[node];
        match (member.is_cordoned || !member.is_present(), self.spare(crew)) {
            (false, _) => Replacement::NotNeeded,
            (true, Some(_)) => Replacement::Spare,
            (true, None) if member.is_cordoned => Replacement::Nobody,
            (true, None) => Replacement::Itself,
        }
    }

    /// Whether a spare is there.
    pub fn has_spare(&self, crew: &Crew) -> bool {
        self.spare(crew).is_some()
    }

    /// Nodes whose places are empty, and that were there before: they may come back.
    pub fn to_invite(&self, crew: &Crew, now: Instant) -> Vec<usize> {
        let members = crew.members();
        let is_gone =
            |node: &&usize| members[**node].facts.is_some() && members[**node].may_be_invited(now);
        self.nodes.iter().filter(is_gone).copied().collect()
    }

    fn spare(&self, crew: &Crew) -> Option<usize> {
        let is_free = |node: &usize| {
            let member = &crew.members()[*node];
            !self.nodes.contains(node) && member.is_present() && !member.is_cordoned
        };
        (0..self.all).find(is_free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stays_away_is_waited_for_while_a_spare_may_come() {
        let cluster = Cluster { ranks: 2, nodes: 2, spares: 2, ..Cluster::of_this_machine() };
        let places = Places::new(&cluster, 4);
        let mut crew = Crew::awaited(&["a", "b", "c", "d"]);
        let ends = |crew: &mut Crew, node: usize| {
            crew.member(node).farewell = Some("its key is not known".to_owned());
            crew.member(node).is_absent = true;
            places.forsaken(crew)
        };
        assert_eq!(places.forsaken(&crew), [0; 0]);
        assert_eq!(ends(&mut crew, 1), [0; 0]);
        // Two spares, two places: of the spares the last one counts, too.
        assert_eq!(ends(&mut crew, 0), [0; 0]);
        assert_eq!(ends(&mut crew, 3), [0, 1]);
        // Who was there once may come back.
        crew.member(0).facts = Some(crate::wire::Facts::default());
        assert_eq!(places.forsaken(&crew), [0; 0]);
        crew.member(2).is_cordoned = true;
        assert_eq!(places.forsaken(&crew), [1]);
    }

    #[test]
    fn spares_that_take_nobodys_place_are_not_waited_for() {
        let mut cluster = Cluster { ranks: 2, nodes: 2, spares: 1, ..Cluster::of_this_machine() };
        cluster.faults.on_node_loss = OnNodeLoss::Restart;
        let places = Places::new(&cluster, 3);
        let mut crew = Crew::awaited(&["a", "b", "c"]);
        crew.member(1).farewell = Some("its key is not known".to_owned());
        crew.member(1).is_absent = true;
        assert_eq!(places.forsaken(&crew), [1]);
        // It takes the place of one that takes no part any more.
        crew.member(1).is_cordoned = true;
        assert_eq!(places.forsaken(&crew), [0; 0]);
    }

    #[test]
    fn who_takes_no_part_any_more_is_not_waited_for() {
        let cluster = Cluster { ranks: 2, nodes: 2, spares: 1, ..Cluster::of_this_machine() };
        let places = Places::new(&cluster, 3);
        let mut crew = Crew::awaited(&["a", "b", "c"]);
        crew.member(1).facts = Some(crate::wire::Facts::default());
        crew.give_up(1);
        assert_eq!(places.forsaken(&crew), [0; 0], "a spare may come");
        crew.give_up(2);
        assert_eq!(places.forsaken(&crew), [1]);
    }
}
