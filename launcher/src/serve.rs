//! A model over HTTP: who may ask, what is asked, and how it ends.
//!
//! # Layout
//! - [`Settings`], [`run`]: from a bound socket to the end of the process; a checkpoint is read meanwhile.
//! - `app`: what all requests share, their way past the guard, and the routes.
//! - `guard`: which requests are let in: token, host, type of the body.
//! - `failure`: what is answered instead, in OpenAI's shape.
//! - `openai`: completions and chat; `choices` asks the model for them, `wire` is their JSON, `stream` sends
//!   pieces as they come. `extract`: objects with offsets.
//! - `counts`: numbers for Prometheus. `page.html`: a page to try it.

mod app;
mod choices;
mod counts;
pub mod extract;
mod failure;
mod guard;
pub mod openai;
mod stream;
mod wire;

use crate::error::{Error, exit};
use crate::interrupt::{Interrupts, Request};
use app::App;
use axum::serve::ListenerExt;
use data_pipeline::Schema;
use guard::Guard;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use trainer::extract::Extractor;
use trainer::serve::Thread;

/// What is served, and to whom.
pub struct Settings {
    /// What the model is called.
    pub name: String,
    /// Schemas by name; the first one is meant where none is named.
    pub schemas: Vec<(String, Schema)>,
    /// An address or a name of this machine.
    pub host: String,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// What requests must show.
    pub token: Option<String>,
    /// Answers in work at a time.
    pub rows: usize,
    /// Prompts that wait.
    pub queue: usize,
    /// The most tokens of an answer.
    pub max_new_tokens: usize,
    /// The most bytes of a request.
    pub max_body: usize,
    /// After which a request has no answer.
    pub timeout: Duration,
    /// That work has to end after a request to stop.
    pub drain: Duration,
}

/// What was done until the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Served {
    /// Requests over HTTP.
    pub requests: u64,
    /// Prompts that were answered.
    pub answered: u64,
    /// Prompts that were given up when time was over.
    pub cut: usize,
}

/// A model at work, or why it is not.
type Opened = Result<(Extractor, Thread), Error>;

/// Serves the model that `open` reads until the process is asked to stop; `told` hears where.
pub fn run(
    settings: Settings,
    open: impl FnOnce() -> Opened + Send + 'static,
    told: impl FnOnce(SocketAddr),
) -> Result<Served, Error> {
    let failed = |error: io::Error| {
        Error::new(exit::TRANSIENT, format!("failed to start the server: {error}"))
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let served = runtime.block_on(serve(settings, open, told));
    // A request that has not ended by now is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

async fn serve(
    settings: Settings,
    open: impl FnOnce() -> Opened + Send + 'static,
    told: impl FnOnce(SocketAddr),
) -> Result<Served, Error> {
    let mut interrupts = Interrupts::listen().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to listen to signals: {error}"))
    })?;
    let listener = bind(&settings.host, settings.port).await?;
    let address = listener.local_addr().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to ask for the address of the socket: {error}"))
    })?;
    told(address);
    let drain = settings.drain;
    let guard = Guard::new(settings.token.clone(), settings.host.clone());
    let app = Arc::new(App::new(settings, guard));
    let (stop, stopped) = watch::channel(false);
    let ending = async move {
        let mut stopped = stopped;
        // Fails where the sender is gone, which is an end as well.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    // A piece of a stream does not wait for the next one; where that cannot be said, it comes later.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let server = axum::serve(listener, app::routes(app.clone())).with_graceful_shutdown(ending);
    let mut server = tokio::spawn(server.into_future());

    let mut opening = opened(open)?;
    let mut thread: Option<Thread> = None;
    let mut failure: Option<Error> = None;
    loop {
        tokio::select! {
            opened = &mut opening, if thread.is_none() => match opened {
                Ok(Ok((extractor, its))) => {
                    app.open(extractor);
                    thread = Some(its);
                }
                Ok(Err(error)) => {
                    failure = Some(error);
                    break;
                }
                Err(_) => {
                    failure = Some(Error::new(exit::BUG, "the thread that reads the model has panicked"));
                    break;
                }
            },
            request = interrupts.next() => if request == Request::Stop { break },
            () = has_ended(thread.as_ref()) => break,
        }
    }
    // Answers that are on their way come to their end; nothing new is let in.
    app.drain();
    let _ = stop.send(true);
    let ended = tokio::select! {
        ended = tokio::time::timeout(drain, &mut server) => ended.is_ok(),
        () = insisted(&mut interrupts) => false,
        () = has_ended(thread.as_ref()) => false,
    };
    let cut = if ended { 0 } else { app.in_work() };
    app.cut();
    if !ended {
        // What was given up is told so.
        let _ = tokio::time::timeout(Duration::from_secs(2), &mut server).await;
    }
    if let Some(thread) = thread {
        joined(thread).await?;
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(Served { requests: app.requests(), answered: app.answered(), cut }),
    }
}

