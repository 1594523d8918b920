//! The events of `events.jsonl`, and what follows from them.

use super::lines::{self, Broken};
use super::plain;
use data_pipeline::Error;
use serde_json::{Map, Value};
use std::path::Path;

/// One line of `events.jsonl`.
#[derive(Debug, Default)]
pub(in crate::report) struct Event {
    /// When, readable.
    pub time: String,
    /// What.
    pub name: String,
    /// Everything else that the line says.
    pub rest: String,
    /// When, since 1970.
    pub seconds: Option<f64>,
    /// The line.
    pub fields: Map<String, Value>,
}

/// From which step on how many ranks worked on a run.
#[derive(Debug)]
pub(in crate::report) struct World {
    /// A phase and its steps that were done before; from the start where there is none.
    pub after: Option<(String, u64)>,
    /// How many.
    pub ranks: f64,
}

/// Reads the log.
pub(super) fn read(path: &Path, broken: &mut Vec<Broken>) -> Result<Vec<Event>, Error> {
    let mut events = Vec::new();
    lines::each(path, broken, |fields: Map<String, Value>| events.push(Event::of(fields)))?;
    Ok(events)
}

/// The worlds that a run had, in their order.
pub(in crate::report) fn worlds(events: &[Event]) -> Vec<World> {
    let mut worlds: Vec<World> = Vec::new();
    for event in events {
        let number = |key: &str| event.fields.get(key).and_then(Value::as_u64);
        match (event.name.as_str(), worlds.last_mut()) {
            ("started", _) => {
                if let Some(ranks) = number("world").filter(|ranks| *ranks > 0) {
                    worlds.push(World { after: None, ranks: ranks as f64 });
                }
            }
            ("resumed", Some(world)) => {
                let phase = event.fields.get("phase").map(plain).unwrap_or_default();
                world.after = Some((phase, number("step").unwrap_or_default()));
            }
            _ => {}
        }
    }
    worlds
}

/// The steps of the phase that have a checkpoint, ascending.
pub(in crate::report) fn checkpoints(events: &[Event], phase: &str) -> Vec<u64> {
    let step = |event: &Event| {
        let path = plain(event.fields.get("path")?);
        let name = path.rsplit('/').next()?;
        let (of, step) = name.rsplit_once('-')?;
        step.parse().ok().filter(|_| of == phase)
    };
    let mut steps: Vec<u64> =
        events.iter().filter(|event| event.name == "checkpoint").filter_map(step).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

impl Event {
    fn of(fields: Map<String, Value>) -> Self {
        let rest = fields.iter().filter(|(key, _)| !["time", "event"].contains(&key.as_str()));
        let rest: Vec<String> =
            rest.map(|(key, value)| format!("{key} {}", plain(value))).collect();
        let (time, seconds) = fields.get("time").map_or((String::new(), None), moment);
        let name = fields.get("event").map(plain).unwrap_or_default();
        Self { time, name, rest: rest.join(" · "), seconds, fields }
    }
}

/// A time of the event log (RFC 3339, UTC), readable; and its seconds since 1970.
fn moment(value: &Value) -> (String, Option<f64>) {
    let text = plain(value);
    match (seconds(&text), text.get(..19)) {
        (Some(seconds), Some(second)) => (second.replace('T', " ") + " UTC", Some(seconds)),
        _ => (text, None),
    }
}

/// Seconds since 1970 of `2026-03-01T09:30:00.500Z`.
fn seconds(text: &str) -> Option<f64> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    // Other years are no calendar's, and beyond what the sums below hold.
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let mut parts = time.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // Howard Hinnant's days_from_civil: years begin in March, so that a leap day ends one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let seconds = (days - 719_468) as f64 * 86_400.0 + hour * 3_600.0 + minute * 60.0 + second;
    seconds.is_finite().then_some(seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, seconds, readable) in [
            ("1970-01-01T00:00:00Z", Some(0.0), "1970-01-01 00:00:00 UTC"),
            ("2000-02-29T12:34:56Z", Some(951_827_696.0), "2000-02-29 12:34:56 UTC"),
            ("2026-03-01T09:30:00.500Z", Some(1_772_357_400.5), "2026-03-01 09:30:00 UTC"),
            ("2026-03-01T09:30:00+02:00", None, "2026-03-01T09:30:00+02:00"),
            ("2026-03-01Tinf:30:00Z", None, "2026-03-01Tinf:30:00Z"),
            ("noon", None, "noon"),
        ] {
            assert_eq!(moment(&Value::from(text)), (readable.to_owned(), seconds));
        }
    }

    #[test]
    fn checkpoints_and_worlds_follow_from_events() {
        let lines = [
            r#"{"event":"started","world":2}"#,
            r#"{"event":"checkpoint","path":"/r/checkpoints/a-b-000400"}"#,
            r#"{"event":"checkpoint","path":"/r/checkpoints/a-b-000200"}"#,
            r#"{"event":"checkpoint","path":"/r/checkpoints/b-000100"}"#,
            r#"{"event":"checkpoint","path":7}"#,
            r#"{"event":"started","world":4}"#,
            r#"{"event":"resumed","phase":"a-b","step":400}"#,
        ];
        let events: Vec<Event> =
            lines.iter().map(|line| Event::of(serde_json::from_str(line).unwrap())).collect();
        assert_eq!(checkpoints(&events, "a-b"), [200, 400]);
        assert_eq!(checkpoints(&events, "b"), [100]);
        let told: Vec<_> = worlds(&events).into_iter().map(|it| (it.after, it.ranks)).collect();
        assert_eq!(told, [(None, 2.0), (Some(("a-b".to_owned(), 400)), 4.0)]);
    }
}
