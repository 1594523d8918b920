//! `knowcoder serve`: a model over HTTP until it is asked to stop.

use super::{Answer, reading};
use crate::cli;
use crate::display::Display;
use crate::error::{Error, exit};
use crate::serve::{self, Served, Settings};
use data_pipeline::Schema;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use trainer::extract::Extractor;
use trainer::generation::{GenerateConfig, Generation};

/// Serves a checkpoint.
pub fn serve(args: &cli::Serve) -> Result<Answer, Error> {
    let token = args.token_env.as_deref().map(token).transpose()?;
    serve::check_host(&args.host, token.is_some(), args.no_token)?;
    let schemas: Vec<(String, Schema)> = args
        .schemas
        .iter()
        .map(|path| Ok((schema_name(path), Schema::load(path)?)))
        .collect::<Result<_, Error>>()?;
    for (place, (name, _)) in schemas.iter().enumerate() {
        if schemas[..place].iter().any(|(other, _)| other == name) {
            let message = format!("two schemas are called `{name}`; rename one of the files");
            return Err(Error::new(exit::USAGE, message));
        }
    }
    // A directory that is no checkpoint needs no port; the files of one are held against their hashes later.
    if !trainer::checkpoint::is_one(&args.checkpoint) {
        trainer::checkpoint::open(&args.checkpoint)?;
    }
    let model = args.name.clone().unwrap_or_else(|| folder_name(&args.checkpoint));
    let settings = Settings {
        name: model.clone(),
        schemas,
        host: args.host.clone(),
        port: args.port,
        token,
        rows: args.rows,
        queue: args.queue,
        max_new_tokens: args.max_new_tokens,
        max_body: args.max_body_kib << 10,
        timeout: Duration::from_secs(args.timeout),
        drain: Duration::from_secs(args.drain),
    };
    let config = GenerateConfig {
        max_new_tokens: args.max_new_tokens,
        rows: args.rows,
        budget_tokens: args.budget_tokens,
        ..GenerateConfig::default()
    };
    let generation = Generation { config, ..Generation::default() };
    let (checkpoint, device, queue) = (args.checkpoint.clone(), args.device.clone(), args.queue);
    let said = model.clone();
    let open = move || {
        let mut display = Display::new();
        let opened =
            Extractor::open(&checkpoint, &device, generation, queue, &mut reading(&mut display))?;
        display.finish();
        eprintln!("`{said}` is ready");
        Ok(opened)
    };
    let told = |address| eprintln!("serving `{model}` at http://{address}; Ctrl-C stops");
    let Served { requests, answered, cut } = serve::run(settings, open, told)?;
    let cut_text = match cut {
        0 => String::new(),
        cut => format!("; {cut} prompts were given up after {} s (--drain)", args.drain),
    };
    eprintln!("stopped after {requests} requests, {answered} prompts answered{cut_text}");
    Ok(Answer::new("", json!({"requests": requests, "answered": answered, "cut": cut})))
}

/// The token in the environment variable `name`.
fn token(name: &str) -> Result<String, Error> {
    match std::env::var(name) {
        Ok(token) if token.trim().is_empty() => {
            Err(Error::new(exit::USAGE, format!("the environment variable {name} is empty"))
                .hint("put the token there, or leave --token-env out"))
        }
        Ok(token) => Ok(token.trim().to_owned()),
        Err(_) => Err(Error::new(
            exit::USAGE,
            format!("there is no environment variable {name} with text"),
        )
        .hint("--token-env takes the name of a variable, never the token itself")),
    }
}

/// The name of a schema's file, without what ends it.
fn schema_name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The name of a directory, which may be called by a path that ends in `..`.
fn folder_name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
