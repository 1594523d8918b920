//! `knowcoder extract`: the use of a model, one JSON object a text.

use super::{Answer, reading};
use crate::cli;
use crate::display::Display;
use crate::error::{Error, exit};
use data_pipeline::Schema;
use data_pipeline::predictions::json as object;
use data_pipeline::shots;
use serde_json::{Value, json};
use std::io::Read;
use std::time::Instant;
use trainer::extract::Extractor;
use trainer::generation::{GenerateConfig, Generation, Sampling};

/// Extracts from the texts of the command line, or from each line of stdin.
pub fn extract(args: &cli::Extract) -> Result<Answer, Error> {
    let texts = texts(&args.texts)?;
    let generation = generation(&args.generation);
    generation.check()?;
    let schema = Schema::load(&args.schema)?;
    let shots = match &args.shots {
        Some(path) => shots::read(path, args.task, &args.language, &schema)?,
        None => Vec::new(),
    };
    let mut display = Display::new();
    let extractor = Extractor::open(&args.checkpoint, &mut reading(&mut display))?
        .with_pieces(args.pieces)
        .with_constrained(args.constrained)
        .with_generation(generation);
    let trained_with = extractor.trained_with_shots();
    if trained_with > 0 && shots.is_empty() {
        display.line(&format!(
            "the checkpoint was trained with {trained_with} demonstrations a class and sees none \
             here; --shots FILE.jsonl gives it some"
        ));
    }
    let mut report = |done| display.advance("extracting", done, texts.len(), "", Instant::now());
    let answers =
        extractor.extract(&schema, args.task, &args.language, &texts, &shots, &mut report)?;
    display.finish();
    let documents: Vec<Value> = texts
        .iter()
        .zip(answers)
        .map(|(text, (instances, flaws))| {
            let objects: Vec<Value> = instances.iter().map(object).collect();
            json!({"text": text, "objects": objects, "flaws": flaws})
        })
        .collect();
    let text = documents.iter().map(|document| format!("{document}\n")).collect::<String>();
    Ok(Answer::new(text, Value::Array(documents)))
}

fn generation(args: &cli::GenerationArgs) -> Generation {
    let sampling = Sampling {
        temperature: args.temperature,
        top_k: args.top_k,
        top_p: args.top_p,
        min_p: args.min_p,
        repetition_penalty: args.repetition_penalty,
        seed: args.seed,
    };
    let config = GenerateConfig {
        max_new_tokens: args.max_new_tokens,
        budget_tokens: args.budget_tokens,
        sampling,
        ..GenerateConfig::default()
    };
    Generation { config, stop: args.stop.clone() }
}

fn texts(given: &[String]) -> Result<Vec<String>, Error> {
    let mut texts = Vec::new();
    for text in given {
        if text == "-" {
            texts.extend(lines_of_stdin()?);
        } else {
            texts.push(text.clone());
        }
    }
    if given.is_empty() {
        texts = lines_of_stdin()?;
    }
    Ok(texts)
}

fn lines_of_stdin() -> Result<Vec<String>, Error> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new(exit::TRANSIENT, format!("failed to read stdin: {error}")))?;
    lines(bytes)
}

/// The lines that are not empty.
fn lines(bytes: Vec<u8>) -> Result<Vec<String>, Error> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::new(exit::DATA, format!("stdin:{line}: not valid UTF-8"))
    })?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn texts_are_lines_and_bytes_that_are_none_are_named() {
        assert_eq!(lines("a\r\n\n 中文 \n".into()).unwrap(), ["a", "中文"]);
        let error = lines(b"a\nb\xff\n".to_vec()).unwrap_err();
        assert_eq!((error.message.as_str(), error.code), ("stdin:2: not valid UTF-8", exit::DATA));
    }
}
