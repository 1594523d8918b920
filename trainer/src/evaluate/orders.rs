//! The same questions again: with the classes in other orders, with other descriptions, and about
//! arguments of predicted triggers.
//!
//! An F1 moves with the order in which a prompt names the classes, and with the words that describe
//! them. `[evaluation] orders = K` asks in K orders, the schema's own among them, and `paraphrases = M`
//! under M other descriptions; what comes of it is their mean, the worst and the deviation, beside the
//! ordinary F1. The best is told nowhere, and nothing chooses by it.
//!
//! Order number `k` is a pure function of the seed, `k` and the names: classes stand in the order of
//! SHA-256 over `knowcoder class order 1`, the seed, `k` and the class's name, each on a line of its own.
//! So it is the same for all questions of a dataset, which share their prefix as ever, on every rank and
//! after every stop; and any part of the classes has the order that it has in the whole. Orders are drawn
//! independently: of few classes some may be equal.

use super::{Evaluation, asked, open};
use crate::Error;
use crate::recipe::{Benchmark, EvaluationConfig};
use data_pipeline::prompt::{Bank, ClassStyle, PromptConfig, TextLanguage};
use data_pipeline::{Class, Task};
use sha2::{Digest, Sha256};
use std::path::Path;

/// The model that a run trains, by the name of its folder of predictions.
pub const TRAINED: &str = "final";

/// In which order prompts name classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassOrder {
    seed: u64,
    /// 0: the schema's own.
    number: usize,
}

impl ClassOrder {
    /// Order `number` under `seed`; 0 is the schema's own.
    pub fn new(seed: u64, number: usize) -> Self {
        Self { seed, number }
    }

    /// What receipts call it; nothing for the schema's own.
    pub fn name(self) -> String {
        match self.number {
            0 => String::new(),
            number => format!("{number} of seed {}", self.seed),
        }
    }

    /// `classes`, which have the schema's order, in this one.
    pub fn sorted(self, mut classes: Vec<&Class>) -> Vec<&Class> {
        if self.number > 0 {
            classes.sort_by_cached_key(|class| (self.place(&class.name), class.name.clone()));
        }
        classes
    }

    fn place(self, name: &str) -> [u8; 32] {
        let words = format!("knowcoder class order 1\n{}\n{}\n{name}", self.seed, self.number);
        Sha256::digest(words).into()
    }
}

/// One of the rounds in which all benchmarks are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// The folder of its predictions.
    pub folder: String,
    /// What differs from the ordinary prompt.
    pub what: What,
}

/// What a round asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The ordinary prompts.
    Ordinary,
    /// Arguments of the triggers that were predicted in the round of this folder.
    Chained(String),
    /// The classes in this order.
    Order(usize),
    /// This paraphrase of each description.
    Paraphrase(usize),
}

/// The rounds of the model `which`, in their order; what orders and words make of an F1 is asked of the
/// trained model only.
pub fn rounds(config: &EvaluationConfig, which: &str) -> Vec<Round> {
    let mut rounds = vec![Round { folder: which.to_owned(), what: What::Ordinary }];
    if config.chained {
        let what = What::Chained(which.to_owned());
        rounds.push(Round { folder: format!("{which}-chained"), what });
    }
    if which == TRAINED {
        let order =
            |number| Round { folder: format!("{which}-order-{number}"), what: What::Order(number) };
        rounds.extend((1..config.orders).map(order));
        let paraphrase = |number| Round {
            folder: format!("{which}-paraphrase-{number}"),
            what: What::Paraphrase(number),
        };
        rounds.extend((1..=config.paraphrases).map(paraphrase));
    }
    rounds
}

impl Round {
    /// The round's own prompts and order of classes, for an evaluation with `prompt`.
    pub(super) fn asks(&self, prompt: &PromptConfig, seed: u64) -> (PromptConfig, ClassOrder) {
        match self.what {
            What::Ordinary | What::Chained(_) => (prompt.clone(), ClassOrder::default()),
            What::Order(number) => (prompt.clone(), ClassOrder::new(seed, number)),
            What::Paraphrase(number) => {
                let prompt = PromptConfig { paraphrase: Some(number), ..prompt.clone() };
                (prompt, ClassOrder::default())
            }
        }
    }
}

