//! One question to a server that speaks OpenAI's chat completions, and what came of it.
//!
//! Nothing here decides whether to ask again: an [`Attempt`] says whose fault it was and whether it
//! may have been paid for. The key is read once, sent in a header and shown nowhere.

use super::config::Server;
use crate::Error;
use serde::Deserialize;
use serde_json::Value;
use std::io::ErrorKind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use ureq::Agent;

/// What came of asking once.
#[derive(Debug)]
pub enum Attempt {
    /// A whole reply.
    Reply(Reply),
    /// The server will never answer this question, as it is too long or not allowed.
    Refused(String),
    /// The reply was cut or is no reply; it may have been paid for.
    Broken(String),
    /// The server is too busy, too slow or not there.
    Busy {
        /// What it said.
        reason: String,
        /// How long it wants to be left alone.
        wait: Option<Duration>,
        /// Whether the question may have been paid for.
        paid: bool,
        /// 69 if nobody is there, 75 if somebody is.
        code: u8,
    },
    /// No question of this job will be answered.
    Wrong(Error),
}

/// A reply and what the server counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its text; none where the model refused.
    pub text: Option<String>,
    /// Why it ends.
    pub finish: String,
    /// Tokens of question and reply, if the server counts them.
    pub tokens: Option<(u64, u64)>,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

/// The longest that a server is left alone because it asks for it.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// A connection to a server; threads share it.
pub struct Client {
    agent: Agent,
    url: String,
    key: Option<String>,
    pace: Mutex<Pace>,
}

impl Client {
    /// A client that asks nothing yet; refuses if the variable of the key is not set.
    pub fn new(server: &Server) -> Result<Self, Error> {
        let url = format!("{}/chat/completions", server.url.trim_end_matches('/'));
        let key = match &server.key_env {
            None => None,
            Some(name) => match std::env::var(name) {
                Ok(key) if !key.trim().is_empty() => Some(key.trim().to_owned()),
                _ => {
                    let message = format!(
                        "the variable `{name}`, which `server.key_env` names, is not set; export it, \
                         or leave `key_env` out for a server that needs no key"
                    );
                    return Err(Error::Server { url, message, code: 64 });
                }
            },
        };
        // What proxies are for is elsewhere.
        let local = ["//127.", "//localhost", "//[::1]"].iter().any(|host| url.contains(host));
        let proxy = if local { None } else { ureq::Proxy::try_from_env() };
        let config = Agent::config_builder()
            .proxy(proxy)
            .timeout_global(Some(server.timeout()))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        let pace = Mutex::new(Pace::new(server, Instant::now()));
        Ok(Self { agent: Agent::new_with_config(config), url, key, pace })
    }

    /// Where it asks.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// When a question of so many tokens may be sent.
    pub fn turn(&self, tokens: u64) -> Instant {
        self.pace().book(Instant::now(), tokens)
    }

    /// Lets no question go for `wait`.
    pub fn hold(&self, wait: Duration) {
        self.pace().hold(Instant::now() + wait);
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks once.
    pub fn ask(&self, request: &Value) -> Attempt {
        let mut builder =
            self.agent.post(self.url.as_str()).header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            builder = builder.header("Authorization", format!("Bearer {key}"));
        }
        let mut response = match builder.send(request.to_string().as_str()) {
            Ok(response) => response,
            Err(error) => return failed(&error),
        };
        let status = response.status().as_u16();
        let wait = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .and_then(seconds);
        let body = match response.body_mut().read_to_string() {
            Ok(body) => body,
            Err(error) if status == 200 => return failed(&error),
            // What a failure says is of use only if it can be read.
            Err(_) => String::new(),
        };
        match status {
            200 => read(&body),
            408 | 425 | 429 | 500..=599 => Attempt::Busy {
                reason: format!("HTTP {status}{}", self.quoted(&body)),
                wait,
                paid: false,
                code: 75,
            },
            400 | 413 | 422 if is_about_this(&body) => {
                Attempt::Refused(format!("HTTP {status}{}", self.quoted(&body)))
            }
            _ => Attempt::Wrong(self.wrong(status, &body)),
        }
    }

    /// What is wrong with the job, as the server sees it.
    fn wrong(&self, status: u16, body: &str) -> Error {
        let message = match status {
            // Such a reply may repeat the key, so it is not quoted.
            401 | 403 => format!(
                "HTTP {status}: the key is refused; `server.key_env` names the variable that holds it"
            ),
            404 => format!(
                "HTTP 404{}; look at `server.url` and at the names of the models",
                self.quoted(body)
            ),
            _ => format!("HTTP {status}{}", self.quoted(body)),
        };
        Error::Server { url: self.url.clone(), message, code: 64 }
    }

    /// What a failure says, one short line without the key.
    fn quoted(&self, body: &str) -> String {
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        let Some(text) = value["error"]["message"].as_str() else { return String::new() };
        let text = match &self.key {
            Some(key) => text.replace(key.as_str(), "***"),
            None => text.to_owned(),
        };
        let line: String =
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        format!(": {line}")
    }
}

/// Whether a refusal is about this question and not about all of them.
fn is_about_this(body: &str) -> bool {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    let code = value["error"]["code"].as_str().unwrap_or_default();
    matches!(code, "context_length_exceeded" | "content_filter" | "content_policy_violation")
}

