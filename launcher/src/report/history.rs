//! What happened when: what went wrong or decided something in the open, everything folded away.

use super::files::{Event, Run};
use super::html::{count, duration, escape};

/// Events in the open, the newest; a run that is evaluated often has many.
const OPEN: usize = 30;

/// The events of a run.
pub(super) fn section(run: &Run) -> String {
    if run.events.is_empty() {
        return String::new();
    }
    let notable: Vec<&Event> =
        run.events.iter().filter(|event| class(&event.name).is_some()).collect();
    let shown = &notable[notable.len().saturating_sub(OPEN)..];
    let open = match (shown.len(), notable.len()) {
        (0, _) => String::new(),
        (some, all) if some < all => {
            format!(
                "<p class=\"note\">The last {some} of {} notable events.</p>{}",
                count(all),
                table(shown)
            )
        }
        _ => table(shown),
    };
    let spent = run.seconds().map_or(String::new(), |spent| format!(" over {}", duration(spent)));
    let all: Vec<&Event> = run.events.iter().collect();
    format!(
        "{open}<details><summary>{} events{spent}</summary>{}</details>",
        count(all.len()),
        table(&all)
    )
}

/// How the run stands, by its last event that says so.
pub(super) fn state(run: &Run) -> Option<&'static str> {
    run.events.iter().rev().find_map(|event| match event.name.as_str() {
        "done" => Some("done"),
        "failed" => Some("failed"),
        "stopped" => Some("stopped, to be continued"),
        "started" => Some("not finished"),
        _ => None,
    })
}

/// What is out of the ordinary: `alarm` where something went wrong.
fn class(name: &str) -> Option<&'static str> {
    match name {
        "incident" | "failed" | "killing" | "diverged" => Some("alarm"),
        "checkpoint-skipped" | "early-stop" | "evaluation" | "memory" | "resumed" | "stopped"
        | "stop-requested" | "kill-requested" => Some("told"),
        _ => None,
    }
}

fn table(events: &[&Event]) -> String {
    let rows: String = events
        .iter()
        .map(|event| {
            let class = class(&event.name).map_or(String::new(), |it| format!(" class=\"{it}\""));
            format!(
                "<tr{class}><td class=\"left\">{}</td><th scope=\"row\">{}</th>\
                 <td class=\"left wrap\" dir=\"auto\">{}</td></tr>",
                escape(&event.time),
                escape(&event.name),
                escape(&event.rest)
            )
        })
        .collect();
    format!("<div class=\"scroll\"><table class=\"events\"><tbody>{rows}</tbody></table></div>")
}
