//! What the prompts of a benchmark show: its classes, and demonstrations from training text.

use super::{ClassOrder, Evaluation, declaration, split};
use crate::Error;
use crate::questions::Asker;
use crate::recipe::Benchmark;
use data_pipeline::corpus::Corpus;
use data_pipeline::prepare::Removed;
use data_pipeline::prompt::{Bank, Example, PromptConfig};
use data_pipeline::shots::{Asked, Origin, Pool, ShownSchema, shows_mentions};
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Class, Schema, Sentence, Task};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// What is shown beside the sentence that is asked about.
pub(super) struct Showing<'a> {
    /// The classes.
    pub schema: Schema,
    pools: BTreeMap<Task, Pool>,
    /// Hashes of all that is not the corpus's own; empty where nothing is.
    pub fingerprint: String,
    /// In which order prompts name the classes.
    pub order: ClassOrder,
    tokenizer: &'a Tokenizer,
    prompt: &'a PromptConfig,
    /// Demonstrations by task and classes.
    drawn: RefCell<Drawn>,
}

/// Demonstrations by task and classes.
type Drawn = HashMap<(Task, Vec<String>), Vec<Example>>;

/// Refuses what `prompt` cannot show for `benchmarks`; no file of a corpus is read.
pub fn check(
    datasets: &Path,
    benchmarks: &[Benchmark],
    prompt: &PromptConfig,
) -> Result<(), Error> {
    for benchmark in benchmarks {
        if prompt.shots > 0 || shows_mentions(prompt) {
            origin(datasets, Path::new(""), benchmark, prompt)
                .without(asked(benchmarks))
                .check()?;
        }
        let shows = prompt.paraphrase.is_some_and(|number| number > 0);
        if let Some(path) = prompt.paraphrases.as_ref().filter(|_| shows) {
            let declared = declaration(datasets, &benchmark.dataset);
            let corpus = Corpus::load(&declared, Path::new(""))?;
            Bank::load(path)?.wordings(corpus.schema_path())?;
        }
    }
    if prompt.paraphrase.is_some_and(|number| number > 0) && prompt.paraphrases.is_none() {
        return Err(Error::recipe(
            Path::new("[prompt]"),
            "paraphrase needs `paraphrases`, the bank that it is of",
        ));
    }
    Ok(())
}

/// `name:split` of every benchmark.
fn asked(benchmarks: &[Benchmark]) -> Vec<String> {
    let full = |benchmark: &Benchmark| {
        let name = name_of(&benchmark.dataset);
        format!("{name}:{}", split(&benchmark.dataset, "test"))
    };
    benchmarks.iter().map(full).collect()
}

fn name_of(dataset: &str) -> &str {
    dataset.split(':').next().unwrap_or(dataset)
}

fn origin(
    datasets: &Path,
    data_root: &Path,
    benchmark: &Benchmark,
    prompt: &PromptConfig,
) -> Origin {
    Origin::of(datasets, data_root, name_of(&benchmark.dataset), prompt)
}

impl<'a> Showing<'a> {
    /// Reads what prompts about `benchmark` show.
    pub(super) fn of(
        evaluation: &Evaluation<'a>,
        benchmark: &Benchmark,
        corpus: &Corpus,
        tasks: &[Task],
    ) -> Result<Self, Error> {
        let Evaluation { datasets, data_root, prompt, tokenizer, config, seed, .. } = *evaluation;
        let origin = origin(datasets, data_root, benchmark, prompt);
        let mut fingerprint = String::new();
        // Evaluation shows the schema's own words unless it is told to show others.
        let own = PromptConfig { paraphrase: prompt.paraphrase.or(Some(0)), ..prompt.clone() };
        let removed = Removed::new();
        let schema = ShownSchema::of(corpus, &origin, &own, seed, &removed)?.schema;
        if schema != *corpus.schema() {
            fingerprint += &format!("schema {} ", schema.hash());
        }
        let mut pools = BTreeMap::new();
        if prompt.shots > 0 {
            let training = origin.without(asked(&config.benchmarks)).read(&removed)?;
            for task in tasks {
                let pool = Pool::of_sentences(&training, *task, prompt.shots, seed);
                fingerprint += &format!("{task} {} ", pool.fingerprint());
                pools.insert(*task, pool);
            }
        }
        let (order, drawn) = (ClassOrder::default(), RefCell::default());
        Ok(Self { schema, pools, fingerprint, order, tokenizer, prompt, drawn })
    }

    /// The same with the classes in another order.
    pub(super) fn in_order(self, order: ClassOrder) -> Self {
        Self { order, ..self }
    }

