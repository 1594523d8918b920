//! `knowcoder agent`: one node of a run.

use super::Answer;
use crate::agent::{self, Call, Farewell, Post};
use crate::cli;
use crate::crew::identity;
use crate::error::{Error, exit};
use crate::supervise::Patience;
use crate::wire::Invitation;
use serde_json::Value;
use std::io::{self, BufRead, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use trainer::collective::Secret;
use trainer::collective::hello::introduce;

/// Longest invitation.
const LONGEST: u64 = 64 * 1024;

/// Between two looks at a coordinator that is not there yet.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a coordinator may take to prove that it is ours.
const GREETING: Duration = Duration::from_secs(10);

/// Between the end of one driver and a look for the next.
const AGAIN: Duration = Duration::from_secs(1);

/// Takes its invitation, joins, and does as it is told until it is over.
pub fn agent(args: &cli::Agent) -> Result<Answer, Error> {
    if args.from_environment {
        return attend(&from_environment(|name| std::env::var(name).ok())?);
    }
    let invitation = from_stdin()?;
    let error = |words: String| Err(Error::new(exit::TRANSIENT, words));
    match serve(join(&invitation)?, &invitation, true)? {
        Farewell::Left | Farewell::Asked => Ok(Answer::new("", Value::Null)),
        Farewell::Unable(words) => error(words),
        Farewell::Disconnected => error("the coordinator ended the connection".to_owned()),
        Farewell::Abandoned => error("who started this agent is gone".to_owned()),
        Farewell::Expired(lease) => error(format!(
            "nothing was heard of the coordinator for {} s: the ranks here were ended, others may take their \
             place",
            lease.as_secs_f64()
        )),
    }
}

/// What comes by itself outlives the driver, whose own pod may be taken away and made again: it goes to each
/// driver that follows, until whoever started it ends it.
fn attend(invitation: &Invitation) -> Result<Answer, Error> {
    let patience = Duration::from_secs(invitation.join);
    let mut until = Instant::now() + patience;
    loop {
        let stream = match join(invitation) {
            // A driver that goes in this moment breaks its greeting off.
            Err(error) if error.code == exit::TRANSIENT && Instant::now() < until => {
                std::thread::sleep(AGAIN);
                continue;
            }
            joined => joined?,
        };
        let farewell = serve(stream, invitation, false)?;
        until = Instant::now() + patience;
        match farewell {
            // A pod that ends well is never made again.
            Farewell::Asked => {
                return Ok(Answer { code: exit::TRANSIENT, ..Answer::new("", Value::Null) });
            }
            Farewell::Unable(words) => return Err(Error::new(exit::TRANSIENT, words)),
            Farewell::Left
            | Farewell::Disconnected
            | Farewell::Abandoned
            | Farewell::Expired(_) => {
                eprintln!("the driver is gone; waiting for the next one");
                std::thread::sleep(AGAIN);
            }
        }
    }
}

fn serve(
    stream: TcpStream,
    invitation: &Invitation,
    watches_stdin: bool,
) -> Result<Farewell, Error> {
    let transient = |what: &str, error: io::Error| {
        Error::new(exit::TRANSIENT, format!("failed to {what}: {error}"))
    };
    let address = stream.local_addr().map_err(|error| transient("find its own address", error))?;
    let program = std::env::current_exe().map_err(|error| transient("find the program", error))?;
    let post = Post {
        facts: agent::facts(program.clone()),
        program,
        address: address.ip(),
        lease: Some(Duration::from_secs(invitation.lease)),
        last_words: Patience::default().last_words,
    };
    let (calls, listener) = mpsc::unbounded_channel();
    if watches_stdin {
        watch_stdin(calls.clone());
    }
    // One thread, this one: the ranks end when the thread that started them does.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| transient("start the agent", error))?;
    let farewell = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        listen_again();
        tokio::spawn(async move {
            while terminate.recv().await.is_some() && calls.send(Call::Stop).is_ok() {}
        });
        Ok(agent::serve(tokio::net::TcpStream::from_std(stream)?, post, listener).await)
    });
    let farewell = farewell.map_err(|error| transient("start the agent", error))?;
    // A thread that still waits for stdin holds nobody up.
    runtime.shutdown_background();
    end_by_default();
    Ok(farewell)
}

/// What tokio does with SIGTERM, while nobody listens: it puts its handler there once in a process, whoever takes it
/// away meanwhile.
static HANDLER: Mutex<Option<libc::sigaction>> = Mutex::new(None);

/// SIGTERM goes to those who listen again, if [`end_by_default`] has taken it from them.
fn listen_again() {
    if let Some(ours) = &*HANDLER.lock().unwrap_or_else(PoisonError::into_inner) {
        // SAFETY: it is the action that was there before.
        unsafe { libc::sigaction(libc::SIGTERM, ours, std::ptr::null_mut()) };
    }
}

/// Nobody listens any more: from here on SIGTERM does what it does to any program.
fn end_by_default() {
    // SAFETY: `sigaction` is a C struct for which zero is valid, and means the default; both live through the call.
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        let mut ours: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGTERM, &raw const default, &raw mut ours) == 0 {
            *HANDLER.lock().unwrap_or_else(PoisonError::into_inner) = Some(ours);
        }
    }
}