/// Waits for another request to stop.
async fn insisted(interrupts: &mut Interrupts) {
    while interrupts.next().await != Request::Stop {}
}

/// Waits for the model's thread to end by itself.
async fn has_ended(thread: Option<&Thread>) {
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if thread.is_some_and(Thread::has_ended) {
            return;
        }
    }
}

/// How the model's thread has ended; it takes at most a step.
async fn joined(thread: Thread) -> Result<(), Error> {
    let patience = Duration::from_secs(30);
    let waited = tokio::time::timeout(patience, has_ended(Some(&thread))).await;
    match waited {
        Ok(()) => thread.join().map_err(Error::from),
        Err(_) => Err(Error::new(
            exit::BUG,
            format!("the model has not ended its step within {} s", patience.as_secs()),
        )),
    }
}

/// Reads the model on a thread of its own.
fn opened(
    open: impl FnOnce() -> Opened + Send + 'static,
) -> Result<oneshot::Receiver<Opened>, Error> {
    let (sender, receiver) = oneshot::channel();
    let work = move || {
        // Fails where the process ends meanwhile.
        let _ = sender.send(open());
    };
    std::thread::Builder::new().name("reading".into()).spawn(work).map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to start a thread: {error}"))
    })?;
    Ok(receiver)
}

async fn bind(host: &str, port: u16) -> Result<TcpListener, Error> {
    TcpListener::bind((host, port)).await.map_err(|error| {
        let place = format!("{host}:{port}");
        match error.kind() {
            io::ErrorKind::AddrInUse => {
                Error::new(exit::TRANSIENT, format!("{place} is in use by another program"))
                    .hint("name another port with --port; 0 takes any that is free")
            }
            io::ErrorKind::PermissionDenied => {
                Error::new(exit::USAGE, format!("{place} may not be listened at: {error}"))
                    .hint("ports below 1024 need rights; the default is 8765")
            }
            _ => Error::new(exit::TRANSIENT, format!("failed to listen at {place}: {error}")),
        }
    })
}

/// Refuses to serve other machines without a token, unless that was said.
pub fn check_host(host: &str, has_token: bool, says_no_token: bool) -> Result<(), Error> {
    let is_loopback = match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    };
    if is_loopback || has_token || says_no_token {
        return Ok(());
    }
    Err(Error::new(
        exit::USAGE,
        format!("`{host}` is not this machine alone: whoever reaches it could use the model"),
    )
    .hint("name the environment variable with a token (--token-env NAME), or say --no-token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_served_without_a_token() {
        for host in ["127.0.0.1", "127.8.0.1", "::1", "localhost"] {
            assert!(check_host(host, false, false).is_ok(), "{host}");
        }
        for host in ["0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org"] {
            assert_eq!(
                check_host(host, false, false).map_err(|error| error.code),
                Err(exit::USAGE)
            );
            assert!(check_host(host, true, false).is_ok() && check_host(host, false, true).is_ok());
        }
    }
}
