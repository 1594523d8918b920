//! One file from its source to its place: continued where it stopped, never trusted unchecked.
//!
//! It grows as `NAME.part` beside its place, and takes its name only with the declared length and
//! checksum.

use crate::error::{Error, exit};
use data_pipeline::corpus::fetch::Remote;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;

/// How long a source may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Downloads files, one after another.
pub struct Downloader {
    /// For everything but this machine: TLS alone, through the proxy that the environment names.
    remote: Agent,
    /// For this machine.
    local: Agent,
}

/// What a source says to a request.
enum Reply {
    /// Everything, from the first byte.
    Whole(Box<dyn Read>),
    /// What is still missing.
    Rest(Box<dyn Read>),
    /// It has nothing at that place: what was kept is of another file.
    Nothing,
}

impl Downloader {
    /// Nothing is asked for yet.
    pub fn new() -> Self {
        let config = || {
            Agent::config_builder()
                .http_status_as_error(false)
                .user_agent(concat!("knowcoder/", env!("CARGO_PKG_VERSION")))
                // Lengths and checksums are of the file, not of how it was packed on its way.
                .accept_encoding("identity")
                .timeout_connect(Some(PATIENCE))
                .timeout_recv_response(Some(PATIENCE))
                .timeout_per_read(Some(PATIENCE))
        };
        // A redirect may change the host, but never leave TLS.
        let remote = config().https_only(true).max_redirects(5).build();
        let local = config().proxy(None).max_redirects(0).max_redirects_will_error(false).build();
        Self { remote: remote.new_agent(), local: local.new_agent() }
    }

    /// Puts `file` to its place below `data_root`; `progress` hears how many bytes are there.
    pub fn fetch(
        &self,
        file: &Remote,
        data_root: &Path,
        mut progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        let place = data_root.join(&file.path);
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).map_err(data_pipeline::Error::write(folder))?;
        }
        let part = part_of(&place);
        let resumed = self.complete(file, &part, &mut progress)?;
        if !file.is(&part)? && resumed {
            // What an earlier command kept may be of another version: once more from the start.
            remove(&part)?;
            self.complete(file, &part, &mut progress)?;
        }
        if !file.is(&part)? {
            let found = std::fs::metadata(&part).map_err(data_pipeline::Error::read(&part))?.len();
            remove(&part)?;
            let message = format!(
                "`{}` is not what was declared: {found} bytes came from {}, but not those with sha256 {}",
                file.path, file.url, file.sha256
            );
            let hint =
                "the source, or something on the way to it, changed the file; nothing was kept";
            return Err(Error::new(exit::DATA, message).hint(hint));
        }
        std::fs::rename(&part, &place).map_err(data_pipeline::Error::write(&place))?;
        Ok(())
    }

    /// Lets `part` grow to the declared length; says whether it began with bytes of an earlier try.
    fn complete(
        &self,
        file: &Remote,
        part: &Path,
        progress: &mut impl FnMut(u64),
    ) -> Result<bool, Error> {
        let mut kept = length(part);
        if kept > file.bytes {
            remove(part)?;
            kept = 0;
        }
        if kept == file.bytes {
            return Ok(true);
        }
        progress(kept);
        match self.ask(file, kept)? {
            Reply::Rest(body) => {
                grow(file, part, kept, body, progress)?;
                Ok(true)
            }
            Reply::Whole(body) => {
                grow(file, part, 0, body, progress)?;
                Ok(false)
            }
            Reply::Nothing => {
                remove(part)?;
                match self.ask(file, 0)? {
                    Reply::Whole(body) | Reply::Rest(body) => {
                        grow(file, part, 0, body, progress)?;
                        Ok(false)
                    }
                    Reply::Nothing => Err(refused(file, 416)),
                }
            }
        }
    }

    /// Asks for `file` from byte `from`.
    fn ask(&self, file: &Remote, from: u64) -> Result<Reply, Error> {
        let agent = if file.is_local() { &self.local } else { &self.remote };
        let mut request = agent.get(file.url.as_str());
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(|error| unreachable_source(file, &error))?;
        let status = response.status().as_u16();
        match status {
            200 => Ok(Reply::Whole(Box::new(response.into_body().into_reader()))),
            206 if from > 0 && continues(&response, from) => {
                Ok(Reply::Rest(Box::new(response.into_body().into_reader())))
            }
            // Another part than the one that was asked for is of no use.
            206 | 416 if from > 0 => Ok(Reply::Nothing),
            _ => Err(refused(file, status)),
        }
    }
}

