//! What a file of predictions answers to.
//!
//! `predictions/WHICH/NAME-LANG.json` stands beside `NAME-LANG.jsonl`. Answers are kept only if the
//! same model would be asked the same again, and if nobody changed them: otherwise old answers would
//! be scored as new ones.

use crate::Error;
use crate::checkpoint::sha256;
use data_pipeline::Task;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The question in hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The weights.
    pub model: String,
    /// `name` or `name:split`, and its name in scores.
    pub benchmark: (String, String),
    /// Declaration, schema and files of the split.
    pub corpus: String,
    /// Tasks that are asked.
    pub tasks: Vec<Task>,
    /// Only the first sentences.
    pub limit: Option<usize>,
    /// The template, as rendered.
    pub template: String,
    /// The tokenizer.
    pub tokenizer: String,
    /// An answer is cut after so many tokens.
    pub max_new_tokens: usize,
    /// How tokens are chosen and what stops an answer, where that is not the likeliest and nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub generation: String,
    /// Demonstrations, examples and descriptions that are not the schema's own, in hashes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shown: String,
    /// In which order the classes stand, where that is not the schema's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub order: String,
    /// Of arguments of predicted triggers, the hash of the file of predictions that those are from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub triggers: String,
    /// How many demonstrations a prompt has, unless it has no room for all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shots: usize,
    /// Of a round that asks under other descriptions, which of them; none of the ordinary round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wording: Option<usize>,
    /// Whether answers were held to a grammar.
    #[serde(default, skip_serializing_if = "is_false")]
    pub constrained: bool,
}

/// The question, and the file that answers it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    question: Question,
    predictions: String,
    /// Prompts that had no room for all demonstrations.
    #[serde(default, skip_serializing_if = "is_zero")]
    fewer_shots: usize,
}

/// What is known of a file of predictions by the receipt beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The file is complete and answers this question.
    Answers(Box<Question>),
    /// There is no receipt: the file was never completed, or another program wrote it.
    Missing,
    /// The file is not the one that the receipt was written for.
    Changed,
    /// The receipt is of another version, or torn; what is wrong with it.
    Unreadable(String),
}

/// What the file of predictions at `path` answers, held against its receipt.
pub fn proof(path: &Path) -> Proof {
    let bytes = match std::fs::read(path.with_extension("json")) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Proof::Missing,
        Err(error) => return Proof::Unreadable(error.to_string()),
    };
    let receipt: Receipt = match serde_json::from_slice(&bytes) {
        Ok(receipt) => receipt,
        Err(error) => return Proof::Unreadable(error.to_string()),
    };
    match sha256(path) {
        Ok(hash) if hash == receipt.predictions => Proof::Answers(Box::new(receipt.question)),
        _ => Proof::Changed,
    }
}

