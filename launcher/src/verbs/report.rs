//! `knowcoder report`.

use super::Answer;
use crate::cli;
use crate::error::Error;
use crate::report;
use serde_json::json;

/// Writes the page of a run and says where it is.
pub fn report(args: &cli::Report) -> Result<Answer, Error> {
    let path = report::write(&args.run)?;
    Ok(Answer::new(format!("{}\n", path.display()), json!({"report": path})))
}
