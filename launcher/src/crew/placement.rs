//! The process that is an agent, or that stands for one here: `ssh`, `srun`.

use crate::agent::die_with_us;
use crate::wire::Invitation;
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::oneshot;

/// How many of its last lines are kept for an error.
const LAST_LINES: usize = 20;

/// Ends the process when it is dropped.
pub struct Placed {
    _end: oneshot::Sender<()>,
    words: Arc<Mutex<VecDeque<String>>>,
}

impl Placed {
    /// The agent's own verdict, if it has said one.
    pub fn last_words(&self) -> String {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        // What `ssh` and `srun` say beside it is older, and about something else.
        let own = words.iter().rev().find_map(|line| line.strip_prefix("error: "));
        own.unwrap_or_default().trim().to_owned()
    }
}

/// Starts `command` and hands it its invitation; `ended` hears what it said last, unless it was dropped.
pub fn place(
    mut command: Command,
    invitation: &Invitation,
    log: PathBuf,
    ended: impl FnOnce(Option<i32>, String) + Send + 'static,
) -> io::Result<Placed> {
    command
        .env_remove("KNOWCODER_SECRET")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    die_with_us(command.as_std_mut());
    let mut child = command.spawn()?;
    let mut line = serde_json::to_vec(invitation).map_err(io::Error::from)?;
    line.push(b'\n');
    let words = Arc::new(Mutex::new(VecDeque::new()));
    let (end, ending) = oneshot::channel();
    let kept = Arc::clone(&words);
    tokio::spawn(async move {
        let mut stdin = child.stdin.take();
        if let Some(stdin) = &mut stdin {
            // Who does not read it has ended, which is reported below.
            let _ = stdin.write_all(&line).await;
            let _ = stdin.flush().await;
        }
        let listening = child.stderr.take().map(|stream| {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let mut lines = BufReader::new(stream).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    keep(&kept, &log, line);
                }
            })
        });
        tokio::select! {
            status = child.wait() => {
                if let Some(listening) = listening {
                    let _ = tokio::time::timeout(Duration::from_millis(500), listening).await;
                }
                let words = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                ended(status.ok().and_then(|status| status.code()), words.join("\n"));
            }
            // Dropping the sender is what ends it.
            _ = ending => { let _ = child.kill().await; }
        }
        drop(stdin);
    });
    Ok(Placed { _end: end, words })
}

fn keep(words: &Mutex<VecDeque<String>>, log: &PathBuf, line: String) {
    if let Ok(mut file) = OpenOptions::new().append(true).create(true).open(log) {
        // A lost line of a log ends no run.
        let _ = writeln!(file, "{line}");
    }
    let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
    words.push_back(line);
    if words.len() > LAST_LINES {
        words.pop_front();
    }
}

/// Of what an agent said on stderr, its own verdict if there is one, else its last line.
pub fn verdict(stderr: &str) -> Option<&str> {
    let own = stderr.lines().rev().find_map(|line| line.strip_prefix("error: "));
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
    own.or(last).map(str::trim)
}