/// Refuses rounds that cannot be asked; no file of a corpus is read.
pub fn check_rounds(
    datasets: &Path,
    config: &EvaluationConfig,
    prompt: &PromptConfig,
) -> Result<(), Error> {
    let wrong = |message: String| Err(Error::recipe(Path::new("[evaluation]"), message));
    if config.orders == 0 {
        return wrong("orders is 0, expected at least 1: the schema's own".to_owned());
    }
    if config.chained && !any_is_chained(datasets, &config.benchmarks)? {
        return wrong(
            "chained = true, but no benchmark is asked for `ed` and `eae`, whose triggers and arguments it chains; name one, or leave it out"
                .to_owned(),
        );
    }
    if config.paraphrases == 0 {
        return Ok(());
    }
    let Some(bank) = &prompt.paraphrases else {
        return wrong(format!(
            "paraphrases = {}, but [prompt] has no `paraphrases`, the bank that they are of",
            config.paraphrases
        ));
    };
    if let Some(number) = prompt.paraphrase.filter(|number| *number > 0) {
        return wrong(format!(
            "paraphrases = {} asks in the schema's own words and in others, but paraphrase = {number} fixes the words; leave one of them out",
            config.paraphrases
        ));
    }
    let bank = Bank::load(bank)?;
    for benchmark in &config.benchmarks {
        let corpus = open(datasets, Path::new(""), &benchmark.dataset)?;
        let wordings = bank.wordings(corpus.schema_path())?.unwrap_or_default();
        if config.paraphrases > wordings.most() {
            return wrong(format!(
                "paraphrases = {}, but the bank has at most {} for a class of `{}`",
                config.paraphrases,
                wordings.most(),
                corpus.schema_path().display()
            ));
        }
    }
    if prompt.classes == ClassStyle::Names || prompt.descriptions == TextLanguage::None {
        return wrong(format!(
            "paraphrases = {}, but prompts show no descriptions: classes = \"names\" or descriptions = \"none\"; nothing would differ",
            config.paraphrases
        ));
    }
    Ok(())
}

