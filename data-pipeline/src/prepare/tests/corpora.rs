//! The planner over real corpora: whatever the schema, nothing is cut and no label lost.

use super::*;
use crate::effect::Effect;
use crate::prepare::draw::Drawn;
use crate::real::data_root;
use crate::sentence::Parallel;
use rayon::prelude::*;
use std::path::PathBuf;

/// Of each split so many sentences from its beginning, and so many of its longest.
const FIRST: usize = 64;
const LONGEST: usize = 8;

/// A limit that splits most schemas, and one that splits hardly any.
const LIMITS: [usize; 2] = [768, 4096];

/// A few of `items`: the first ones and the longest.
fn some<T>(items: Vec<T>, length: impl Fn(&T) -> usize) -> Vec<T> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(length(&items[*place])));
    let longest: BTreeSet<usize> = order.into_iter().take(LONGEST).collect();
    let chosen = items.into_iter().enumerate();
    chosen
        .filter(|(place, _)| *place < FIRST || longest.contains(place))
        .map(|(_, item)| item)
        .collect()
}

/// What is wrong with the rows of `lesson` under `config`; empty if nothing is. `output` makes those
/// of a group.
fn faults(
    lesson: &Outline<'_>,
    config: &PrepareConfig,
    output: impl Fn(&Drawn<'_>, usize) -> Output,
) -> Vec<String> {
    let mut effect = Effect { labels: lesson.labels, ..Effect::default() };
    let mut faults = Vec::new();
    let mut refused = 0;
    let drawn = draw(lesson, config);
    for group in 0..drawn.len() {
        let output = output(&drawn, group);
        effect.merge(&output.effect.unwrap());
        refused += output.refused.len();
        for sample in output.groups.iter().flatten() {
            effect.count(sample, true, config.max_length);
            let length = sample.prefix_ids.len() + sample.suffix_ids.len();
            if length > config.max_length {
                faults.push(format!("{} has {length} tokens", sample.sample_id));
            }
        }
    }
    if (effect.labels_lost(), effect.supervised_lost) != (0, 0) {
        faults.push(format!("labels are lost or doubled: {effect:?}"));
    }
    // Each class once for each sentence; of arguments, only those parts that have an event.
    let offered = (lesson.items.len() - refused) * lesson.classes.len();
    if lesson.task != Task::Eae && effect.classes.sum != offered {
        faults.push(format!("{offered} classes to be offered, found {:?}", effect.classes));
    }
    faults
        .into_iter()
        .map(|fault| format!("{}, at most {}: {fault}", lesson.name, config.max_length))
        .collect()
}

/// The faults of every task and limit in one split; none if it cannot be read.
fn planned(corpus: &Corpus, split: &str) -> Option<Vec<String>> {
    let selection = Selection::default();
    let mut found = Vec::new();
    // A split that does not fit its declaration is another test's business.
    if corpus.is_parallel() {
        let pairs = corpus.read_parallel(split).ok()?.pairs;
        let pairs = some(pairs, |pair| pair.source.text.len());
        for target in [AlignmentTarget::Instances, AlignmentTarget::Record] {
            let mut outline = Outline::alignment(corpus, split, &selection, target);
            pairs.iter().enumerate().for_each(|(at, pair)| outline.add_pair(at, pair));
            for limit in LIMITS {
                let mut config = config_of(limit);
                config.prompt.alignment = target;
                found.extend(faults(&outline, &config, |drawn, group| {
                    let pairs: Vec<Parallel> = taken(&outline, drawn, group, &pairs);
                    rows_of(&Lesson::alignment(corpus, &pairs, target), drawn, group, &config)
                }));
            }
        }
        return Some(found);
    }
    let sentences = corpus.read(split).ok()?.sentences;
    let sentences = some(sentences, |sentence| sentence.text.len());
    for mut outline in Outline::instruction(corpus, split, &selection) {
        sentences.iter().enumerate().for_each(|(at, it)| outline.add_sentence(at, it));
        for limit in LIMITS {
            let config = config_of(limit);
            found.extend(faults(&outline, &config, |drawn, group| {
                let sentences: Vec<Sentence> = taken(&outline, drawn, group, &sentences);
                let (name, schema) = (corpus.name(), corpus.schema());
                let lesson = Lesson::extraction(name, schema, outline.task, &sentences);
                rows_of(&lesson, drawn, group, &config)
            }));
        }
    }
    Some(found)
}

fn config_of(limit: usize) -> PrepareConfig {
    PrepareConfig { group: 24, ..config(limit, SelectionMode::Full) }
}

/// What a group is about.
fn taken<T: Clone>(outline: &Outline<'_>, drawn: &Drawn<'_>, group: usize, from: &[T]) -> Vec<T> {
    let at = drawn.items(group).into_iter().map(|item| outline.items[item].at as usize);
    at.map(|at| from[at].clone()).collect()
}

fn rows_of(lesson: &Lesson<'_>, drawn: &Drawn<'_>, group: usize, config: &PrepareConfig) -> Output {
    Fit { lesson, config, tokenizer: tokenizer() }.output(&drawn.group(group, lesson).unwrap())
}

#[test]
fn no_corpus_on_hand_loses_a_label_at_any_length() {
    let root = data_root("prompts were not planned over real corpora");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/datasets");
    let mut declarations: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    declarations.sort();
    let nowhere = PathBuf::from("nowhere");
    let root = root.as_ref().unwrap_or(&nowhere);
    let splits: Vec<(Corpus, String)> = declarations
        .iter()
        .flat_map(|path| {
            let corpus = Corpus::load(path, root).unwrap();
            let splits: Vec<String> = corpus.splits().into_iter().map(str::to_owned).collect();
            splits
                .into_iter()
                .map(|split| (Corpus::load(path, root).unwrap(), split))
                .collect::<Vec<_>>()
        })
        // What is not on this machine is not looked at: `every_declaration_fits_its_files` says what.
        .filter(|(corpus, split)| {
            corpus.files(split).is_ok_and(|files| files.iter().all(|file| file.is_file()))
        })
        .collect();
    let found: Vec<Option<Vec<String>>> =
        splits.par_iter().map(|(corpus, split)| planned(corpus, split)).collect();
    let looked_at = found.iter().flatten().count();
    let faults: Vec<&String> = found.iter().flatten().flatten().collect();
    assert!(faults.is_empty(), "{faults:#?}");
    // At least our own, which are part of the repository.
    assert!(looked_at >= 10, "{looked_at} splits of {}", splits.len());
    println!("{looked_at} splits of {} declarations", declarations.len());
}
