//! `knowcoder why`: the first cause, what was done, what to do.

use super::Answer;
use super::submit::shown;
use crate::cli;
use crate::error::{Error, exit};
use crate::standing::now::Now;
use crate::why::Why;
use crate::why::logs::Ends;
use trainer::RunDir;

/// Characters of a line.
const COLUMNS: usize = 80;

/// Explains a run.
pub fn why(args: &cli::Why) -> Result<Answer, Error> {
    let run_dir = RunDir::new(&args.run);
    let (now, past) = Now::of(&run_dir)?;
    let why = Why::of(&now, &past, &Ends::read(run_dir.root()), &shown(run_dir.root()));
    let mut json = serde_json::to_value(&why)
        .map_err(|error| Error::new(exit::BUG, format!("the answer cannot be written: {error}")))?;
    json["run_dir"] = args.run.display().to_string().into();
    json["text"] = why.text().into();
    Ok(Answer::new(wrapped(&why.text()), json))
}

/// `text` in lines that fit a terminal.
fn wrapped(text: &str) -> String {
    let (mut lines, mut width) = (String::new(), 0);
    for word in text.split_whitespace() {
        let long = word.chars().count();
        if width > 0 && width + 1 + long > COLUMNS {
            lines.push('\n');
            width = 0;
        } else if width > 0 {
            lines.push(' ');
            width += 1;
        }
        lines += word;
        width += long;
    }
    lines + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_fits_a_terminal() {
        let word = "x".repeat(100);
        let text = wrapped(&format!("{} {word} end", "two words ".repeat(20)));
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS || line == word), "{text}");
        assert!(text.starts_with("two words two") && text.ends_with("end\n"));
    }
}