/// Whether any of `benchmarks` is asked for triggers and arguments; no file of a corpus is read.
pub fn any_is_chained(datasets: &Path, benchmarks: &[Benchmark]) -> Result<bool, Error> {
    for benchmark in benchmarks {
        let corpus = open(datasets, Path::new(""), &benchmark.dataset)?;
        if is_chained(asked(&corpus, benchmark)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether triggers and arguments are both asked for.
pub(super) fn is_chained(tasks: &[Task]) -> bool {
    tasks.contains(&Task::Ed) && tasks.contains(&Task::Eae)
}

/// The benchmarks that `round` asks, and under which name in scores.
pub(super) fn benchmarks(
    evaluation: &Evaluation<'_>,
    round: &Round,
) -> Result<Vec<(Benchmark, Benchmark)>, Error> {
    let mut found = Vec::new();
    for benchmark in &evaluation.config.benchmarks {
        let shown = match round.what {
            What::Chained(_) => {
                let corpus = open(evaluation.datasets, Path::new(""), &benchmark.dataset)?;
                if !is_chained(asked(&corpus, benchmark)) {
                    continue;
                }
                super::chain::benchmark(benchmark)
            }
            _ => benchmark.clone(),
        };
        found.push((benchmark.clone(), shown));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_pipeline::Schema;
    use data_pipeline::corpus::Corpus;
    use std::collections::BTreeSet;

    fn schema(names: &[&str]) -> Schema {
        let class = |name: &&str| format!("class {name}(Entity):\n    '''Description: It.'''\n");
        let text: String = names.iter().map(class).collect();
        Schema::parse(&text, Path::new("s.py")).unwrap()
    }

    fn names(classes: &[&Class]) -> Vec<String> {
        classes.iter().map(|class| class.name.clone()).collect()
    }

    #[test]
    fn an_order_is_a_function_of_seed_number_and_names() {
        let all = ["Ann", "Bob", "Cat", "Dog", "Elk", "Fox", "Gnu"];
        let schema = schema(&all);
        let classes = || schema.of_task(Task::Ner);
        assert_eq!(names(&ClassOrder::new(7, 0).sorted(classes())), all);
        let mut seen = BTreeSet::new();
        for number in 1..=20 {
            let order = ClassOrder::new(7, number);
            let sorted = names(&order.sorted(classes()));
            let mut again = sorted.clone();
            again.sort();
            assert_eq!(again, all, "each class once");
            // However the classes come, and whichever of them.
            let turned: Vec<&Class> = classes().into_iter().rev().collect();
            assert_eq!(names(&order.sorted(turned)), sorted);
            let some: Vec<&Class> = classes().into_iter().step_by(2).collect();
            let kept: Vec<String> = sorted
                .iter()
                .filter(|name| all.iter().step_by(2).any(|it| it == name))
                .cloned()
                .collect();
            assert_eq!(names(&order.sorted(some)), kept);
            assert_ne!(sorted, names(&ClassOrder::new(8, number).sorted(classes())));
            seen.insert(sorted);
        }
        // Of 5040 orders twenty are hardly ever equal; these are not.
        assert_eq!(seen.len(), 20);
        let firsts: BTreeSet<&String> = seen.iter().map(|sorted| &sorted[0]).collect();
        assert!(firsts.len() > 3, "{firsts:?}");
    }

    #[test]
    fn the_first_round_is_the_ordinary_one_and_old_receipts_hold() {
        assert_eq!(ClassOrder::new(7, 0).name(), "");
        assert_eq!(ClassOrder::new(7, 2).name(), "2 of seed 7");
        let config = EvaluationConfig::default();
        let folders = |config: &EvaluationConfig, which: &str| -> Vec<String> {
            rounds(config, which).into_iter().map(|round| round.folder).collect()
        };
        assert_eq!(folders(&config, "final"), ["final"]);
        let config = EvaluationConfig { orders: 3, paraphrases: 1, chained: true, ..config };
        assert_eq!(
            folders(&config, "final"),
            ["final", "final-chained", "final-order-1", "final-order-2", "final-paraphrase-1"]
        );
        assert_eq!(folders(&config, "base"), ["base", "base-chained"]);
        let prompt = PromptConfig::default();
        let (asked, order) = rounds(&config, "final")[0].asks(&prompt, 7);
        assert_eq!((asked, order.name()), (prompt.clone(), String::new()));
        let (asked, order) = rounds(&config, "final")[3].asks(&prompt, 7);
        assert_eq!((asked, order.name()), (prompt.clone(), "2 of seed 7".to_owned()));
        let (asked, _) = rounds(&config, "final")[4].asks(&prompt, 7);
        assert_eq!(asked.paraphrase, Some(1));
    }

    #[test]
    fn rounds_that_cannot_be_asked_are_refused() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let datasets = configs.join("datasets");
        let check = |config: &EvaluationConfig, prompt: &PromptConfig| {
            check_rounds(&datasets, config, prompt).map_err(|error| error.to_string())
        };
        let benchmark = |tasks: &[Task]| Benchmark {
            dataset: "quickstart-en:test-frames".into(),
            name: "q".into(),
            tasks: tasks.to_vec(),
            limit: None,
            floor: None,
            paper: None,
        };
        let (plain, with) = (PromptConfig::default(), |tasks: &[Task]| EvaluationConfig {
            benchmarks: vec![benchmark(tasks)],
            ..EvaluationConfig::default()
        });
        let chained = |tasks| EvaluationConfig { chained: true, ..with(tasks) };
        check(&chained(&[]), &plain).unwrap();
        let error = check(&chained(&[Task::Eae, Task::Ner]), &plain).unwrap_err();
        assert!(error.contains("no benchmark is asked for `ed` and `eae`"), "{error}");
        let worded = |paraphrases| EvaluationConfig { paraphrases, ..with(&[]) };
        let error = check(&worded(2), &plain).unwrap_err();
        assert!(error.contains("[prompt] has no `paraphrases`"), "{error}");
        let bank = Some(configs.join("paraphrases/quickstart.jsonl"));
        let banked = PromptConfig { paraphrases: bank, ..plain };
        check(&worded(1), &banked).unwrap();
        let names = PromptConfig { classes: ClassStyle::Names, ..banked.clone() };
        let error = check(&worded(1), &names).unwrap_err();
        assert!(error.contains("prompts show no descriptions"), "{error}");
        let error = check(&worded(99), &banked).unwrap_err();
        assert!(error.contains("paraphrases = 99, but the bank has at most "), "{error}");
        let fixed = PromptConfig { paraphrase: Some(1), ..banked };
        let error = check(&worded(1), &fixed).unwrap_err();
        assert!(error.contains("paraphrase = 1 fixes the words"), "{error}");
    }

    #[test]
    fn only_sets_with_both_tasks_are_chained() {
        let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/datasets");
        let corpus = |name: &str| {
            Corpus::load(&datasets.join(format!("{name}.toml")), Path::new("")).unwrap()
        };
        assert!(is_chained(corpus("quickstart-en").tasks()));
        assert!(!is_chained(corpus("quickstart-ner-en").tasks()));
    }
}
