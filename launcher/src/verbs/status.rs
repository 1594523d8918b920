//! `knowcoder status`: how a run is.

use super::Answer;
use crate::cli;
use crate::error::{Error, exit};
use crate::standing::now::{Look, Now};
use crate::standing::table;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use trainer::RunDir;

/// Between two looks at a run that goes on.
const AGAIN: Duration = Duration::from_secs(1);

/// Between two plain lines that say the same but for numbers.
const PLAIN: Duration = Duration::from_secs(10);

/// Lines of a terminal that does not say how many it has.
const ROWS: usize = 24;

/// Says how a run is, with `--watch` when it is over.
pub fn status(args: &cli::Status) -> Result<Answer, Error> {
    let mut look = Look::new(RunDir::new(&args.run));
    let now = match args.watch {
        true => watched(&mut look)?,
        false => look.now()?.0,
    };
    let json = serde_json::to_value(&now)
        .map_err(|error| Error::new(exit::BUG, format!("the status cannot be written: {error}")))?;
    let json = with_word(json, &now);
    Ok(Answer::new(table::of(&now), json))
}

/// The state in one word, beside the state that the run itself would tell.
fn with_word(mut json: serde_json::Value, now: &Now) -> serde_json::Value {
    json["status"] = now.word().into();
    json
}

/// Shows the run on stderr until it is over: only the view ends with Ctrl-C, since nothing here is the run's.
pub fn watched(look: &mut Look) -> Result<Now, Error> {
    let mut view = View::new();
    loop {
        let (now, _) = look.now()?;
        if now.is_over() {
            view.close();
            return Ok(now);
        }
        view.show(&now, Instant::now());
        std::thread::sleep(AGAIN);
    }
}

/// What stderr shows.
enum View {
    /// A picture of so many lines, drawn again in its place.
    Terminal(usize),
    /// The last line without its numbers, and when it was written.
    Plain(Option<(String, Instant)>),
}

impl View {
    fn new() -> Self {
        if io::stderr().is_terminal() { Self::Terminal(0) } else { Self::Plain(None) }
    }

    fn show(&mut self, now: &Now, at: Instant) {
        match self {
            Self::Terminal(lines) => {
                let picture: Vec<String> = table::of(now)
                    .lines()
                    .take(rows().saturating_sub(1))
                    .map(str::to_owned)
                    .collect();
                erase(*lines);
                *lines = picture.len();
                eprintln!("{}", picture.join("\n"));
            }
            Self::Plain(shown) => {
                let phase = now.standing.progress.as_ref().map_or("", |step| step.phase.as_str());
                let what = format!("{} {phase} {}", now.word(), now.standing.failures.len());
                if shown
                    .as_ref()
                    .is_none_or(|(before, since)| *before != what || at >= *since + PLAIN)
                {
                    eprintln!("{}", table::line(now));
                    *shown = Some((what, at));
                }
            }
        }
    }

    /// What follows on stdout takes the picture's place.
    fn close(&mut self) {
        if let Self::Terminal(lines) = self {
            erase(*lines);
        }
    }
}

/// Goes up so many lines and erases what is below.
fn erase(lines: usize) {
    if lines > 0 {
        eprint!("\x1b[{lines}A\x1b[J");
        // Who closed stderr does not want to see it.
        let _ = io::stderr().flush();
    }
}

/// Lines of the terminal.
fn rows() -> usize {
    // SAFETY: the call fills a struct of ours, for which zero is valid, or leaves it.
    let size = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &mut size);
        size
    };
    match size.ws_row {
        0 => ROWS,
        rows => rows.into(),
    }
}