/// Stdin ends when whoever started this agent does.
fn watch_stdin(calls: mpsc::UnboundedSender<Call>) {
    std::thread::spawn(move || {
        let mut rest = [0; 256];
        let mut stdin = io::stdin().lock();
        while matches!(stdin.read(&mut rest), Ok(count) if count > 0) {}
        let _ = calls.send(Call::Abandoned);
    });
}

fn from_stdin() -> Result<Invitation, Error> {
    let mut line = String::new();
    let read = io::stdin().lock().take(LONGEST).read_line(&mut line);
    let refuse = |why: String| {
        Error::new(exit::USAGE, format!("no invitation came on stdin: {why}"))
            .hint("`knowcoder run --cluster FILE` starts agents; nobody does it by hand")
    };
    read.map_err(|error| refuse(error.to_string()))?;
    serde_json::from_str(&line).map_err(|error| refuse(error.to_string()))
}

/// The invitation in variables; `read` gives the value of one.
fn from_environment(read: impl Fn(&str) -> Option<String>) -> Result<Invitation, Error> {
    let wanted = |name: &str| {
        let message = format!("the environment variable {name} is not set");
        read(name).filter(|value| !value.is_empty()).ok_or_else(|| Error::new(exit::USAGE, message))
    };
    let number = |name: &str, usual: Option<u64>| -> Result<u64, Error> {
        let Some(text) = read(name).filter(|value| !value.is_empty()) else {
            return usual.map_or_else(|| wanted(name).map(|_| 0), Ok);
        };
        text.parse().map_err(|_| {
            Error::new(exit::USAGE, format!("{name} is `{text}`; it must be a whole number"))
        })
    };
    let node = match read("KNOWCODER_NODE").is_some() {
        true => number("KNOWCODER_NODE", None)?,
        false => number("JOB_COMPLETION_INDEX", None)?,
    };
    Ok(Invitation {
        coordinator: wanted("KNOWCODER_COORDINATOR")?,
        run: wanted("KNOWCODER_RUN")?,
        node: node as usize,
        name: read("HOSTNAME").unwrap_or_else(|| format!("node-{node}")),
        nodes: number("KNOWCODER_NODES", None)? as usize,
        secret: wanted("KNOWCODER_SECRET")?,
        lease: number("KNOWCODER_LEASE_SECONDS", Some(10))?,
        join: number("KNOWCODER_JOIN_SECONDS", Some(600))?,
    })
}

/// Reaches the coordinator, again and again while it is not there yet, and proves who we are.
fn join(invitation: &Invitation) -> Result<TcpStream, Error> {
    let Invitation { coordinator, run, node, nodes, secret, join, .. } = invitation;
    let secret = Secret::parse(secret)
        .map_err(|reason| Error::new(exit::USAGE, format!("the invitation's secret {reason}")))?;
    let me = identity(run, *node, *nodes).map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to read this program: {error}"))
    })?;
    let until = Instant::now() + Duration::from_secs(*join);
    let stream = loop {
        let reason = match connect(coordinator, until) {
            Ok(stream) => break stream,
            Err(reason) => reason,
        };
        if Instant::now() + PAUSE >= until {
            let message = format!("failed to reach the coordinator at {coordinator}: {reason}");
            return Err(Error::new(exit::TRANSIENT, message)
                .hint("cluster.interface names the network that nodes share"));
        }
        std::thread::sleep(PAUSE);
    };
    introduce(&stream, coordinator, &me, &secret, GREETING)?;
    let plain = || {
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)
    };
    plain().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("the connection to {coordinator} failed: {error}"))
    })?;
    Ok(stream)
}

fn connect(address: &str, until: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in address.to_socket_addrs()? {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&address, left.min(Duration::from_secs(5))) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_invitation_in_the_environment() {
        let mut values = vec![
            ("KNOWCODER_COORDINATOR", "pod-0:29400"),
            ("KNOWCODER_RUN", "r"),
            ("KNOWCODER_NODES", "3"),
            ("KNOWCODER_SECRET", "5555"),
            ("JOB_COMPLETION_INDEX", "2"),
        ];
        let read = |values: &[(&str, &str)]| {
            let values: Vec<(String, String)> = values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            from_environment(move |name| {
                values.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone())
            })
        };
        let invitation = read(&values).unwrap();
        assert_eq!((invitation.node, invitation.nodes, invitation.lease), (2, 3, 10));
        assert!(!format!("{invitation:?}").contains("5555"));
        values.push(("KNOWCODER_NODE", "one"));
        let error = read(&values).unwrap_err();
        assert_eq!(error.message, "KNOWCODER_NODE is `one`; it must be a whole number");
        values.retain(|(name, _)| *name != "KNOWCODER_SECRET");
        values.retain(|(name, _)| *name != "KNOWCODER_NODE");
        let error = read(&values).unwrap_err();
        assert_eq!(error.message, "the environment variable KNOWCODER_SECRET is not set");
    }
}
