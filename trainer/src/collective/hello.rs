//! Who is at the other end of a connection: a mutual challenge and response over the run's secret.
//!
//! Both sides send who they are and 32 fresh random bytes, then prove with HMAC-SHA256 over all of
//! it that they know the secret, which never travels. A process of another run, of an earlier start
//! of the same run, or of another build is turned away with the reason before it can spoil a sum.

use super::CollectiveError;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest message of a greeting or a rendezvous: a table of 10,000 addresses fits.
const LONGEST: usize = 1 << 20;

const NONCE: usize = 32;

/// Who a process is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Name of the run.
    pub run: String,
    /// The how-manieth start of the run.
    pub generation: u32,
    /// This rank.
    pub rank: usize,
    /// How many ranks the run has.
    pub world: usize,
    /// Fingerprint of the program, from [`program_fingerprint`].
    pub program: String,
}

/// What only the ranks of one start of a run know.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// The first digits of [`program_sha256`]: all ranks must be of the same build.
pub fn program_fingerprint() -> io::Result<String> {
    let mut digits = program_sha256()?;
    digits.truncate(FINGERPRINT);
    Ok(digits)
}

/// Digits of a fingerprint.
const FINGERPRINT: usize = 16;

/// The SHA-256 of the running program, in hexadecimal.
pub fn program_sha256() -> io::Result<String> {
    // Through /proc, the file that runs is found even if it has been replaced meanwhile.
    let mut file =
        File::open("/proc/self/exe").or_else(|_| File::open(std::env::current_exe()?))?;
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher)?;
    Ok(hex(&hasher.finalize()))
}

impl Secret {
    /// A new secret.
    pub fn random() -> io::Result<Self> {
        random().map(|bytes| Self(hex(&bytes).into_bytes()))
    }

    /// Writes a new secret to `path`, readable by its owner only, in place of an older one.
    pub fn create(path: &Path) -> Result<Self, CollectiveError> {
        let secret = Self::random()
            .map_err(|error| secret_error(path, format!("cannot be written: {error}")))?;
        secret.keep(path)?;
        Ok(secret)
    }

    /// Writes a secret that came by another way to `path`, likewise.
    pub fn adopt(path: &Path, text: &str) -> Result<Self, CollectiveError> {
        let secret = Self::parse(text).map_err(|reason| secret_error(path, reason))?;
        secret.keep(path)?;
        Ok(secret)
    }

    fn keep(&self, path: &Path) -> Result<(), CollectiveError> {
        let fail = |error: io::Error| secret_error(path, format!("cannot be written: {error}"));
        // Removed first: the permissions of a file that is there already would stay.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
            _ => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(fail)?;
        file.write_all(&self.0).map_err(fail)
    }

    /// Reads the secret that [`Secret::create`] wrote.
    pub fn load(path: &Path) -> Result<Self, CollectiveError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| secret_error(path, format!("cannot be read: {error}")))?;
        Self::parse(&text).map_err(|reason| secret_error(path, reason))
    }

    /// The secret that a text is, white space around it left out; or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            text if text.len() >= 2 * NONCE => Ok(Self(text.as_bytes().to_vec())),
            text => Err(format!("has only {} characters", text.len())),
        }
    }

    /// What proves that whoever says `parts` for this `purpose` knows the secret, in hexadecimal digits.
    pub fn seal(&self, purpose: &str, parts: [&str; 2]) -> String {
        let [first, second] = parts.map(str::as_bytes);
        hex(&self.proof(purpose, first, second).finalize().into_bytes())
    }

    /// Whether `seal` is what [`Secret::seal`] gives, in a time that says nothing about it.
    pub fn fits(&self, seal: &str, purpose: &str, parts: [&str; 2]) -> bool {
        let [first, second] = parts.map(str::as_bytes);
        let digits: Option<Vec<u8>> = (0..seal.len() / 2)
            .map(|at| u8::from_str_radix(seal.get(2 * at..2 * at + 2)?, 16).ok())
            .collect();
        digits
            .filter(|_| seal.len().is_multiple_of(2))
            .is_some_and(|digits| self.proof(purpose, first, second).verify_slice(&digits).is_ok())
    }

    /// What proves, for this greeting only, that `side` knows the secret.
    fn proof(&self, side: &str, greeting: &[u8], answer: &[u8]) -> Hmac<Sha256> {
        // Any length of key is allowed, so that this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("HMAC takes keys of any length")
        };
        for part in [side.as_bytes(), greeting, answer] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// How often a rank that waits for a message looks whether it is still to wait.
