//! `knowcoder track`: a run's numbers for MLflow and Weights & Biases.

use super::Answer;
use crate::cli;
use crate::error::Error;
use crate::track::{self, Format, Written};
use serde_json::json;

/// Writes the files and says what reads them.
pub fn track(args: &cli::Track) -> Result<Answer, Error> {
    let Written { folder, values, unreadable } = track::write(&args.run, args.format, &args.out)?;
    let next = match args.format {
        Format::Mlflow => format!(
            "MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {}",
            args.out.display()
        ),
        Format::Wandb => format!("wandb sync {}", folder.display()),
    };
    let mut text = format!("{values} values in {}\n", folder.display());
    if unreadable > 0 {
        text.push_str(&format!("{unreadable} line(s) of metrics.jsonl could not be read\n"));
    }
    text.push_str(&format!("next: {next}\n"));
    let json = json!({"folder": folder, "values": values, "unreadable": unreadable, "next": next});
    Ok(Answer::new(text, json))
}
