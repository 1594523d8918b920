//! Data that an ablation needs and that is not there: all of it, before hours are spent.

use super::definition::Ablation;
use super::runs::Planned;
use crate::error::{Error, exit};
use crate::store::Place;
use data_pipeline::Task;
use data_pipeline::corpus::Corpus;
use data_pipeline::parallel::Job;
use data_pipeline::score::{Protocol, Rule};
use data_pipeline::shell;
use std::collections::BTreeSet;
use std::path::Path;
use trainer::audit::{Use, reads};
use trainer::evaluate::sets_asked;

/// Refuses to begin without corpora, or without the parallel data that jobs are to make first.
pub fn check(ablation: &Ablation, runs: &[Planned], data_root: &Path) -> Result<(), Error> {
    check_jobs(ablation)?;
    for run in runs.iter().filter(|run| ablation.seeds.first() == Some(&run.seed)) {
        trainer::prepare::check(&run.recipe).map_err(|error| of_variant(ablation, run, error))?;
        let asked = sets_asked(&run.recipe.datasets, &run.recipe.evaluation.benchmarks)
            .map_err(|error| of_variant(ablation, run, error))?;
        let tasks: Vec<Task> = asked.into_iter().map(|(_, _, task)| task).collect();
        check_protocol(ablation.protocol, &tasks)?;
    }
    // What lies in an object store, each run brings itself.
    let Place::Folder(data_root) = Place::of(data_root)? else { return Ok(()) };
    let mut missing = BTreeSet::new();
    for run in runs {
        for read in reads(&run.recipe)?.into_iter().filter(|it| it.used != Use::Bridge) {
            let corpus = Corpus::load(&read.declaration, &data_root)?;
            if corpus.files(&read.split)?.iter().any(|file| !file.exists()) {
                missing.insert((
                    corpus.name().to_owned(),
                    read.split,
                    corpus.licence().to_owned(),
                    corpus.origin().to_owned(),
                ));
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let lines: String = missing
        .iter()
        .map(|(name, split, licence, origin)| format!("\n  {name}:{split}  {licence}; {origin}"))
        .collect();
    let names: BTreeSet<&str> = missing.iter().map(|(name, ..)| name.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let message = format!(
        "`{}` needs {} part(s) of corpora that are not below `{}`:{lines}",
        ablation.name,
        missing.len(),
        data_root.display(),
    );
    Err(Error::new(exit::DECLARATION, message).hint(format!(
        "point --data-root (KNOWCODER_DATA) at them; `knowcoder data fetch {}` gets those whose licence \
         allows it; --smoke needs none of them",
        names.join(" ")
    )))
}

/// Refuses a protocol that has a number for nothing that is asked.
fn check_protocol(protocol: Protocol, tasks: &[Task]) -> Result<(), Error> {
    let undefined: Option<BTreeSet<&str>> =
        tasks.iter().map(|task| Rule::from(protocol).undefined(*task)).collect();
    match undefined {
        Some(reasons) if !reasons.is_empty() => {
            let reasons: Vec<&str> = reasons.into_iter().collect();
            let message = format!(
                "`protocol = \"{protocol}\"` defines nothing that the ablation asks: {}",
                reasons.join("; ")
            );
            Err(Error::new(exit::DECLARATION, message).hint("`set` counts every task"))
        }
        _ => Ok(()),
    }
}

/// The jobs whose parallel data variants learn from.
fn check_jobs(ablation: &Ablation) -> Result<(), Error> {
    let mut lines = String::new();
    let mut first = None;
    let jobs = ablation.variants.iter().flat_map(|it| it.jobs.iter().map(move |job| (it, job)));
    for (variant, path) in jobs {
        let job = Job::load(path)?;
        if job.out.join("datasets").join(format!("{}.toml", job.name)).is_file() {
            continue;
        }
        let models: BTreeSet<&str> = job.stages.iter().map(|it| it.model.as_str()).collect();
        let models: Vec<&str> = models.into_iter().collect();
        lines += &format!(
            "\n  variant `{}`: `{}`, which asks {} at {}",
            variant.name,
            path.display(),
            models.join(" and "),
            job.server.url
        );
        first.get_or_insert(path);
    }
    let Some(first) = first else { return Ok(()) };
    let message =
        format!("`{}` learns from translations that have not been made yet:{lines}", ablation.name);
    Err(Error::new(exit::DECLARATION, message).hint(format!(
        "`knowcoder data parallel {} --dry-run` says what they would cost; --smoke needs none of them",
        shell::path(first)
    )))
}

fn of_variant(ablation: &Ablation, run: &Planned, error: trainer::Error) -> Error {
    let error = Error::from(error);
    let variant = &ablation.variants[run.variant].name;
    Error { message: format!("variant `{variant}`: {}", error.message), ..error }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_protocol_must_define_something_that_is_asked() {
        let check = |protocol, tasks: &[Task]| check_protocol(protocol, tasks).err();
        assert!(check(Protocol::B2ner, &[Task::Re, Task::Ner]).is_none());
        assert!(check(Protocol::Set, &[Task::Eae]).is_none());
        assert!(check(Protocol::B2ner, &[]).is_none());
        let error = check(Protocol::B2ner, &[Task::Re, Task::Ed]).unwrap();
        assert!(error.message.ends_with("asks: B2NER scores entities only"), "{error}");
        assert_eq!(error.code, exit::DECLARATION);
    }
}