/// Whether a partial answer begins at byte `from`.
fn continues<T>(response: &Response<T>, from: u64) -> bool {
    let range = response.headers().get("content-range").and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.trim().starts_with(&format!("bytes {from}-")))
}

/// Appends `body` to the first `kept` bytes of `part`.
fn grow(
    file: &Remote,
    part: &Path,
    kept: u64,
    mut body: Box<dyn Read>,
    progress: &mut impl FnMut(u64),
) -> Result<(), Error> {
    let mut sink = open(part, kept)?;
    let mut buffer = vec![0; 64 << 10];
    let mut there = kept;
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(cut(file, there, &error.to_string())),
        };
        there += read as u64;
        if there > file.bytes {
            let message = format!(
                "{} sends more than the {} bytes that are declared of `{}`",
                file.url, file.bytes, file.path
            );
            drop(sink);
            remove(part)?;
            return Err(Error::new(exit::DATA, message).hint("nothing was kept"));
        }
        sink.write_all(&buffer[..read]).map_err(|error| unwritten(file, part, error))?;
        progress(there);
    }
    if there < file.bytes {
        return Err(cut(file, there, "the source closed the connection"));
    }
    sink.sync_all().map_err(|error| unwritten(file, part, error))
}

/// Opens `part` behind its first `kept` bytes.
fn open(part: &Path, kept: u64) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    if kept > 0 {
        options.append(true);
    } else {
        options.write(true).create(true).truncate(true);
    }
    Ok(options.open(part).map_err(data_pipeline::Error::write(part))?)
}

/// Where a file grows.
fn part_of(place: &Path) -> PathBuf {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    place.with_file_name(name)
}

fn length(part: &Path) -> u64 {
    std::fs::metadata(part).map_or(0, |found| found.len())
}

fn remove(part: &Path) -> Result<(), Error> {
    match std::fs::remove_file(part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(data_pipeline::Error::write(part)(error).into())
        }
        _ => Ok(()),
    }
}

/// An answer that is no file.
fn refused(file: &Remote, status: u16) -> Error {
    let Remote { path, url, .. } = file;
    let (code, what, hint) = match status {
        404 | 410 => (
            exit::DECLARATION,
            "is not there any more",
            "the `url` in [fetch] of its declaration must name another place",
        ),
        401 | 403 | 451 => (
            exit::DECLARATION,
            "is not given out to everybody",
            "get it by hand, under its licence",
        ),
        300..=399 => (
            exit::DECLARATION,
            "has moved",
            "the `url` in [fetch] of its declaration must name the new place",
        ),
        _ => (exit::TRANSIENT, "cannot be had now", "the same command tries again"),
    };
    let message = format!("`{path}` {what}: {url} answers with status {status}");
    Error::new(code, message).hint(hint)
}

/// No answer at all.
fn unreachable_source(file: &Remote, error: &ureq::Error) -> Error {
    let (code, hint) = match error {
        ureq::Error::RequireHttpsOnly(_) => {
            (exit::DECLARATION, "its source redirects to a place without TLS, which is refused")
        }
        _ => (
            exit::TRANSIENT,
            "check the network and HTTPS_PROXY; the same command continues where it stopped",
        ),
    };
    Error::new(code, format!("failed to fetch {}: {error}", file.url)).hint(hint)
}

/// An answer that ended too early; what came is kept.
fn cut(file: &Remote, there: u64, why: &str) -> Error {
    let message = format!("{why} after {there} of {} bytes of `{}`", file.bytes, file.path);
    Error::new(exit::TRANSIENT, message).hint("the same command continues where it stopped")
}

/// A full disk ends here; what could be written is kept.
fn unwritten(file: &Remote, part: &Path, error: std::io::Error) -> Error {
    let full = error.kind() == std::io::ErrorKind::StorageFull;
    let error = Error::from(data_pipeline::Error::write(part)(error));
    if !full {
        return error;
    }
    let hint = format!(
        "make room for the {} bytes of `{}`; the same command continues where it stopped",
        file.bytes, file.path
    );
    error.hint(hint)
}
