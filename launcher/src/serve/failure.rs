//! What is answered instead of an answer, in the shape that OpenAI's clients read.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use trainer::extract::Trouble;
use trainer::serve::{Failure as Unanswered, Refusal};

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub status: StatusCode,
    pub message: String,
    /// The field of the request that is wrong.
    pub param: Option<&'static str>,
    /// A word for programs.
    pub code: Option<&'static str>,
    /// Seconds after which it may go better.
    pub retry_after: Option<u64>,
}

impl Failure {
    /// With this status and sentence.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), param: None, code: None, retry_after: None }
    }

    /// The request is wrong.
    pub fn request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// A field of the request is wrong.
    pub fn field(param: &'static str, message: impl Into<String>) -> Self {
        Self { param: Some(param), ..Self::request(message) }
    }

    /// The same with a word for programs.
    pub fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// The same with seconds after which it may go better.
    pub fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The document.
    pub fn json(&self) -> Value {
        let kind = match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        json!({"error": {
            "message": self.message, "type": kind, "param": self.param, "code": self.code
        }})
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.json())).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Full { seconds, .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, message).code("queue_full").after(seconds)
            }
            Refusal::TooMany { .. } => Self::request(message).code("too_many_prompts"),
            Refusal::Ending => ending(),
            Refusal::Empty | Refusal::Foreign { .. } => Self::field("prompt", message),
        }
    }
}

impl From<Unanswered> for Failure {
    fn from(failure: Unanswered) -> Self {
        match failure {
            Unanswered::Late => late(),
            Unanswered::Ended => ending(),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused(refusal) => refusal.into(),
            Trouble::Failed(failure) => failure.into(),
            Trouble::Grammar(message) => Self::field("constrained", message),
            // Told to nobody: whoever asked has gone.
            Trouble::Gone => Self::new(StatusCode::SERVICE_UNAVAILABLE, trouble.to_string()),
        }
    }
}

/// The time for a request is over.
pub fn late() -> Failure {
    let message =
        "the answer was not ready in time; ask for fewer tokens, or start with a larger --timeout";
    Failure::new(StatusCode::GATEWAY_TIMEOUT, message).code("timeout")
}

/// The server is about to end.
pub fn ending() -> Failure {
    let message = "the server is about to end and takes nothing more";
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, message).code("draining").after(5)
}

/// The model is still being read.
pub fn starting() -> Failure {
    let message = "the model is still being read; /health says when it is ready";
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, message).code("starting").after(2)
}
