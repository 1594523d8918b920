//! Numbers of a server, as Prometheus reads them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use trainer::serve::Stats;

/// Seconds that requests are sorted by.
const BOUNDS: [f64; 10] = [0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 300.0];

/// Requests over HTTP.
#[derive(Debug, Default)]
pub struct Counts {
    routes: Mutex<BTreeMap<&'static str, Route>>,
}

#[derive(Clone, Debug, Default)]
struct Route {
    /// By status.
    responses: BTreeMap<u16, u64>,
    /// By [`BOUNDS`]; the last one is all.
    within: [u64; BOUNDS.len() + 1],
    seconds: f64,
}

impl Counts {
    /// A request was answered; of a stream, its beginning.
    pub fn add(&self, route: &'static str, status: u16, took: Duration) {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let route = routes.entry(route).or_default();
        *route.responses.entry(status).or_default() += 1;
        route.seconds += took.as_secs_f64();
        for (count, bound) in route.within.iter_mut().zip(BOUNDS.iter().chain([&f64::INFINITY])) {
            *count += u64::from(took.as_secs_f64() <= *bound);
        }
    }

    /// All requests.
    pub fn total(&self) -> u64 {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.values().flat_map(|route| route.responses.values()).sum()
    }

    /// The text that Prometheus reads; `stats` are the model's, once it is there.
    pub fn text(&self, stats: Option<Stats>) -> String {
        let mut text = String::new();
        let head = |text: &mut String, name: &str, kind: &str, help: &str| {
            // Writing to a string does not fail.
            let _ =
                writeln!(text, "# HELP knowcoder_{name} {help}\n# TYPE knowcoder_{name} {kind}");
        };
        let is_ready = u8::from(stats.is_some());
        head(&mut text, "ready", "gauge", "1 if the model is read.");
        let _ = writeln!(text, "knowcoder_ready {is_ready}");
        let stats = stats.unwrap_or_default();
        let gauges = [
            ("queue_length", stats.waiting, "Prompts that wait for a row."),
            ("prompts_in_work", stats.in_work, "Prompts that are being read or answered."),
        ];
        for (name, value, help) in gauges {
            head(&mut text, name, "gauge", help);
            let _ = writeln!(text, "knowcoder_{name} {value}");
        }
        let counters = [
            ("prompts_total", stats.taken, "Prompts that were taken."),
            ("prompts_answered_total", stats.answered, "Prompts that were answered to the end."),
            ("prompts_withdrawn_total", stats.withdrawn, "Prompts whose asker went away."),
            ("prompts_late_total", stats.late, "Prompts whose time was over."),
            ("prompts_refused_total", stats.refused, "Prompts that found the queue full."),
            ("prompt_tokens_total", stats.prompt_tokens, "Tokens of prompts that were taken."),
            ("answer_tokens_total", stats.answer_tokens, "Tokens that were generated."),
        ];
        for (name, value, help) in counters {
            head(&mut text, name, "counter", help);
            let _ = writeln!(text, "knowcoder_{name} {value}");
        }
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        head(&mut text, "http_requests_total", "counter", "Requests by route and status.");
        for (name, route) in routes.iter() {
            for (status, count) in &route.responses {
                let _ = writeln!(
                    text,
                    "knowcoder_http_requests_total{{route=\"{name}\",status=\"{status}\"}} {count}"
                );
            }
        }
        head(
            &mut text,
            "http_request_seconds",
            "histogram",
            "Seconds until a request was answered; of a stream, until it began.",
        );
        for (name, route) in routes.iter() {
            let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
            for (bound, count) in bounds.zip(route.within) {
                let _ = writeln!(
                    text,
                    "knowcoder_http_request_seconds_bucket{{route=\"{name}\",le=\"{bound}\"}} {count}"
                );
            }
            let (sum, all) = (route.seconds, route.within[BOUNDS.len()]);
            let _ = writeln!(text, "knowcoder_http_request_seconds_sum{{route=\"{name}\"}} {sum}");
            let _ =
                writeln!(text, "knowcoder_http_request_seconds_count{{route=\"{name}\"}} {all}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_prometheus_reads() {
        let counts = Counts::default();
        counts.add("/extract", 200, Duration::from_millis(20));
        counts.add("/extract", 429, Duration::from_millis(700));
        let text = counts.text(Some(Stats { waiting: 3, answered: 5, ..Stats::default() }));
        for line in [
            "knowcoder_ready 1",
            "knowcoder_queue_length 3",
            "knowcoder_prompts_answered_total 5",
            "knowcoder_http_requests_total{route=\"/extract\",status=\"429\"} 1",
            "knowcoder_http_request_seconds_bucket{route=\"/extract\",le=\"0.05\"} 1",
            "knowcoder_http_request_seconds_bucket{route=\"/extract\",le=\"+Inf\"} 2",
            "knowcoder_http_request_seconds_sum{route=\"/extract\"} 0.72",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(counts.total(), 2);
        assert!(counts.text(None).contains("knowcoder_ready 0\n"));
    }
}
