//! What nodes answer, awaited while all of them are heard and their leases go on.

use super::{Driver, heard};
use crate::crew::{Crew, News};
use crate::error::{Error, exit};
use crate::events::Events;
use crate::wire::{Order, Report};
use std::time::{Duration, Instant};

/// How long news is awaited before leases are looked at.
const MOMENT: Duration = Duration::from_millis(50);

/// How long a node may take, at least, to do what is done at once.
const AT_ONCE: Duration = Duration::from_secs(10);

impl Driver<'_> {
    /// Ends what is left of a start on its nodes.
    pub(super) async fn clear(&mut self, generation: u32, places: &[usize]) -> Result<(), Error> {
        let mut left = places.to_vec();
        left.sort_unstable();
        left.dedup();
        for node in &left {
            self.crew.order(*node, Order::Clear { generation });
        }
        let until = Instant::now() + self.patience();
        loop {
            left.retain(|node| self.crew.members()[*node].is_present());
            if left.is_empty() || Instant::now() >= until {
                break;
            }
            if let Some((node, Report::Cleared { generation: of })) =
                attend(&mut self.crew, self.events).await?
                && of == generation
            {
                left.retain(|it| *it != node);
            }
        }
        for node in left {
            // What is left there must not stand in the way of the next start.
            self.crew.give_up(node);
        }
        Ok(())
    }

    /// How long a node may take to do what is done at once: one that is cut off is lost by its lease before.
    fn patience(&self) -> Duration {
        AT_ONCE.max(2 * Duration::from_secs(self.asked.cluster.faults.lease))
    }

    /// The first report of a node that `is_it`, if it comes in time and the node stays.
    pub(super) async fn answer<T>(
        &mut self,
        node: usize,
        is_it: impl Fn(Report) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let until = Instant::now() + self.patience();
        while Instant::now() < until && self.crew.members()[node].is_present() {
            if let Some((who, report)) = attend(&mut self.crew, self.events).await?
                && who == node
                && let Some(found) = is_it(report)
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// What a node says next, if it says anything for a moment; what nodes do is noted, and their leases go on.
pub async fn attend(
    crew: &mut Crew,
    events: &mut Events,
) -> Result<Option<(usize, Report)>, Error> {
    let mut said = None;
    if let Ok((node, news)) = tokio::time::timeout(MOMENT, crew.next()).await {
        heard(events, crew, node, &news)?;
        if let News::Says(report) = news {
            said = Some((node, report));
        }
    }
    for (node, news) in crew.look(Instant::now()) {
        heard(events, crew, node, &news)?;
    }
    Ok(said)
}

/// What `ask` finds out on a thread of its own, while nodes are heard and keep their leases.
pub async fn meanwhile<T: Send + 'static>(
    crew: &mut Crew,
    events: &mut Events,
    ask: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let asking = tokio::task::spawn_blocking(ask);
    while !asking.is_finished() {
        attend(crew, events).await?;
    }
    asking.await.map_err(|error| {
        Error::new(exit::BUG, format!("a question ended before it was answered: {error}"))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn nodes_are_heard_while_somebody_else_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = Events::open(&folder.path().join("events.jsonl")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut crew = Crew::here(PathBuf::from("/bin/sh"), Duration::from_millis(100));
            assert!(!crew.members()[0].is_present(), "it has not said who it is");
            let slow = || {
                std::thread::sleep(Duration::from_millis(500));
                7
            };
            assert_eq!(meanwhile(&mut crew, &mut events, slow).await.unwrap(), 7);
            assert!(crew.members()[0].is_present());
        });
    }
}
