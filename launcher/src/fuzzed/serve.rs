//! Bodies of requests.

use crate::serve::extract::Wanted;
use crate::serve::openai::{Kind, parse};
use axum::response::IntoResponse;

/// The body of a request to the endpoint called `name`.
pub fn body(name: &str, body: &[u8]) -> bool {
    let kind = match name {
        "chat" => Kind::Chat,
        "completion" => Kind::Completion,
        _ => return extract(body),
    };
    match parse(kind, body) {
        Ok((prompts, options)) => {
            assert!(!prompts.is_empty() && options.count > 0, "asks for nothing: {options:?}");
            true
        }
        // What is refused is answered, whatever stood in it.
        Err(failure) => {
            let _ = failure.into_response();
            false
        }
    }
}

fn extract(body: &[u8]) -> bool {
    match Wanted::parse(body) {
        Ok(wanted) => {
            if let Some(Err(failure)) = wanted.schema() {
                let _ = failure.into_response();
            }
            true
        }
        Err(failure) => {
            let _ = failure.into_response();
            false
        }
    }
}
