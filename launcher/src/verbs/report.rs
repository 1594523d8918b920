//! `knowcoder report`.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};
use crate::report;
use serde_json::json;
use trainer::RunDir;

/// Writes the page of a run and says where it is.
pub fn report(args: &cli::Report) -> Result<Answer, Error> {
    if !RunDir::new(&args.run).recipe_lock().is_file() {
        let message = format!(
            "`{}` is not the directory of a run: it has no recipe.lock",
            args.run.display()
        );
        return Err(Error::new(exit::DECLARATION, message).hint("name one like runs/NAME"));
    }
    let path = report::write(&args.run)?;
    Ok(Answer::new(format!("{}\n", path.display()), json!({"report": path})))
}
