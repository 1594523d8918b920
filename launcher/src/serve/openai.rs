//! Completions and chat as OpenAI's clients ask for them.

use super::app::{App, body};
use super::choices::{Asked, ask, drawn};
use super::failure::Failure;
use super::stream;
use super::wire::{Fields, Options, Prompt};
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::SystemTime;
use trainer::serve::{Answered, End};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text behind a prompt.
    Completion,
    /// What comes behind messages.
    Chat,
}

/// What all documents of one answer begin with.
#[derive(Clone, Debug)]
pub struct Head {
    pub kind: Kind,
    id: String,
    created: u64,
    model: String,
}

/// `GET /v1/models`.
pub async fn models(State(app): State<Arc<App>>) -> Response {
    Json(json!({"object": "list", "data": [app.model_json()]})).into_response()
}

/// `GET /v1/models/NAME`.
pub async fn model(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    app.check_model(Some(&name))?;
    Ok(Json(app.model_json()).into_response())
}

/// `POST /v1/completions`.
pub async fn completions(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Failure> {
    answer(app, request, Kind::Completion).await
}

/// `POST /v1/chat/completions`.
pub async fn chat(State(app): State<Arc<App>>, request: Request) -> Result<Response, Failure> {
    answer(app, request, Kind::Chat).await
}

async fn answer(app: Arc<App>, request: Request, kind: Kind) -> Result<Response, Failure> {
    let place = app.place()?;
    let (prompts, options) = parse(kind, &body(&app, request).await?)?;
    let (streams, tells_usage) = (options.streams, options.tells_usage);
    let asked = ask(&app, prompts, options).await?;
    let head = Head::new(kind, &app.settings().name);
    if streams {
        // From here on the queue counts it.
        drop(place);
        return Ok(stream::response(head, asked, tells_usage));
    }
    let Asked { prompt_tokens, .. } = asked;
    let answers = asked.all().await?;
    let tokens = answers.iter().map(|answer| answer.ids.len()).sum();
    let choices: Vec<Value> = answers
        .iter()
        .enumerate()
        .map(|(number, answered)| choice(kind, number, answered))
        .collect();
    let mut document = head.document(false, choices);
    document["usage"] = usage(prompt_tokens, tokens);
    Ok(Json(document).into_response())
}

/// What a body asks for.
pub fn parse(kind: Kind, body: &[u8]) -> Result<(Vec<Prompt>, Options), Failure> {
    let mut fields = Fields::parse(body)?;
    let prompts = match kind {
        Kind::Completion => fields.prompts()?,
        Kind::Chat => vec![fields.messages()?],
    };
    let options = fields.options()?;
    fields.end()?;
    Ok((prompts, options))
}

fn choice(kind: Kind, number: usize, answered: &Answered) -> Value {
    let Answered { text, end, .. } = answered;
    let reason = finish_reason(*end);
    match kind {
        Kind::Completion => {
            json!({"text": text, "index": number, "logprobs": null, "finish_reason": reason})
        }
        Kind::Chat => json!({
            "index": number, "message": {"role": "assistant", "content": text, "refusal": null},
            "logprobs": null, "finish_reason": reason
        }),
    }
}

/// Why an answer ended, in OpenAI's words.
pub fn finish_reason(end: End) -> &'static str {
    match end {
        End::Length => "length",
        End::EndId | End::Stop | End::NothingAllowed => "stop",
    }
}

/// Counts of tokens.
pub fn usage(prompt: usize, answer: usize) -> Value {
    json!({"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer})
}

impl Head {
    fn new(kind: Kind, model: &str) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let start = match kind {
            Kind::Completion => "cmpl",
            Kind::Chat => "chatcmpl",
        };
        Self {
            kind,
            id: format!("{start}-{:016x}", drawn()),
            created: since.map_or(0, |since| since.as_secs()),
            model: model.to_owned(),
        }
    }

    /// A document with these choices, whole or a piece.
    pub fn document(&self, is_piece: bool, choices: Vec<Value>) -> Value {
        let object = match (self.kind, is_piece) {
            (Kind::Completion, _) => "text_completion",
            (Kind::Chat, false) => "chat.completion",
            (Kind::Chat, true) => "chat.completion.chunk",
        };
        json!({
            "id": self.id, "object": object, "created": self.created, "model": self.model,
            "choices": choices
        })
    }
}
