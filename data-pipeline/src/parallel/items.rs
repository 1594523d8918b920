//! The sentences of a job, and the languages that they teach us to know.

use super::carried::Carried;
use super::config::Job;
use super::language::Languages;
use crate::corpus::Corpus;
use crate::{Error, Kind, Task};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A sentence to be translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What reports call its source.
    pub domain: String,
    /// The sentence, and what of it is carried over.
    pub carried: Carried,
}

/// Everything that a job reads.
#[derive(Clone, Debug)]
pub struct Items {
    /// The sentences in the order of the sources.
    pub items: Vec<Item>,
    /// Sentences that are not translated, as one of their names is in pieces: a name must stand
    /// verbatim in its translation, and so as a whole.
    pub in_pieces: usize,
    /// The language that they are in.
    pub language: String,
    /// The file of their classes.
    pub schema: PathBuf,
    /// What every source is annotated for; nothing else is carried over.
    pub tasks: Vec<Task>,
    /// Whether every argument of a relation has a type.
    pub typed: bool,
    /// The classes of those tasks that they are annotated with.
    pub classes: BTreeSet<String>,
    /// Under what licences they may be used.
    pub licences: BTreeSet<String>,
    /// Where they come from.
    pub origins: BTreeSet<String>,
    /// What the job knows of both languages.
    pub languages: Languages,
}

impl Items {
    /// Reads the sources of `job` below `data_root`.
    pub fn load(job: &Job, data_root: &Path) -> Result<Self, Error> {
        let refuse = |message: String| Err(Error::declaration(&job.path, message));
        let (mut items, mut in_pieces) = (Vec::new(), 0);
        let corpora = job
            .sources
            .iter()
            .map(|source| Ok((source, load(job, &source.dataset, data_root)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let tasks = common_tasks(&corpora.iter().map(|(_, it)| it.tasks()).collect::<Vec<_>>());
        if tasks.is_empty() {
            return refuse("the sources have no task in common; make a job of each".to_owned());
        }
        let mut common: Option<(String, PathBuf)> = None;
        let mut languages = Languages::default();
        let (mut classes, mut licences, mut origins) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut ids = BTreeSet::new();
        for (source, corpus) in corpora {
            let (language, schema) =
                (corpus.language().to_owned(), corpus.schema_path().to_owned());
            match &common {
                None => common = Some((language, schema)),
                Some(known) if *known == (language.clone(), schema.clone()) => {}
                Some((known, file)) => {
                    return refuse(format!(
                        "`{}` is in `{language}` with the classes of `{}`, the first source in `{known}` with those of `{}`; make a job of each",
                        source.dataset,
                        schema.display(),
                        file.display()
                    ));
                }
            }
            // Arguments of relations are entities.
            let is_needed = |kind: Kind| {
                let of_relation = kind == Kind::Entity && tasks.contains(&Task::Re);
                of_relation || tasks.iter().any(|task| task.kind() == kind)
            };
            let needed = corpus.schema().classes.iter().filter(|class| is_needed(class.kind));
            classes.extend(needed.map(|class| class.name.clone()));
            licences.insert(corpus.licence().to_owned());
            origins.insert(corpus.origin().to_owned());
            for mut sentence in corpus.read(&source.split)?.sentences {
                // Two sources may have given one id.
                if !ids.insert(sentence.id.clone()) {
                    sentence.id = format!("{}:{}/{}", source.dataset, source.split, sentence.id);
                    ids.insert(sentence.id.clone());
                }
                languages.learn_source(&sentence.text);
                if sentence.has_pieces() {
                    in_pieces += 1;
                    continue;
                }
                let carried = Carried::of(&sentence, &tasks);
                items.push(Item { domain: source.domain.clone(), carried });
            }
        }
        let untyped = |item: &Item| item.carried.has_untyped();
        let typed = !items.iter().any(untyped);
        // `Job::check` has seen that there is a source.
        let (language, schema) = common.unwrap_or_default();
        if language == job.target {
            return refuse(format!("the sources are in `{language}`, and so is the target"));
        }
        for name in &job.check.known_by {
            let (name, split) = name.split_once(':').unwrap_or((name, "train"));
            let corpus = load(job, name, data_root)?;
            if corpus.language() != job.target {
                let language = corpus.language();
                return refuse(format!(
                    "`known_by` names `{name}`, which is in `{language}` and not in `{}`",
                    job.target
                ));
            }
            for sentence in corpus.read(split)?.sentences {
                languages.learn_target(&sentence.text);
            }
        }
        items.truncate(job.limit.unwrap_or(usize::MAX));
        Ok(Self {
            items,
            in_pieces,
            language,
            schema,
            tasks,
            typed,
            classes,
            licences,
            origins,
            languages,
        })
    }
}

/// The tasks that all lists have, in the order of the first.
fn common_tasks(lists: &[&[Task]]) -> Vec<Task> {
    let Some((first, others)) = lists.split_first() else { return Vec::new() };
    let in_all = |task: &&Task| others.iter().all(|list| list.contains(task));
    first.iter().filter(in_all).copied().collect()
}

fn load(job: &Job, name: &str, data_root: &Path) -> Result<Corpus, Error> {
    let corpus = Corpus::load(&job.datasets.join(format!("{name}.toml")), data_root)?;
    if corpus.is_parallel() {
        let message = format!("`{name}` is parallel; name a corpus in one language");
        return Err(Error::declaration(&job.path, message));
    }
    Ok(corpus)
}
