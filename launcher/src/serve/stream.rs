//! Answers in pieces, as events that the server sends.

use super::choices::Asked;
use super::failure::Failure;
use super::openai::{Head, Kind, finish_reason, usage};
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use trainer::serve::{Event, Failure as Unanswered};

/// The last event of every stream.
const DONE: &str = "data: [DONE]\n\n";

/// A stream under way.
struct Streaming {
    head: Head,
    asked: Asked,
    tells_usage: bool,
    /// Events that are ready to go.
    ready: VecDeque<String>,
    /// Answers that have not ended.
    left: usize,
    tokens: usize,
    is_over: bool,
}

/// What is heard of `asked`, as it comes. Who hangs up drops it, and the answers are given up.
pub fn response(head: Head, asked: Asked, tells_usage: bool) -> Response {
    let left = asked.count;
    let mut streaming = Streaming {
        head,
        asked,
        tells_usage,
        ready: VecDeque::new(),
        left,
        tokens: 0,
        is_over: false,
    };
    if streaming.head.kind == Kind::Chat {
        (0..left).for_each(|number| {
            let delta = json!({"role": "assistant", "content": ""});
            streaming.piece(chat_choice(number, delta, None));
        });
    }
    let events = unfold(streaming, |mut streaming| async move {
        let event = streaming.next().await?;
        Some((Ok::<String, Infallible>(event), streaming))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        // For proxies that would collect it.
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(events)).into_response()
}

impl Streaming {
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            let heard = self.asked.heard.recv().await;
            self.hear(heard);
        }
    }

    fn hear(&mut self, heard: Option<(usize, Event)>) {
        match heard {
            Some((number, Event::Piece(text))) => {
                let choice = self.choice(number, &text, None);
                self.piece(choice);
            }
            Some((number, Event::Done(answered))) => {
                self.tokens += answered.ids.len();
                self.left -= 1;
                let choice = self.choice(number, "", Some(finish_reason(answered.end)));
                self.piece(choice);
                if self.left == 0 {
                    self.end();
                }
            }
            Some((_, Event::Failed(failure))) => self.fail(failure),
            None => self.fail(Unanswered::Ended),
        }
    }

    /// The status is said long ago: what went wrong is an event, as OpenAI's clients expect it.
    fn fail(&mut self, failure: Unanswered) {
        self.push(&Failure::from(failure).json());
        self.ready.push_back(DONE.to_owned());
        self.is_over = true;
    }

    fn end(&mut self) {
        if self.tells_usage {
            let mut document = self.head.document(true, Vec::new());
            document["usage"] = usage(self.asked.prompt_tokens, self.tokens);
            self.push(&document);
        }
        self.ready.push_back(DONE.to_owned());
        self.is_over = true;
    }

    fn choice(&self, number: usize, text: &str, reason: Option<&str>) -> Value {
        match (self.head.kind, reason) {
            (Kind::Completion, _) => {
                json!({"text": text, "index": number, "logprobs": null, "finish_reason": reason})
            }
            (Kind::Chat, Some(_)) => chat_choice(number, json!({}), reason),
            (Kind::Chat, None) => chat_choice(number, json!({"content": text}), None),
        }
    }

    fn piece(&mut self, choice: Value) {
        let document = self.head.document(true, vec![choice]);
        self.push(&document);
    }

    /// JSON has no line ends, so that an event is one line.
    fn push(&mut self, document: &Value) {
        self.ready.push_back(format!("data: {document}\n\n"));
    }
}

fn chat_choice(number: usize, delta: Value, reason: Option<&str>) -> Value {
    json!({"index": number, "delta": delta, "logprobs": null, "finish_reason": reason})
}