    /// Asks in prompts shorter than `limit`, with the encoder of training and as many demonstrations
    /// as leave a prompt at most `with_answer` long.
    pub(super) fn asker(&self, limit: usize, with_answer: usize) -> Asker<'_> {
        let shots = |task: Task, classes: &[&Class], _: &Sentence| self.shots(task, classes);
        Asker::new(&self.schema, self.tokenizer, self.prompt, limit)
            .with_shots(with_answer, Box::new(shots))
    }

    /// The demonstrations for `classes`: of everything that is asked, nothing is in the pool.
    fn shots(&self, task: Task, classes: &[&Class]) -> Vec<Example> {
        let Some(pool) = self.pools.get(&task) else { return Vec::new() };
        let mut names: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
        // In every order of the classes the same sentences are shown.
        let place = |name: &str| self.schema.classes.iter().position(|class| class.name == name);
        names.sort_by_key(|name| place(name));
        let key = (task, names.iter().map(|name| (*name).to_owned()).collect());
        let draw = || {
            let drawn = pool.draw(&names, &Asked::new([]), &format!("evaluation {task}"));
            let example = |shot: usize| {
                let example = pool.example(shot, &self.schema, classes, "", self.prompt);
                Example { prefix: String::new(), ..example }
            };
            drawn.into_iter().map(example).collect()
        };
        self.drawn.borrow_mut().entry(key).or_insert_with(draw).clone()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::RunDir;
    use crate::recipe::EvaluationConfig;
    use data_pipeline::prompt::{ClassStyle, TextLanguage};

    fn benchmark(dataset: &str) -> Benchmark {
        let (dataset, name) = (dataset.to_owned(), "q".to_owned());
        Benchmark { dataset, name, tasks: Vec::new(), limit: None, floor: None, paper: None }
    }

    #[test]
    fn all_questions_share_demonstrations_that_none_of_them_asks_about() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let tokenizer = Tokenizer::load(&configs.join("quickstart/base")).unwrap();
        let (datasets, run_dir) = (configs.join("datasets"), RunDir::new("unused"));
        let benchmark = benchmark("quickstart-en:test-names");
        let config =
            EvaluationConfig { benchmarks: vec![benchmark.clone()], ..EvaluationConfig::default() };
        let prompt = PromptConfig {
            classes: ClassStyle::Names,
            system: false,
            task_sentence: TextLanguage::None,
            shots: 1,
            ..PromptConfig::default()
        };
        check(&datasets, &config.benchmarks, &prompt).unwrap();
        let two = PromptConfig { shots: 2, ..prompt.clone() };
        let none = PromptConfig { shots: 0, ..prompt.clone() };
        let prompts = [none, prompt, two];
        let corpus = Corpus::load(&declaration(&datasets, &benchmark.dataset), &configs).unwrap();
        let showing = |shots: usize, seed| {
            let evaluation = Evaluation {
                run_dir: &run_dir,
                datasets: &datasets,
                data_root: &configs,
                tokenizer: &tokenizer,
                prompt: &prompts[shots],
                config: &config,
                seed,
            };
            Showing::of(&evaluation, &benchmark, &corpus, &[Task::Ner]).unwrap()
        };
        let shown = showing(1, 1);
        let sentences = corpus.read("test-names").unwrap().sentences;
        let mut prefixes = std::collections::BTreeSet::new();
        for sentence in &sentences {
            let classes = shown.schema.of_task(Task::Ner);
            let asking = shown.asker(1 << 20, 1 << 20).ask(Task::Ner, sentence, &classes);
            assert!(asking.fewer_shots.is_none());
            let request = &asking.requests[0];
            let prefix = tokenizer.decode(&request.prefix);
            assert!(!prefix.contains(&sentence.text), "{}", sentence.text);
            prefixes.insert(prefix);
            // The question alone has room in its own length.
            let bare = shown.asker(1 << 20, 1).ask(Task::Ner, sentence, &classes);
            assert!(bare.fewer_shots.is_some_and(|(room, _)| room == 0));
            assert!(bare.requests[0].prefix.len() < request.prefix.len());
            assert_eq!(bare.requests[0].prompt, request.prompt);
        }
        assert_eq!(prefixes.len(), 1);
        let prefix = prefixes.into_iter().next().unwrap();
        for class in ["Person", "Organization", "Location", "Product"] {
            assert!(prefix.contains(&format!("\t{class}(\"")), "{class} in {prefix}");
        }
        assert_eq!(shown.fingerprint, showing(1, 1).fingerprint);
        assert_ne!(shown.fingerprint, showing(1, 2).fingerprint);
        assert_ne!(shown.fingerprint, showing(2, 1).fingerprint);
        assert_eq!(showing(0, 1).fingerprint, "", "old receipts hold");
    }

    #[test]
    fn a_test_shows_itself_to_nobody() {
        let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/datasets");
        let prompt = PromptConfig { shots: 1, ..PromptConfig::default() };
        let error = check(&datasets, &[benchmark("quickstart-en:train")], &prompt).unwrap_err();
        assert!(error.to_string().contains("its split `train` is a test"), "{error}");
        let prompt = PromptConfig { paraphrase: Some(1), ..PromptConfig::default() };
        let error = check(&datasets, &[], &prompt).unwrap_err();
        assert!(error.to_string().contains("paraphrase needs `paraphrases`"), "{error}");
    }
}
