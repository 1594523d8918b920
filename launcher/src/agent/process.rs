//! One rank as a process: started so that it ends with us, heard until its last word.

use crate::plan::Worker;
use std::io;
#[cfg(target_os = "linux")]
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// A line that is longer is cut: a rank that forgets its line ends must not fill the memory.
const LONGEST_LINE: u64 = 64 * 1024;

/// Something that a rank did.
pub enum Happening {
    /// A line on one of its streams.
    Said { rank: usize, generation: u32, on_stderr: bool, line: String },
    /// It is gone, and everything that it said has been told.
    Ended { rank: usize, generation: u32, status: io::Result<ExitStatus> },
}

/// Starts a rank with its streams open to us.
pub fn start(program: &Path, worker: &Worker) -> io::Result<Child> {
    let mut command = Command::new(program);
    command
        .args(&worker.arguments)
        .envs(worker.environment.iter().map(|(name, value)| (name, value)))
        // Ranks read it from a file that only its owner can read.
        .env_remove("KNOWCODER_SECRET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    ignore_save(&mut command);
    die_with_us(command.as_std_mut());
    command.spawn()
}

/// A request to save that comes before the rank can listen must not end it.
fn ignore_save(command: &mut Command) {
    // SAFETY: between fork and exec only a signal's disposition is changed.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGUSR2, libc::SIG_IGN);
            Ok(())
        });
    }
}

/// The kernel ends the process when the thread ends that starts it, even by SIGKILL.
#[cfg(target_os = "linux")]
pub fn die_with_us(command: &mut std::process::Command) {
    let parent = std::process::id();
    // SAFETY: between fork and exec only `prctl` and `getppid` are called, which are allowed there.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // We may have ended before the call above.
            if libc::getppid() as u32 != parent {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
pub fn die_with_us(_command: &mut std::process::Command) {}

/// Passes on what a rank says and, after its last words, that it has ended.
pub async fn follow(
    (rank, generation): (usize, u32),
    mut child: Child,
    sender: mpsc::Sender<Happening>,
    patience: Duration,
) {
    let stdout = child
        .stdout
        .take()
        .map(|stream| tokio::spawn(listen((rank, generation), false, stream, sender.clone())));
    let stderr = child
        .stderr
        .take()
        .map(|stream| tokio::spawn(listen((rank, generation), true, stream, sender.clone())));
    let status = child.wait().await;
    for mut listener in [stdout, stderr].into_iter().flatten() {
        // A process that the rank left behind may hold the pipe open for ever.
        if tokio::time::timeout(patience, &mut listener).await.is_err() {
            listener.abort();
        }
    }
    // Nobody listens only if the launcher gave up before.
    let _ = sender.send(Happening::Ended { rank, generation, status }).await;
}

async fn listen(
    (rank, generation): (usize, u32),
    on_stderr: bool,
    stream: impl AsyncRead + Unpin,
    sender: mpsc::Sender<Happening>,
) {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
        if sender.send(Happening::Said { rank, generation, on_stderr, line }).await.is_err() {
            return;
        }
    }
}
