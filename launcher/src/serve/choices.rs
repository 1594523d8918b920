//! Prompts become orders, and what is heard of them answers.

use super::app::App;
use super::failure::Failure;
use super::wire::{Options, Prompt};
use axum::http::StatusCode;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use trainer::extract::Extractor;
use trainer::generation::Sampling;
use trainer::serve::{Answered, Event, Failure as Unanswered, Order, Ticket};

/// Prompts that were taken.
pub struct Asked {
    /// What is heard of each answer, by its number: those of one prompt follow each other.
    pub heard: UnboundedReceiver<(usize, Event)>,
    /// Answers are given up when this is dropped.
    _ticket: Ticket,
    /// How many answers there will be.
    pub count: usize,
    /// Tokens of the prompts, each counted once.
    pub prompt_tokens: usize,
}

/// Asks the model.
pub async fn ask(app: &Arc<App>, prompts: Vec<Prompt>, options: Options) -> Result<Asked, Failure> {
    app.check_model(options.model.as_deref())?;
    let deadline = app.deadline();
    let extractor = app.extractor()?.clone();
    let engine = extractor.engine().clone();
    let most = app.settings().max_new_tokens;
    // A long text takes its time, which nobody else should wait for.
    let encoded = tokio::task::spawn_blocking(move || encoded(&extractor, prompts));
    let encoded = encoded.await.map_err(|_| unwell())?;
    let (limit, prompts) = encoded;
    let prompt_tokens = prompts.iter().map(Vec::len).sum();
    let Options { max_tokens, sampling, has_seed, count, stops, streams, .. } = options;
    let mut orders = Vec::new();
    for ids in prompts {
        let new = room(ids.len(), max_tokens, most, limit)?;
        for number in 0..count {
            // Without a seed each answer is another one.
            let seed = if has_seed { sampling.seed } else { drawn() };
            let sampling = Sampling { seed, ..sampling.clone() };
            orders.push(order(ids.clone(), new, sampling, number as u64, &stops, streams));
        }
    }
    let count = orders.len();
    let (sender, heard) = unbounded_channel();
    let listener = Box::new(move |number, event| {
        // Fails where nobody listens any more.
        let _ = sender.send((number, event));
    });
    let ticket = engine.submit(orders, Some(deadline), listener)?;
    Ok(Asked { heard, _ticket: ticket, count, prompt_tokens })
}

impl Asked {
    /// All answers, in their order.
    pub async fn all(mut self) -> Result<Vec<Answered>, Failure> {
        let mut answers: Vec<Option<Answered>> = vec![None; self.count];
        while answers.iter().any(Option::is_none) {
            match self.heard.recv().await {
                Some((number, Event::Done(answered))) => answers[number] = Some(answered),
                Some((_, Event::Failed(failure))) => return Err(failure.into()),
                Some((_, Event::Piece(_))) => {}
                None => return Err(Unanswered::Ended.into()),
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }
}

fn order(
    prompt: Vec<u32>,
    new: usize,
    sampling: Sampling,
    stream: u64,
    stops: &[String],
    streams: bool,
) -> Order {
    let mut order = Order { stops: stops.to_vec(), streams, ..Order::default() };
    order.request.prompt = prompt;
    order.request.max_new_tokens = Some(new);
    order.request.stream = Some(stream);
    order.request.sampling = Some(sampling);
    order
}

/// What the model reads at most, and the ids of prompts.
fn encoded(extractor: &Extractor, prompts: Vec<Prompt>) -> (usize, Vec<Vec<u32>>) {
    let tokenizer = extractor.engine().tokenizer();
    let ids = |prompt| match prompt {
        Prompt::Text(text) => tokenizer.encode(&text),
        Prompt::Ids(ids) => ids,
    };
    (extractor.limit(), prompts.into_iter().map(ids).collect())
}

/// How long an answer may get behind a prompt.
fn room(prompt: usize, wanted: Option<usize>, most: usize, limit: usize) -> Result<usize, Failure> {
    let too_long = |message| Err(Failure::field("prompt", message).code("context_length_exceeded"));
    if prompt >= limit {
        return too_long(format!(
            "the prompt has {prompt} tokens, the model reads {limit} together with its answer; shorten it"
        ));
    }
    match wanted {
        Some(wanted) if wanted > most => Err(Failure::field(
            "max_tokens",
            format!(
                "`max_tokens` is {wanted}, this server gives at most {most} (--max-new-tokens)"
            ),
        )),
        Some(wanted) if prompt + wanted > limit => too_long(format!(
            "the prompt has {prompt} tokens and `max_tokens` is {wanted}, the model reads {limit} in all; shorten one of them"
        )),
        Some(wanted) => Ok(wanted),
        None => Ok(most.min(limit - prompt)),
    }
}

/// A number that nobody knows.
pub fn drawn() -> u64 {
    RandomState::new().hash_one(0u8)
}

/// A task of ours has panicked; the process says why.
pub fn unwell() -> Failure {
    let message = "this is a bug in knowcoder; what the server has said has more";
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn prompt_and_answer_have_room_together() {
        let check = |prompt, wanted| {
            room(prompt, wanted, 50, 100).map_err(|failure| (failure.param, failure.message))
        };
        assert_eq!(check(10, None), Ok(50));
        assert_eq!(check(80, None), Ok(20));
        assert_eq!(check(80, Some(20)), Ok(20));
        assert_eq!(check(80, Some(0)), Ok(0));
        for (prompt, wanted, param, values) in [
            (100, None, "prompt", ["100 tokens", "reads 100"]),
            (80, Some(21), "prompt", ["80 tokens", "is 21"]),
            (10, Some(51), "max_tokens", ["is 51", "at most 50"]),
        ] {
            let (found, message) = check(prompt, wanted).unwrap_err();
            assert_eq!(found, Some(param));
            assert!(values.iter().all(|value| message.contains(value)), "{message}");
        }
        assert_ne!(drawn(), drawn());
    }
}
