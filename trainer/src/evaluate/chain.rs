//! Arguments of predicted triggers: what event extraction gives where nobody annotated the triggers.
//!
//! Ordinarily arguments are asked of the annotated triggers, as papers do, and a sentence without
//! events is not asked. Here they are asked of the triggers that the same model predicted: a trigger
//! that was missed loses its arguments, an invented one may have some. All sentences of the set count.
//! Predicted triggers of other classes than the schema's, and those that stand nowhere in the sentence,
//! cannot be asked about; a sentence without any that can is answered with nothing.

use super::{Question, split};
use crate::Error;
use crate::recipe::Benchmark;
use data_pipeline::corpus::Corpus;
use data_pipeline::predictions::{self, Prediction};
use data_pipeline::score::chained;
use data_pipeline::{Instance, Sentence, Task};
use std::collections::HashMap;
use std::path::Path;

/// `benchmark` as its chained answers are scored: under a name that nobody takes for the other.
pub(super) fn benchmark(benchmark: &Benchmark) -> Benchmark {
    Benchmark { name: chained(&benchmark.name), tasks: vec![Task::Eae], ..benchmark.clone() }
}

/// The questions about arguments of the triggers in the predictions at `triggers`.
pub(super) fn questions(
    corpus: &Corpus,
    benchmark: &Benchmark,
    triggers: &Path,
) -> Result<Vec<Question>, Error> {
    let sentences = corpus.read(split(&benchmark.dataset, "test"))?.sentences;
    let count = sentences.len().min(benchmark.limit.unwrap_or(usize::MAX));
    let mut predicted: HashMap<String, Prediction> = predictions::read(triggers)?
        .into_iter()
        .filter(|prediction| prediction.task == Task::Ed)
        .map(|prediction| (prediction.id.clone(), prediction))
        .collect();
    let pieces = sentences.iter().any(Sentence::has_pieces);
    let question = |sentence: &Sentence| {
        let prediction = predicted.remove(&sentence.id).ok_or_else(|| {
            // They were written by this program, for these sentences.
            let message = format!(
                "has no triggers predicted for `{}`; remove it, and it is answered again",
                sentence.id
            );
            Error::recipe(triggers, message)
        })?;
        Ok(about(sentence, prediction.predicted, pieces))
    };
    sentences[..count].iter().map(question).collect()
}

/// A question about arguments of `found`, the triggers predicted in `sentence`.
fn about(sentence: &Sentence, found: Vec<Instance>, pieces: bool) -> Question {
    let events = found.into_iter().filter_map(|object| match object {
        Instance::Event(event) if event.trigger.span.is_some() => Some(event),
        _ => None,
    });
    let gold = Some(sentence.instances(Task::Eae));
    let sentence = Sentence { events: events.collect(), ..sentence.clone() };
    Question { task: Task::Eae, sentence, pieces, gold }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_pipeline::sentence::{Event, Mention};

    fn event(class: &str, trigger: Mention, arguments: &[(&str, &str)]) -> Event {
        let argument = |(role, text): &(&str, &str)| ((*role).to_owned(), Mention::surface(*text));
        let arguments = arguments.iter().map(argument).collect();
        Event { class: class.to_owned(), trigger, arguments }
    }

    #[test]
    fn gold_stays_gold_and_the_prompt_has_the_predicted_triggers() {
        let gold = event("Hiring", Mention::at("joined", 4, 10), &[("employee", "Ann")]);
        let sentence = Sentence {
            id: "d/test/1".into(),
            text: "Ann joined the UN.".into(),
            language: "en".into(),
            events: vec![gold.clone()],
            ..Sentence::default()
        };
        let placed = event("Meeting", Mention::at("UN", 15, 17), &[]);
        let nowhere = event("Hiring", Mention::surface("hired"), &[]);
        let found = vec![Instance::Event(placed.clone()), Instance::Event(nowhere)];
        let question = about(&sentence, found, false);
        assert_eq!(question.sentence.events, [placed]);
        assert_eq!(question.gold(), [Instance::Event(gold.clone())]);
        let nothing = about(&sentence, Vec::new(), false);
        assert!(nothing.sentence.events.is_empty());
        assert_eq!(nothing.gold(), [Instance::Event(gold)]);
    }

    #[test]
    fn a_set_without_predicted_triggers_is_named() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let corpus =
            Corpus::load(&configs.join("datasets/quickstart-en.toml"), &configs.join(".."))
                .unwrap();
        let of = Benchmark {
            dataset: "quickstart-en:test-frames".into(),
            name: "q".into(),
            tasks: Vec::new(),
            limit: Some(1),
            floor: None,
            paper: None,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q-en.jsonl");
        std::fs::write(&path, "").unwrap();
        let error = questions(&corpus, &of, &path).err().unwrap().to_string();
        assert!(error.contains("q-en.jsonl") && error.contains("no triggers predicted"), "{error}");
        assert_eq!(benchmark(&of).name, "q (chained)");
    }
}
