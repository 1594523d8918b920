//! The nodes of a start: awaited until every place has one, or none will come.

use super::{Driver, heard};
use crate::error::{Error, exit};
use crate::interrupt::Request;
use serde_json::json;
use std::time::{Duration, Instant};

/// How often files and leases are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long nodes may take until it is said that they are awaited.
const QUIET: Duration = Duration::from_secs(2);

impl Driver<'_> {
    /// Waits until every place has a node that is there; `false`: somebody wants the run to end.
    pub(super) async fn assemble(&mut self) -> Result<bool, Error> {
        let patience = self.asked.cluster.deadlines.join;
        let begun = Instant::now();
        let mut told = false;
        loop {
            if self.crew.is_leaving_home() {
                self.events.record("stop-requested", json!({"by": "node"}))?;
                return Ok(false);
            }
            self.places.fill(&self.crew);
            let missing = self.places.missing(&self.crew);
            if missing.is_empty() {
                return Ok(true);
            }
            // Whatever came last, of a spare or of another node: it is asked again of all.
            let forsaken = self.places.forsaken(&self.crew);
            if let Some(first) = forsaken.first() {
                return Err(self.forsaken(*first, &forsaken));
            }
            if begun.elapsed() >= patience {
                return Err(self.incomplete(&missing, patience));
            }
            if !told && begun.elapsed() > QUIET {
                told = true;
                self.display.line(&format!("waiting for {}", listed(&missing)));
            }
            if !self.awaited().await? {
                return Ok(false);
            }
        }
    }

    /// Waits for news, for a moment; `false`: somebody wants the run to end.
    pub(super) async fn awaited(&mut self) -> Result<bool, Error> {
        tokio::select! {
            (node, news) = self.crew.next() => heard(self.events, &self.crew, node, &news)?,
            request = self.interrupts.next() => if request == Request::Stop {
                self.events.record("stop-requested", json!({}))?;
                return Ok(false);
            },
            () = tokio::time::sleep(LOOK) => {
                if self.asked.run_dir.stop().exists() {
                    self.events.record("stop-requested", json!({"by": "file"}))?;
                    return Ok(false);
                }
                for (node, news) in self.crew.look(Instant::now()) {
                    heard(self.events, &self.crew, node, &news)?;
                }
                // Whoever was there is asked to come back, until it does or patience ends.
                for node in self.places.to_invite(&self.crew, Instant::now()) {
                    self.crew.invite(node);
                }
            }
        }
        Ok(true)
    }

    /// Nobody will come to these places; the first says why.
    fn forsaken(&self, first: usize, nodes: &[usize]) -> Error {
        let members = self.crew.members();
        let names: Vec<String> = nodes.iter().map(|node| members[*node].name.clone()).collect();
        let words = members[first].farewell.clone().unwrap_or_default();
        absence(&listed(&names), &words, members[first].refusal.clone())
    }

    fn incomplete(&self, missing: &[String], waited: Duration) -> Error {
        let members = self.crew.members().iter();
        let said = members.filter(|member| missing.contains(&member.name)).find_map(|member| {
            Some(format!(" (`{}`: {})", member.name, member.farewell.as_ref()?))
        });
        let (seconds, missing) = (waited.as_secs(), listed(missing));
        let message =
            format!("waited {seconds} s for {missing}, in vain{}", said.unwrap_or_default());
        Error::new(exit::TRANSIENT, message)
            .hint("deadlines.join says how long; agents' own words are in RUN/logs/agent-*.log")
    }
}

/// Nodes did not come; `refusal` says it best, where one could not even be asked to.
pub(super) fn absence(who: &str, words: &str, refusal: Option<Error>) -> Error {
    let message = format!("{who} did not come: {words}");
    let (code, hint) = match refusal {
        Some(refusal) => (refusal.code, refusal.hint),
        None => (exit::BACKEND, None),
    };
    Error::new(code, message).hint(hint.unwrap_or_else(|| {
        "`knowcoder doctor --cluster FILE` looks at every node; agents' own words are in RUN/logs".to_owned()
    }))
}

/// `node a`, `nodes a, b and 3 more`.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("node{} {shown}{more}", if names.len() == 1 { "" } else { "s" })
}