const LOOK: Duration = Duration::from_millis(100);

/// A connection over which messages are exchanged until a deadline, however slowly they trickle.
pub(super) struct Line<'a> {
    pub stream: &'a TcpStream,
    pub deadline: Instant,
    /// Set: nothing is waited for any more.
    pub stop: Option<&'static AtomicBool>,
}

impl Line<'_> {
    /// Sends one message.
    pub fn send(&self, message: &[u8]) -> io::Result<()> {
        let mut bytes = (message.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(message);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            self.stream.set_write_timeout(Some(self.left()?))?;
            match { self.stream }.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                // The end of our patience is looked at above.
                Err(error) if is_for_later(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Receives one message.
    pub fn receive(&self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.fill(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a message of {length} bytes was announced, at most {LONGEST} are allowed"),
            ));
        }
        let mut message = vec![0; length];
        self.fill(&mut message)?;
        Ok(message)
    }

    fn fill(&self, mut room: &mut [u8]) -> io::Result<()> {
        while !room.is_empty() {
            self.stream.set_read_timeout(Some(self.left()?))?;
            match { self.stream }.read(room) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => room = &mut room[count..],
                Err(error) if is_for_later(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Until the next look.
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let is_over = self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        if left.is_zero() || is_over {
            Err(io::ErrorKind::TimedOut.into())
        } else {
            Ok(left.min(LOOK))
        }
    }
}

/// Whether nothing has moved yet, and something still may.
fn is_for_later(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(error.kind(), Interrupted | WouldBlock)
}

/// Introduces us over `stream`, which we opened, to a process at `address`; for others than ranks, whose
/// numbers are then those of nodes.
pub fn introduce(
    stream: &TcpStream,
    address: &str,
    me: &Identity,
    secret: &Secret,
    patience: Duration,
) -> Result<Identity, CollectiveError> {
    let line = Line { stream, deadline: Instant::now() + patience, stop: None };
    greet(&line, me, secret).map_err(|reason| reason.about(me.rank, address))
}

/// Hears who opened `stream`, and lets in who belongs to us; for others than ranks, likewise.
pub fn admit(
    stream: &TcpStream,
    address: &str,
    me: &Identity,
    secret: &Secret,
    patience: Duration,
) -> Result<Identity, CollectiveError> {
    let line = Line { stream, deadline: Instant::now() + patience, stop: None };
    let admits = |other: &Identity| match other.rank < me.world {
        true => Ok(()),
        false => Err(format!("there are {} places, none is number {}", me.world, other.rank)),
    };
    welcome(&line, me, secret, admits).map_err(|reason| reason.about(me.rank, address))
}

/// Introduces us to the process that we connected to; returns who it is.
pub(super) fn greet(line: &Line<'_>, me: &Identity, secret: &Secret) -> Result<Identity, Reason> {
    let greeting = introduction(me)?;
    line.send(&greeting)?;
    let answer = line.receive()?;
    let proof = line.receive()?;
    if secret.proof("answer", &greeting, &answer).verify_slice(&proof).is_err() {
        // An empty proof lets the other side report the same.
        line.send(&[])?;
        return Err(SECRETS_DIFFER.into());
    }
    line.send(&secret.proof("greeting", &greeting, &answer).finalize().into_bytes())?;
    let other = read_introduction(&answer)?;
    difference(me, &other)?;
    match line.receive()? {
        verdict if verdict.is_empty() => Ok(other),
        verdict => Err(Reason::Refused(String::from_utf8_lossy(&verdict).into_owned())),
    }
}

/// Hears who connected to us and lets it in if `admits` agrees; returns who it is.
pub(super) fn welcome(
    line: &Line<'_>,
    me: &Identity,
    secret: &Secret,
    admits: impl FnOnce(&Identity) -> Result<(), String>,
) -> Result<Identity, Reason> {
    let greeting = line.receive()?;
    let answer = introduction(me)?;
    line.send(&answer)?;
    line.send(&secret.proof("answer", &greeting, &answer).finalize().into_bytes())?;
    let proof = line.receive()?;
    if secret.proof("greeting", &greeting, &answer).verify_slice(&proof).is_err() {
        return Err(SECRETS_DIFFER.into());
    }
    let other = read_introduction(&greeting)?;
    difference(me, &other)?;
    if let Err(reason) = admits(&other) {
        line.send(reason.as_bytes())?;
        return Err(Reason::Refused(reason));
    }
    line.send(&[])?;
    Ok(other)
}

const SECRETS_DIFFER: &str = "it does not know the secret of this start of the run";

/// Why a greeting failed.
#[derive(Debug)]
pub(super) enum Reason {
    /// One side does not want the other.
    Refused(String),
    /// The connection failed.
    Broken(io::Error),
}

impl Reason {
    /// As an error of `rank` about `address`.
    pub fn about(self, rank: usize, address: &str) -> CollectiveError {
        match self {
            Self::Refused(reason) => {
                CollectiveError::Refused { rank, address: address.to_owned(), reason }
            }
            Self::Broken(source) => CollectiveError::Network {
                rank,
                what: format!("exchange greetings with {address}"),
                source,
            },
        }
    }
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<&str> for Reason {
    fn from(reason: &str) -> Self {
        Self::Refused(reason.to_owned())
    }
}

fn introduction(me: &Identity) -> Result<Vec<u8>, Reason> {
    let mut bytes = random()?.to_vec();
    serde_json::to_writer(&mut bytes, me).map_err(io::Error::from)?;
    Ok(bytes)
}

fn read_introduction(bytes: &[u8]) -> Result<Identity, Reason> {
    let identity = bytes.get(NONCE..).and_then(|json| serde_json::from_slice(json).ok());
    identity.ok_or_else(|| Reason::from("it speaks another version of the protocol"))
}

/// Everything that must be equal in a run, and is not.
fn difference(me: &Identity, other: &Identity) -> Result<(), Reason> {
    let pairs = [
        ("run", me.run.clone(), other.run.clone()),
        ("start", me.generation.to_string(), other.generation.to_string()),
        ("number of ranks", me.world.to_string(), other.world.to_string()),
        ("build of the program", me.program.clone(), other.program.clone()),
    ];
    let Some((what, here, there)) = pairs.into_iter().find(|(_, here, there)| here != there) else {
        return Ok(());
    };
    Err(Reason::Refused(format!("its {what} is `{there}`, ours is `{here}`")))
}

fn secret_error(path: &Path, reason: String) -> CollectiveError {
    CollectiveError::Secret { path: path.to_owned(), reason }
}

fn random() -> io::Result<[u8; NONCE]> {
    let mut bytes = [0; NONCE];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_read_back_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "an older one, readable by everybody").unwrap();
        let created = Secret::create(&path).unwrap();
        // Who makes it and who reads it prove the same.
        assert_eq!(created.0, Secret::load(&path).unwrap().0);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Secret::load(&path).is_ok());
        std::fs::write(&path, "short").unwrap();
        assert!(Secret::load(&path).unwrap_err().to_string().ends_with("has only 5 characters"));
    }

    #[test]
    fn a_seal_fits_what_it_was_made_for() {
        let secret = Secret::parse(&format!(" {}\n", "5".repeat(64))).unwrap();
        let seal = secret.seal("drill of rank 3", ["nan", "1"]);
        assert_eq!(seal.len(), 64);
        assert!(secret.fits(&seal, "drill of rank 3", ["nan", "1"]));
        for (purpose, parts) in [
            ("drill of rank 4", ["nan", "1"]),
            ("drill of rank 3", ["nan", "2"]),
            ("drill of rank 3", ["nan1", ""]),
        ] {
            assert!(!secret.fits(&seal, purpose, parts), "{purpose}, {parts:?}");
        }
        let other = Secret::parse(&"6".repeat(64)).unwrap();
        assert!(!other.fits(&seal, "drill of rank 3", ["nan", "1"]));
        for wrong in ["", "z", "zz", &seal[..62], &seal[..63], &format!("{seal}00"), "é"] {
            assert!(!secret.fits(wrong, "drill of rank 3", ["nan", "1"]), "{wrong}");
        }
    }

    #[test]
    fn proofs_follow_rfc_4231() {
        // Test case 2 of RFC 4231, to be sure that the crate is used as it is meant.
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        mac.update(b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&mac.finalize().into_bytes()), expected);
    }
}
