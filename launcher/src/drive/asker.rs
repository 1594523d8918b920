//! Questions of a preflight, taken to the nodes of a crew.

use crate::crew::{Crew, News};
use crate::error::{Error, exit};
use crate::preflight::Ask;
use crate::wire::{Order, Probe, Report};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Between two looks at leases.
const TICK: Duration = Duration::from_millis(50);

/// Asks nodes through their agents.
pub struct Asker<'a> {
    /// Whom.
    pub crew: &'a mut Crew,
    /// Which of them, in the order that questions count them in.
    pub nodes: Vec<usize>,
    /// What nodes did meanwhile, beside answering.
    pub news: Vec<(usize, News)>,
}

impl Ask for Asker<'_> {
    async fn ask(
        &mut self,
        questions: Vec<(usize, Probe)>,
        patience: Duration,
    ) -> Vec<Result<Value, Error>> {
        let until = Instant::now() + patience;
        let questions: Vec<(usize, Probe)> =
            questions.into_iter().map(|(place, probe)| (self.nodes[place], probe)).collect();
        let asked: Vec<(usize, u64)> = questions.iter().map(|(node, it)| (*node, it.id)).collect();
        let mut answers: Vec<Option<Value>> = vec![None; asked.len()];
        for (node, probe) in questions {
            self.crew.order(node, Order::Probe(probe));
        }
        while Instant::now() < until && self.awaits(&asked, &answers) {
            if let Ok((node, news)) = tokio::time::timeout(TICK, self.crew.next()).await {
                match news {
                    News::Says(Report::Probed { id, found }) => {
                        // One that comes too late for its own preflight is nobody's.
                        let place = asked.iter().position(|question| *question == (node, id));
                        if let Some(place) = place {
                            answers[place] = Some(found);
                        }
                    }
                    news => self.news.push((node, news)),
                }
            }
            self.news.extend(self.crew.look(Instant::now()));
        }
        let answered = answers.into_iter().zip(asked);
        answered
            .map(|(answer, (node, _))| answer.ok_or_else(|| self.none(node, patience)))
            .collect()
    }
}

impl Asker<'_> {
    /// Whether somebody who is there has not answered yet.
    fn awaits(&self, asked: &[(usize, u64)], answers: &[Option<Value>]) -> bool {
        let open = asked.iter().zip(answers).filter(|(_, answer)| answer.is_none());
        open.into_iter().any(|((node, _), _)| self.crew.members()[*node].is_present())
    }

    fn none(&self, node: usize, patience: Duration) -> Error {
        let message = match self.crew.members()[node].is_present() {
            true => format!("no answer within {} s", patience.as_secs()),
            false => "its agent is not there".to_owned(),
        };
        Error::new(exit::TRANSIENT, message)
    }
}
