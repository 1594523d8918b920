//! One question to one node.

use super::{Answer, Trouble, effort, facts, files, links, storage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A check: its name, the seconds that it may take, what it does.
struct Check(&'static str, u64, fn(&Value) -> Answer<Value>);

const CHECKS: [Check; 12] = [
    Check("clock", 2, |_| found(Ok(now()))),
    Check("facts", 15, |with| found(asked(with).and_then(|it| facts::facts(&it)))),
    Check("recipe", 5, |with| found(asked(with).and_then(|it| files::recipe(&it)))),
    Check("manifests", 15, |with| found(asked(with).and_then(|it| files::manifests(&it)))),
    Check("port", 3, |with| found(asked(with).and_then(|it| links::port(&it)))),
    Check("listen", 3, |with| found(asked(with).and_then(|it| links::listen(&it)))),
    Check("connect", 8, |with| found(asked(with).and_then(|it| links::connect(&it)))),
    Check("token", 12, storage::token),
    Check("room", 10, |with| found(asked(with).and_then(|it| storage::room(&it)))),
    Check("checkpoint", 12, storage::checkpoint),
    Check("compute", 4, |_| found(Ok(effort::of_one_core()))),
    Check("clear", 4, |with| found(asked(with).and_then(|it| storage::clear(&it)))),
];

/// Seconds that a node takes for a check at most.
pub fn patience(check: &str) -> u64 {
    CHECKS.iter().find(|it| it.0 == check).map_or(0, |it| it.1)
}

/// Looks at one thing on this node, as a coordinator asks: what was found, or a [`Trouble`].
///
/// It blocks, but no longer than the check may take. A look that hangs, as at a file system whose server is
/// gone, is left behind on its thread.
pub fn probe(check: &str, with: &Value) -> Value {
    let Some(Check(name, seconds, look)) = CHECKS.iter().find(|it| it.0 == check) else {
        let known = CHECKS.each_ref().map(|it| it.0).join(", ");
        return failed(&Trouble::new(format!("unknown check `{check}`; known are: {known}")));
    };
    let (tell, told) = sync_channel(1);
    let (look, with) = (*look, with.clone());
    let spawned = thread::Builder::new().name(format!("preflight-{name}")).spawn(move || {
        // Nobody listens any more where the time is up.
        let _ = tell.send(look(&with));
    });
    if let Err(error) = spawned {
        return failed(&Trouble::new(format!("`{check}` cannot start a thread: {error}")));
    }
    match told.recv_timeout(Duration::from_secs(*seconds)) {
        Ok(Ok(value)) => value,
        Ok(Err(trouble)) => failed(&trouble),
        Err(RecvTimeoutError::Timeout) => {
            failed(&Trouble::new(format!("`{check}` took longer than {seconds} s")))
        }
        Err(RecvTimeoutError::Disconnected) => {
            failed(&Trouble::new(format!("`{check}` ended by a panic; see the agent's log")))
        }
    }
}

/// What a question asks for.
pub(super) fn asked<T: DeserializeOwned>(with: &Value) -> Answer<T> {
    T::deserialize(with)
        .map_err(|error| Trouble::new(format!("the question cannot be read: {error}")))
}

/// What a look found, as it travels.
pub(super) fn found(answer: Answer<impl Serialize>) -> Answer<Value> {
    serde_json::to_value(answer?)
        .map_err(|error| Trouble::new(format!("the answer cannot be written: {error}")))
}

/// What travelled, as the look found it.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Answer<T> {
    if value.get("error").is_some() {
        return Err(asked(&value)?);
    }
    serde_json::from_value(value).map_err(|error| {
        Trouble::new(format!("its answer cannot be read: {error}"))
            .way("start all agents from one build")
    })
}

fn failed(trouble: &Trouble) -> Value {
    json!(trouble)
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
