//! What constrained decoding costs beside a model, as JSON: processor time of this thread to make a sentence's
//! grammar, and to choose a token of an answer with the grammar and without.
//!
//! ```text
//! cargo run --release -p data-pipeline --example constrained -- \
//!     SCHEMA.py [--tokenizer FILE | --vocabulary N] [--task ner|re|ed] [--sentences FILE.txt] [--steps N]
//! ```
//!
//! A step is the choice of the likeliest id from logits that are made up, once of all ids (`free`), once of
//! those that the grammar allows, which are computed first (`held`); the two take turns at every step, on the
//! same logits, so that whatever disturbs the machine disturbs both. `grammar` is what the set alone took.
//! Answers are walks over what is allowed; sentences come again until N steps (2000) are done. Without a
//! tokenizer, a vocabulary of N ids (4096) is trained on the sentences. Without sentences there are two
//! dozen of our own. What is at work is said on stderr.

use data_pipeline::grammar::{Template, Vocabulary};
use data_pipeline::prompt::PromptConfig;
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Schema, Sentence, Task};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Tokens of an answer, at most.
const LIMIT: usize = 200;

/// Processor times, one an event.
#[derive(Default)]
struct Times {
    grammars: Vec<Duration>,
    sets: Vec<Duration>,
    held: Vec<Duration>,
    free: Vec<Duration>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let number =
        |name: &str, usual: usize| option(name).map_or(Ok(usual), |text| text.parse::<usize>());
    let Some(schema) = arguments.first().filter(|first| !first.starts_with("--")) else {
        return Err("usage: constrained SCHEMA.py [--tokenizer FILE | --vocabulary N] [--task T] [--sentences FILE.txt] [--steps N]".into());
    };
    let schema = Schema::load(Path::new(schema))?;
    let task = match option("--task").as_deref() {
        Some("re") => Task::Re,
        Some("ed") => Task::Ed,
        _ => Task::Ner,
    };
    let sentences: Vec<String> = match option("--sentences") {
        Some(path) => std::fs::read_to_string(path)?.lines().map(str::to_owned).collect(),
        None => (0..24).map(sentence).collect(),
    };
    if sentences.is_empty() {
        return Err("there is no sentence to answer about".into());
    }
    let steps = number("--steps", 2000)?;
    eprintln!("constrained: reads or trains the vocabulary");
    let tokenizer = match option("--tokenizer") {
        Some(path) => Tokenizer::load(Path::new(&path))?,
        None => Tokenizer::train(&sentences, number("--vocabulary", 4096)?)?,
    };
    eprintln!("constrained: makes the tree of the vocabulary");
    let begun = processor_time();
    let vocabulary = Vocabulary::new(&tokenizer);
    let vocabulary_ms = (processor_time() - begun).as_secs_f64() * 1e3;
    let classes = schema.of_task(task);
    let prompt = PromptConfig::default();
    let template = Template::new(&prompt, &schema, &classes, task, "en");
    eprintln!("constrained: {steps} steps with {} ids", vocabulary.size());
    let mut times = Times::default();
    for (round, text) in sentences.iter().cycle().enumerate() {
        if times.held.len() >= steps {
            break;
        }
        let sentence = Sentence { text: text.clone(), ..Sentence::default() };
        let most = LIMIT.min(steps - times.held.len());
        walk(&template, &sentence, &vocabulary, round as u64, most, &mut times)?;
    }
    let document = serde_json::json!({
        "vocabulary": vocabulary.size(),
        "classes": classes.len(),
        "sentences": sentences.len(),
        "characters": sentences.iter().map(|text| text.chars().count()).sum::<usize>(),
        "vocabulary_ms": vocabulary_ms,
        "grammar_us": summary(&mut times.grammars),
        "steps": times.held.len(),
        "set_us": summary(&mut times.sets),
        "held_us": summary(&mut times.held),
        "free_us": summary(&mut times.free),
    });
    println!("{document:#}");
    Ok(())
}

/// One answer about a sentence, each of its steps chosen both ways.
fn walk(
    template: &Template,
    sentence: &Sentence,
    vocabulary: &Arc<Vocabulary>,
    mut seed: u64,
    most: usize,
    times: &mut Times,
) -> Result<(), data_pipeline::Error> {
    let begun = processor_time();
    let grammar = template.grammar(sentence, false)?;
    let mut matcher = grammar.matcher(vocabulary).with_limit(LIMIT);
    times.grammars.push(processor_time() - begun);
    let mut ids = Vec::new();
    for step in 0..most {
        let logits = logits(vocabulary.size(), &mut seed);
        let mut free = || {
            let begun = processor_time();
            black_box(likeliest(&logits, None));
            times.free.push(processor_time() - begun);
        };
        // Whoever comes second finds the logits in the cache: they change places.
        if step % 2 == 0 {
            free();
        }
        let begun = processor_time();
        let allowed = matcher.allowed(&ids).unwrap_or_default();
        times.sets.push(processor_time() - begun);
        let chosen = black_box(likeliest(&logits, Some(&allowed)));
        times.held.push(processor_time() - begun);
        if step % 2 == 1 {
            free();
        }
        match chosen {
            Some(id) if id != vocabulary.eos() => ids.push(id),
            _ => break,
        }
    }
    Ok(())
}

/// About as long as one of CoNLL's.
fn sentence(number: usize) -> String {
    let people = ["Ann Miller", "Zhou Yunzhi", "Lord Marenko", "Đỗ Văn Án"];
    let places = ["Bonn", "Port Vestra", "清禾镇", "Qinghe Township"];
    let (person, place) = (people[number % 4], places[number / 4 % 4]);
    format!(
        "{person}, who came to {place} in {}, told \"The Vestra Gazette\" on Monday that the {} would \
         stay in {place} for another {number} years.",
        1900 + number,
        ["Ministry of Tides", "Vestra Shipping Ltd"][number % 2],
    )
}

/// A number for each id, the same for the same seed.
fn logits(size: usize, seed: &mut u64) -> Vec<f32> {
    let mut draw = || {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 40) as f32
    };
    (0..size).map(|_| draw()).collect()
}

/// The id with the largest logit: of all, or of those whose bit is set.
fn likeliest(logits: &[f32], allowed: Option<&[u32]>) -> Option<u32> {
    let mut best: Option<(u32, f32)> = None;
    let mut consider = |id: u32, logit: f32| {
        if best.is_none_or(|(_, most)| logit > most) {
            best = Some((id, logit));
        }
    };
    match allowed {
        None => (0u32..).zip(logits).for_each(|(id, logit)| consider(id, *logit)),
        Some(words) => {
            for (number, word) in (0u32..).zip(words) {
                let mut left = *word;
                while left != 0 {
                    let id = number * 32 + left.trailing_zeros();
                    if let Some(logit) = logits.get(id as usize) {
                        consider(id, *logit);
                    }
                    left &= left - 1;
                }
            }
        }
    }
    best.map(|(id, _)| id)
}

/// What this thread has had of a processor so far: what others do on the machine does not count.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock writes into the value that it is given, and into nothing else.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn summary(times: &mut [Duration]) -> serde_json::Value {
    times.sort_unstable();
    let us = |time: &Duration| time.as_secs_f64() * 1e6;
    let mean = times.iter().map(us).sum::<f64>() / times.len().max(1) as f64;
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last()).map(us);
    serde_json::json!({ "mean": mean, "median": at(0.5), "p99": at(0.99), "most": at(1.0) })
}