/// A request that got no reply, or a part of one.
fn failed(error: &ureq::Error) -> Attempt {
    let reason = error.to_string();
    let busy = |paid, code| Attempt::Busy { reason: reason.clone(), wait: None, paid, code };
    match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => busy(false, 69),
        ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => busy(false, 69),
        ureq::Error::Io(error) if error.kind() == ErrorKind::TimedOut => busy(true, 75),
        ureq::Error::Timeout(_) => busy(true, 75),
        _ => Attempt::Broken(reason),
    }
}

/// A body that should be a reply.
fn read(body: &str) -> Attempt {
    let completion: Completion = match serde_json::from_str(body) {
        Ok(completion) => completion,
        Err(error) => return Attempt::Broken(format!("the reply is no completion: {error}")),
    };
    let Completion { choices, usage } = completion;
    let Some(choice) = choices.into_iter().next() else {
        return Attempt::Broken("the reply has no choice".to_owned());
    };
    Attempt::Reply(Reply {
        text: choice.message.content,
        finish: choice.finish_reason.unwrap_or_else(|| "unknown".to_owned()),
        tokens: usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens)),
    })
}

/// Seconds of a `Retry-After`; one with a date is left to the back-off.
fn seconds(value: &str) -> Option<Duration> {
    let seconds: f64 = value.trim().parse().ok()?;
    let seconds = Duration::try_from_secs_f64(seconds).ok()?;
    Some(seconds.min(LONGEST_WAIT))
}

/// When the next question may go: evenly spread over the minute, so that no burst is refused.
#[derive(Debug)]
struct Pace {
    each_request: Duration,
    each_token: f64,
    next_request: Instant,
    next_token: Instant,
}

impl Pace {
    fn new(server: &Server, now: Instant) -> Self {
        let each = |rate: Option<u32>| rate.map_or(0.0, |rate| 60.0 / f64::from(rate));
        Self {
            each_request: Duration::from_secs_f64(each(server.requests_per_minute)),
            each_token: each(server.tokens_per_minute),
            next_request: now,
            next_token: now,
        }
    }

    fn book(&mut self, now: Instant, tokens: u64) -> Instant {
        let at = now.max(self.next_request).max(self.next_token);
        self.next_request = at + self.each_request;
        self.next_token = at + Duration::from_secs_f64(self.each_token * tokens as f64);
        at
    }

    fn hold(&mut self, until: Instant) {
        self.next_request = self.next_request.max(until);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn server(requests: Option<u32>, tokens: Option<u32>) -> Server {
        Server {
            url: "http://127.0.0.1:1/v1".to_owned(),
            key_env: None,
            concurrency: 1,
            requests_per_minute: requests,
            tokens_per_minute: tokens,
            timeout_seconds: 1.0,
            retries: 0,
            backoff_seconds: 0.1,
        }
    }

    #[test]
    fn questions_are_spread_over_the_minute() {
        let now = Instant::now();
        let mut pace = Pace::new(&server(Some(60), Some(600)), now);
        assert_eq!(pace.book(now, 1), now);
        // One second for the request, a tenth for the token.
        assert_eq!(pace.book(now, 100), now + Duration::from_secs(1));
        // Ten seconds for the 100 tokens.
        assert_eq!(pace.book(now, 1), now + Duration::from_secs(11));
        pace.hold(now + Duration::from_secs(60));
        assert_eq!(pace.book(now, 1), now + Duration::from_secs(60));
    }

    #[test]
    fn replies_are_told_from_what_is_none() {
        let whole = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
        let Attempt::Reply(reply) = read(whole) else { panic!("a reply") };
        assert_eq!(reply.text.as_deref(), Some("x"));
        assert_eq!(reply.tokens, Some((3, 1)));
        for broken in ["", "{", "{\"choices\":[]}", &whole[..40]] {
            assert!(matches!(read(broken), Attempt::Broken(_)), "{broken}");
        }
        assert!(is_about_this(r#"{"error":{"code":"content_filter"}}"#));
        assert!(!is_about_this(r#"{"error":{"code":"invalid_api_key"}}"#));
        assert_eq!(seconds("1.5"), Some(Duration::from_millis(1500)));
        assert_eq!(seconds("-1"), None);
        assert_eq!(seconds("Wed, 21 Oct 2015 07:28:00 GMT"), None);
        assert_eq!(seconds("1e12"), Some(LONGEST_WAIT));
    }

    #[test]
    fn nobody_there_is_told_from_somebody_busy() {
        let client = Client::new(&server(None, None)).unwrap();
        let attempt = client.ask(&serde_json::json!({}));
        assert!(matches!(attempt, Attempt::Busy { code: 69, .. }), "{attempt:?}");
    }

    #[test]
    fn a_key_is_asked_for_by_name_and_hidden() {
        let key_env = Some("KNOWCODER_TEST_NO_SUCH_KEY".to_owned());
        let Err(error) = Client::new(&Server { key_env, ..server(None, None) }) else {
            panic!("no key, no client")
        };
        assert_eq!(error.exit_code(), 64);
        assert!(error.to_string().contains("`KNOWCODER_TEST_NO_SUCH_KEY`"), "{error}");
        let client =
            Client { key: Some("secret".to_owned()), ..Client::new(&server(None, None)).unwrap() };
        let body = r#"{"error":{"message":"bad key secret\nat all"}}"#;
        assert_eq!(client.quoted(body), ": bad key *** at all");
        assert!(!client.wrong(401, body).to_string().contains("secret"));
    }
}
