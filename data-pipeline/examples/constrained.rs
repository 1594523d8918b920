//! What constrained decoding costs beside a model, as JSON: microseconds to make a sentence's grammar,
//! and for the set of tokens that may come next, one answer at a time on one thread.
//!
//! ```text
//! cargo run --release -p data-pipeline --example constrained -- \
//!     SCHEMA.py [--tokenizer FILE | --vocabulary N] [--task ner|re|ed] [--sentences FILE.txt]
//! ```
//!
//! Answers are walks over what is allowed; without a tokenizer, a vocabulary of N ids (4096) is
//! trained on the sentences. Without sentences there are two dozen of our own.

use data_pipeline::grammar::{Template, Vocabulary};
use data_pipeline::prompt::PromptConfig;
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Schema, Sentence, Task};
use std::path::Path;
use std::time::{Duration, Instant};

/// Tokens of an answer, at most.
const LIMIT: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let Some(schema) = arguments.first().filter(|first| !first.starts_with("--")) else {
        return Err("usage: constrained SCHEMA.py [--tokenizer FILE | --vocabulary N] [--task T] [--sentences FILE.txt]".into());
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
    let tokenizer = match option("--tokenizer") {
        Some(path) => Tokenizer::load(Path::new(&path))?,
        None => {
            let size = option("--vocabulary").map_or(Ok(4096), |text| text.parse::<usize>())?;
            Tokenizer::train(&sentences, size)?
        }
    };
    let begun = Instant::now();
    let vocabulary = Vocabulary::new(&tokenizer);
    let vocabulary_ms = begun.elapsed().as_secs_f64() * 1e3;
    let prompt = PromptConfig::default();
    let classes = schema.of_task(task);
    let template = Template::new(&prompt, &schema, &classes, task, "en");
    let (mut making, mut steps) = (Vec::new(), Vec::new());
    for (number, text) in sentences.iter().enumerate() {
        let sentence = Sentence { text: text.clone(), ..Sentence::default() };
        let begun = Instant::now();
        let grammar = template.grammar(&sentence, false)?;
        let mut matcher = grammar.matcher(&vocabulary).with_limit(LIMIT);
        making.push(begun.elapsed());
        let (mut ids, mut seed) = (Vec::new(), number as u64);
        loop {
            let begun = Instant::now();
            let allowed = matcher.allowed(&ids).unwrap_or_default();
            steps.push(begun.elapsed());
            match choose(&allowed, &mut seed) {
                Some(id) if id != tokenizer.eos() => ids.push(id),
                _ => break,
            }
        }
    }
    let document = serde_json::json!({
        "vocabulary": vocabulary.size(),
        "classes": classes.len(),
        "sentences": sentences.len(),
        "characters": sentences.iter().map(|text| text.chars().count()).sum::<usize>(),
        "vocabulary_ms": vocabulary_ms,
        "grammar_us": summary(&mut making),
        "tokens": steps.len(),
        "token_us": summary(&mut steps),
    });
    println!("{document:#}");
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

/// Some id of the set, the same for the same seed.
fn choose(words: &[u32], seed: &mut u64) -> Option<u32> {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let ids = (0u32..).zip(words).flat_map(|(number, word)| {
        let word = *word;
        (0..32).filter(move |bit| (word >> bit) & 1 == 1).map(move |bit| number * 32 + bit)
    });
    let ids: Vec<u32> = ids.collect();
    ids.get((*seed >> 33) as usize % ids.len().max(1)).copied()
}

fn summary(times: &mut [Duration]) -> serde_json::Value {
    times.sort_unstable();
    let us = |time: &Duration| time.as_secs_f64() * 1e6;
    let mean = times.iter().map(us).sum::<f64>() / times.len().max(1) as f64;
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last()).map(us);
    serde_json::json!({ "mean": mean, "median": at(0.5), "p99": at(0.99), "most": at(1.0) })
}
