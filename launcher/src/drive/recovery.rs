//! After a failure: whom it is noted against, what is done about it, and who is told.

use super::Driver;
use super::course::{self, Course};
use crate::error::Error;
use crate::events::rfc3339;
use crate::standing::{Failure, State};
use crate::supervise::{Cause, End};
use serde_json::json;
use std::time::{Duration, Instant, SystemTime};

impl Driver<'_> {
    /// Whether the run goes on after a failure; if so, its nodes are those of the next start.
    pub(super) async fn recovers(&mut self, cause: &Cause) -> Result<bool, Error> {
        let faults = &self.asked.cluster.faults;
        let now = Instant::now();
        let blamed = self.places.node_of(cause.blamed, self.asked.cluster);
        let named = cause.verdict.as_ref().is_some_and(|verdict| verdict.rank.is_some());
        let is_known = named || !matches!(cause.end, End::Hung | End::Drained);
        if self.crew.members().len() > 1 && is_known {
            self.blame(blamed, now)?;
        }
        let course = self.history.course(
            cause,
            faults,
            self.places.replacement(&self.crew, blamed),
            self.asked.run_dir.stop().exists(),
            now,
        );
        self.note(cause, blamed, &course)?;
        Ok(course.goes_on())
    }

    /// Notes a failure of a node; one that fails again and again takes no part any more, if a spare is there.
    fn blame(&mut self, node: usize, now: Instant) -> Result<(), Error> {
        let faults = &self.asked.cluster.faults;
        let window = Duration::from_secs(faults.window);
        let has_spare = self.places.has_spare(&self.crew);
        let member = self.crew.member(node);
        member.failures.retain(|at| now.duration_since(*at) < window);
        member.failures.push(now);
        let failures = member.failures.len();
        if failures >= faults.cordon_after && has_spare && !member.is_cordoned {
            member.is_cordoned = true;
            let fields = json!({"node": node, "name": member.name, "failures": failures});
            self.events.record("cordoned", fields)?;
        }
        Ok(())
    }

    /// Tells everybody what went wrong and what is done about it.
    fn note(&mut self, cause: &Cause, blamed: usize, course: &Course) -> Result<(), Error> {
        let generation = self.events.count("started")? as u32;
        let node = self.crew.members()[blamed].name.clone();
        let (phase, step) = cause.reached.clone().unzip();
        let failure = Failure {
            time: rfc3339(SystemTime::now()),
            generation,
            kind: course::kind(cause).to_owned(),
            sentence: cause.to_string(),
            rank: Some(cause.blamed),
            node: (self.crew.members().len() > 1).then_some(node),
            course: course.name().to_owned(),
            phase,
            step: step.map(|step| step as u64),
        };
        if !course.goes_on() {
            self.events.record("failed", cause.json())?;
        }
        self.events.record("failure", failure.fields())?;
        self.standing.failed(failure);
        if course.goes_on() {
            self.standing.state(State::Recovering);
            let count = self.history.len();
            let most = self.asked.cluster.faults.max_failures;
            let how = course.words();
            let counted = match cause.end {
                End::Drained => String::new(),
                _ => format!(" (failure {count} of at most {most})"),
            };
            self.display.line(&format!("{cause}; {how}{counted}"));
        }
        Ok(())
    }
}