fn is_false(is: &bool) -> bool {
    !is
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Whether the file of predictions at `path` is there, whole, and answers `question`.
pub fn answers(path: &Path, question: &Question) -> bool {
    let receipt = std::fs::read(path.with_extension("json")).ok();
    let receipt: Option<Receipt> = receipt.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    receipt.is_some_and(|receipt| {
        receipt.question == *question && sha256(path).is_ok_and(|it| it == receipt.predictions)
    })
}

impl Question {
    /// Whether the classes stood in the schema's order and had the recipe's descriptions, and events
    /// were the annotated ones.
    pub fn is_ordinary(&self) -> bool {
        self.order.is_empty() && self.triggers.is_empty() && self.wording.is_none()
    }

    /// What a method without a model was asked: `method` says which and what it has learned from.
    pub fn without_model(
        method: String,
        benchmark: (String, String),
        corpus: String,
        tasks: Vec<Task>,
        limit: Option<usize>,
    ) -> Self {
        Self {
            model: method,
            benchmark,
            corpus,
            tasks,
            limit,
            template: String::new(),
            tokenizer: String::new(),
            max_new_tokens: 0,
            generation: String::new(),
            shown: String::new(),
            order: String::new(),
            triggers: String::new(),
            shots: 0,
            wording: None,
            constrained: false,
        }
    }
}

impl Receipt {
    /// A receipt for predictions that are yet to be written.
    pub fn new(question: Question, fewer_shots: usize) -> Self {
        Self { question, predictions: String::new(), fewer_shots }
    }

    /// Says that the complete file of predictions at `path` answers the question.
    pub fn write(self, path: &Path) -> Result<(), Error> {
        let receipt = Self { predictions: sha256(path)?, ..self };
        // Strings and numbers always have a JSON form.
        let text = serde_json::to_vec_pretty(&receipt).unwrap_or_default();
        Ok(model::files::write_atomically(&path.with_extension("json"), &text)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_same_question_and_the_same_file_are_answered() {
        let question = Question {
            model: "m".into(),
            benchmark: ("a:test".into(), "a".into()),
            corpus: "c".into(),
            tasks: vec![Task::Ner],
            limit: None,
            template: "t".into(),
            tokenizer: "v".into(),
            max_new_tokens: 64,
            generation: String::new(),
            shown: String::new(),
            order: String::new(),
            triggers: String::new(),
            shots: 0,
            wording: None,
            constrained: false,
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a-en.jsonl");
        assert!(!answers(&path, &question));
        std::fs::write(&path, "{}\n").unwrap();
        assert!(!answers(&path, &question));
        Receipt::new(question.clone(), 0).write(&path).unwrap();
        assert!(answers(&path, &question));
        let other = Question { corpus: "d".into(), ..question.clone() };
        assert!(!answers(&path, &other));
        let shown = Question { shown: "ner 1".into(), ..question.clone() };
        assert!(!answers(&path, &shown));
        let drawn = Question { generation: "temperature 1".into(), ..question.clone() };
        assert!(!answers(&path, &drawn));
        let turned = Question { order: "1 of seed 42".into(), ..question.clone() };
        assert!(!answers(&path, &turned));
        let chained = Question { triggers: "h".into(), ..question.clone() };
        assert!(!answers(&path, &chained));
        let shot = Question { shots: 5, ..question.clone() };
        assert!(!answers(&path, &shot));
        let reworded = Question { wording: Some(1), ..question.clone() };
        assert!(!answers(&path, &reworded));
        let ordinary = [&question, &shot, &turned, &chained, &reworded].map(|it| it.is_ordinary());
        assert_eq!(ordinary, [true, true, false, false, false]);
        // As receipts were written before there were orders and chains.
        let text = std::fs::read_to_string(path.with_extension("json")).unwrap();
        for later in ["order", "triggers", "shots", "wording", "constrained"] {
            assert!(!text.contains(later), "{later} in {text}");
        }
        let spoilt =
            [text.replace("\"v\"", "\"w\""), text[..text.len() / 2].to_owned(), "7".into()];
        for spoilt in spoilt {
            std::fs::write(path.with_extension("json"), spoilt).unwrap();
            assert!(!answers(&path, &question));
        }
        std::fs::write(path.with_extension("json"), text).unwrap();
        assert!(answers(&path, &question));
        let constrained = Question { constrained: true, ..question.clone() };
        assert!(!answers(&path, &constrained));
        std::fs::write(&path, "").unwrap();
        assert!(!answers(&path, &question));
    }

    #[test]
    fn a_file_is_proven_by_its_receipt_alone() {
        let benchmark = ("a:test".to_owned(), "a".to_owned());
        let question = Question::without_model(
            "gazetteer".into(),
            benchmark,
            "c".into(),
            vec![Task::Ner],
            Some(3),
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a-en.jsonl");
        std::fs::write(&path, "{}\n").unwrap();
        assert_eq!(proof(&path), Proof::Missing);
        Receipt::new(question.clone(), 0).write(&path).unwrap();
        assert_eq!(proof(&path), Proof::Answers(Box::new(question)));
        std::fs::write(&path, "").unwrap();
        assert_eq!(proof(&path), Proof::Changed);
        std::fs::write(path.with_extension("json"), "{").unwrap();
        assert!(matches!(proof(&path), Proof::Unreadable(_)));
    }
}
