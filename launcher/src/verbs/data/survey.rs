//! Corpora counted: each by itself, and all of a language or a task together.

use super::{data_root, declarations};
use crate::cli;
use crate::display::Display;
use crate::error::{Error, exit};
use data_pipeline::Task;
use data_pipeline::corpus::{self, Corpus, Distribution, SplitStats, TextStats};
use data_pipeline::tokenizer::Tokenizer;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Instant;

/// What was counted, and what could not be.
#[derive(Debug, Default)]
pub struct Survey {
    /// The corpora, in the order of their names or as they were named.
    pub corpora: Vec<CorpusStats>,
    /// Splits whose files are not on this machine.
    pub absent: Vec<String>,
    /// Corpora that cannot be read, and why.
    pub failed: Vec<(String, String)>,
    /// What the process ends with.
    pub code: u8,
}

/// One corpus.
#[derive(Clone, Debug)]
pub struct CorpusStats {
    /// Its name.
    pub name: String,
    /// Its language, two of a parallel corpus.
    pub language: String,
    /// Its licence.
    pub licence: String,
    /// Where it comes from.
    pub origin: String,
    /// What it is annotated for.
    pub tasks: Vec<Task>,
    /// Its splits, a row a language.
    pub splits: Vec<SplitStats>,
}

/// All texts of one language.
pub struct LanguageStats {
    /// The code.
    pub language: String,
    /// Corpora that have texts in it.
    pub datasets: usize,
    /// The texts.
    pub texts: TextStats,
}

/// All objects of one task.
pub struct TaskStats {
    /// The task.
    pub task: Task,
    /// Corpora that are annotated for it.
    pub datasets: usize,
    /// Objects a sentence.
    pub objects: Distribution,
}

/// Counts the corpora that are named, or all of them whose files are there.
pub fn survey(args: &cli::Datasets, tokenizer: Option<&Tokenizer>) -> Result<Survey, Error> {
    let all = args.datasets.is_empty();
    let paths = declarations(&args.configs, &args.datasets)?;
    let data_root = data_root(args, &paths)?;
    let mut survey = Survey::default();
    let mut display = Display::new();
    for (done, path) in paths.iter().enumerate() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        display.advance("corpora counted", done, paths.len(), &name, Instant::now());
        let counted = Corpus::load(path, &data_root)
            .and_then(|corpus| count(&corpus, all, tokenizer, &mut survey.absent));
        match counted {
            Ok(corpus) if corpus.splits.is_empty() => {}
            Ok(corpus) => survey.corpora.push(corpus),
            // One wrong corpus among all does not hide the others.
            Err(error) if all => {
                if survey.code == exit::DONE {
                    survey.code = error.exit_code();
                }
                survey.failed.push((name, error.to_string()));
            }
            Err(error) => {
                display.finish();
                return Err(error.into());
            }
        }
    }
    display.advance("corpora counted", paths.len(), paths.len(), "", Instant::now());
    display.finish();
    Ok(survey)
}

/// The splits of `corpus`; with `all`, those that are not there go to `absent`.
fn count(
    corpus: &Corpus,
    all: bool,
    tokenizer: Option<&Tokenizer>,
    absent: &mut Vec<String>,
) -> Result<CorpusStats, data_pipeline::Error> {
    let mut splits = Vec::new();
    for split in corpus.splits() {
        let files = corpus.files(split)?;
        if all && (files.is_empty() || files.iter().any(|file| !file.exists())) {
            absent.push(format!("{}:{split}", corpus.name()));
            continue;
        }
        splits.extend(corpus::stats(corpus, split, tokenizer)?);
    }
    Ok(CorpusStats {
        name: corpus.name().to_owned(),
        language: corpus.language().to_owned(),
        licence: corpus.licence().to_owned(),
        origin: corpus.origin().to_owned(),
        tasks: corpus.tasks().to_vec(),
        splits,
    })
}

impl CorpusStats {
    /// All splits together, by language.
    pub fn languages(&self) -> Vec<(&str, TextStats)> {
        let mut languages: Vec<(&str, TextStats)> = Vec::new();
        for split in &self.splits {
            match languages.iter_mut().find(|(language, _)| *language == split.language) {
                Some((_, texts)) => texts.merge(&split.texts),
                None => languages.push((&split.language, split.texts.clone())),
            }
        }
        languages
    }

    /// How many sentences it has, on all sides.
    pub fn sentences(&self) -> usize {
        self.splits.iter().map(|split| split.texts.sentences()).sum()
    }
}

impl Survey {
    /// Every language, that with most sentences first. Corpora may share sentences: nothing is
    /// counted out.
    pub fn languages(&self) -> Vec<LanguageStats> {
        let mut languages: BTreeMap<String, LanguageStats> = BTreeMap::new();
        for corpus in &self.corpora {
            for (language, texts) in corpus.languages() {
                let stats = languages.entry(language.to_owned()).or_insert_with(|| LanguageStats {
                    language: language.to_owned(),
                    datasets: 0,
                    texts: TextStats::default(),
                });
                stats.datasets += 1;
                stats.texts.merge(&texts);
            }
        }
        let mut languages: Vec<LanguageStats> = languages.into_values().collect();
        languages.sort_by_key(|stats| Reverse(stats.texts.sentences()));
        languages
    }

    /// Every task that a corpus is annotated for.
    pub fn tasks(&self) -> Vec<TaskStats> {
        let mut tasks: BTreeMap<Task, TaskStats> = BTreeMap::new();
        for corpus in &self.corpora {
            for task in &corpus.tasks {
                let stats = tasks.entry(*task).or_insert_with(|| TaskStats {
                    task: *task,
                    datasets: 0,
                    objects: Distribution::default(),
                });
                stats.datasets += 1;
                for split in &corpus.splits {
                    if let Some(objects) = split.texts.tasks.get(task) {
                        stats.objects.merge(objects);
                    }
                }
            }
        }
        tasks.into_values().collect()
    }

    /// Everything as data.
    pub fn to_json(&self, tokenizer: Option<&Tokenizer>) -> Value {
        let datasets: Vec<Value> = self
            .corpora
            .iter()
            .map(|corpus| {
                json!({
                    "dataset": corpus.name,
                    "language": corpus.language,
                    "licence": corpus.licence,
                    "origin": corpus.origin,
                    "tasks": corpus.tasks,
                    "splits": corpus.splits,
                })
            })
            .collect();
        let languages: Vec<Value> = self
            .languages()
            .iter()
            .map(|stats| {
                let LanguageStats { language, datasets, texts } = stats;
                json!({"language": language, "datasets": datasets, "texts": texts})
            })
            .collect();
        let tasks: Vec<Value> = self
            .tasks()
            .iter()
            .map(|stats| {
                let TaskStats { task, datasets, objects } = stats;
                json!({"task": task, "datasets": datasets, "objects_per_sentence": objects})
            })
            .collect();
        let failed: Vec<Value> = self
            .failed
            .iter()
            .map(|(name, error)| json!({"dataset": name, "error": error}))
            .collect();
        json!({
            "tokenizer": tokenizer.map(Tokenizer::fingerprint),
            "datasets": datasets,
            "languages": languages,
            "tasks": tasks,
            "absent": self.absent,
            "failed": failed,
        })
    }
}
