//! The program on a host: copied there once, under a name that says what is in it.
//!
//! A copy arrives under a name of its own, is held against its hash and started once before it takes its
//! place: whatever has that place is whole, and several runs may copy at the same time.

use super::client::{Client, Said, quoted};
use super::failure::{explain, last_line, remark};
use crate::cluster::Ssh;
use crate::error::{Error, exit};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Lines of a script that are meant for us begin with it; a login may print others before.
const MARK: &str = "knowcoder:";

/// Seconds that a host may take to look at a few files.
const LOOK: u64 = 30;

/// Bytes a second that a copy makes on a very slow line; slower is taken for none.
const SLOWEST: u64 = 256 * 1024;

// The scripts stand on one line each when they travel: a login shell may be one that ends words at line ends.
// `~/` is the home of who logs in.

/// What a host is, and whether the program lies there, ours and whole. Arguments: folder, name, bytes.
const LOOK_SCRIPT: &str = r#"
LC_ALL=C; export LC_ALL; d=$1;
case "$d" in "~/"*) d="$HOME/${d#"~/"}";; esac;
echo "knowcoder:machine=$(uname -s) $(uname -m)";
echo "knowcoder:path=$d/$2";
if [ -f "$d/$2" ] && [ -x "$d/$2" ] && [ -O "$d/$2" ] && [ "$(wc -c <"$d/$2")" -eq "$3" ];
then echo knowcoder:there=yes; fi
"#;

/// Takes the program from stdin. Arguments: folder, name, bytes, hash.
const COPY_SCRIPT: &str = r#"
LC_ALL=C; export LC_ALL; umask 077; d=$1;
case "$d" in "~/"*) d="$HOME/${d#"~/"}";; esac;
fail() { echo "knowcoder:fault=$1"; exit 1; };
mkdir -p "$d" || fail folder;
t=$(mktemp "$d/.$2.XXXXXX") || fail folder;
trap 'rm -f "$t"' EXIT; trap 'exit 1' HUP INT TERM; trap '' PIPE;
cat >"$t" || fail write;
[ "$(wc -c <"$t")" -eq "$3" ] || fail short;
h=$(sha256sum <"$t") || fail sum;
[ "${h%% *}" = "$4" ] || fail hash;
chmod 700 "$t" || fail write;
"$t" --version </dev/null >/dev/null || { echo "knowcoder:missing=$(ldd "$t" 2>/dev/null | awk '/not found/ { print $1 }' | tr '\n' ' ')"; fail start; };
mv -f "$t" "$d/$2" || fail folder;
echo knowcoder:done=yes
"#;

/// Looks at a program that somebody else put there. Argument: its path.
const FIND_SCRIPT: &str = r#"
LC_ALL=C; export LC_ALL; p=$1;
case "$p" in "~/"*) p="$HOME/${p#"~/"}";; esac;
fail() { echo "knowcoder:fault=$1"; exit 1; };
echo "knowcoder:machine=$(uname -s) $(uname -m)";
echo "knowcoder:path=$p";
[ -e "$p" ] || fail absent;
h=$(sha256sum <"$p") || fail sum;
echo "knowcoder:hash=${h%% *}";
"$p" --version </dev/null >/dev/null || { echo "knowcoder:missing=$(ldd "$p" 2>/dev/null | awk '/not found/ { print $1 }' | tr '\n' ' ')"; fail start; };
echo knowcoder:done=yes
"#;

/// This program, as a host shall have it.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    bytes: u64,
    /// SHA-256, in hexadecimal digits.
    hash: String,
    /// System and architecture, as `uname -sm` says them.
    machine: String,
}

/// What a script found out.
struct Findings<'a> {
    host: &'a str,
    said: Said,
}

impl Program {
    /// Reads it.
    pub fn of(path: &Path) -> Result<Self, Error> {
        let read = data_pipeline::Error::read(path);
        let (bytes, hash) = hashed(path).map_err(read)?;
        Ok(Self { path: path.to_owned(), bytes, hash, machine: machine() })
    }

    /// Sees to it that `host` has it, and says where.
    pub fn place(&self, client: &Client, settings: &Ssh, host: &str) -> Result<String, Error> {
        if settings.push {
            self.copy(client, &settings.work_dir, host)
        } else {
            let here = self.path.display().to_string();
            self.find(client, settings.program.as_deref().unwrap_or(&here), host)
        }
    }

    /// The copy in `folder` of `host`, made if it is not there.
    fn copy(&self, client: &Client, folder: &str, host: &str) -> Result<String, Error> {
        let (name, bytes) = (format!("knowcoder-{}", self.hash), self.bytes.to_string());
        let script = line(LOOK_SCRIPT, &[folder, &name, &bytes]);
        let patience = client.connect + Duration::from_secs(LOOK);
        let found = Findings::of(host, client.execute(host, &script, Stdio::null(), patience)?)?;
        let place = found.place(folder)?.to_owned();
        self.check_machine(&found)?;
        if found.value("there").is_some() {
            return Ok(place);
        }
        let file = File::open(&self.path).map_err(data_pipeline::Error::read(&self.path))?;
        let script = line(COPY_SCRIPT, &[folder, &name, &bytes, &self.hash]);
        let patience = patience + Duration::from_secs(self.bytes / SLOWEST);
        let found = Findings::of(host, client.execute(host, &script, file.into(), patience)?)?;
        match found.value("done") {
            Some(_) => Ok(place),
            None => Err(self.not_copied(&found, folder)),
        }
    }

    /// The program that lies at `path` of `host`, if it is this one.
    fn find(&self, client: &Client, path: &str, host: &str) -> Result<String, Error> {
        let patience = client.connect + Duration::from_secs(LOOK);
        let script = line(FIND_SCRIPT, &[path]);
        let found = Findings::of(host, client.execute(host, &script, Stdio::null(), patience)?)?;
        let place = found.place(path)?.to_owned();
        self.check_machine(&found)?;
        if found.value("fault") == Some("absent") {
            let message = format!("host `{host}` has no program at `{place}`");
            return Err(Error::new(exit::BACKEND, message)
                .hint("set ssh.program to where it is, or ssh.push = true to have it copied"));
        }
        match found.value("hash") {
            Some(hash) if hash != self.hash => {
                let message = format!(
                    "the program at `{place}` of host `{host}` is another build than this one: its SHA-256 begins \
                     with {}, this one's with {}",
                    hash.get(..12).unwrap_or(hash),
                    &self.hash[..12]
                );
                Err(Error::new(exit::BACKEND, message)
                    .hint("install the same file everywhere, or set ssh.push = true"))
            }
            _ if found.value("done").is_some() => Ok(place),
            _ => Err(self.not_started(&found, path)),
        }
    }

    /// Refuses a host for which this program was not made.
    fn check_machine(&self, found: &Findings) -> Result<(), Error> {
        match found.value("machine") {
            Some(machine) if machine != self.machine => {
                let message = format!(
                    "host `{}` is a machine of another kind: this program runs on {}, but the host is {machine}",
                    found.host, self.machine
                );
                Err(Error::new(exit::BACKEND, message)
                    .hint("all hosts of a run must be of one kind; start it from one of them"))
            }
            _ => Ok(()),
        }
    }

    fn not_copied(&self, found: &Findings, folder: &str) -> Error {
        let Findings { host, said } = found;
        let last = last_line(&said.stderr);
        let mib = self.bytes.div_ceil(1 << 20);
        let full = ["No space left", "quota exceeded", "File too large"];
        let is_full = full.iter().any(|phrase| said.stderr.contains(phrase));
        match found.value("fault") {
            Some("folder" | "write") if is_full => {
                let message = format!(
                    "host `{host}` has no room for the program, {mib} MiB, in `{folder}`{}",
                    remark(last)
                );
                Error::new(exit::BACKEND, message)
                    .hint("make room there, or set ssh.work_dir to a folder that has some")
            }
            Some("folder" | "write") => {
                let message = format!(
                    "the folder `{folder}` of host `{host}` cannot be written{}",
                    remark(last)
                );
                Error::new(exit::BACKEND, message)
                    .hint("set ssh.work_dir to a folder that you may write there")
            }
            Some("short" | "hash") => {
                let message = format!(
                    "the program arrived on host `{host}` otherwise than it lies at `{}` here",
                    self.path.display()
                );
                Error::new(exit::TRANSIENT, message)
                    .hint("it was built anew meanwhile, or the copy was cut short; try again")
            }
            _ => self.not_started(found, folder),
        }
    }

    /// A program that is where it should be and does not start.
    fn not_started(&self, found: &Findings, place: &str) -> Error {
        let Findings { host, said } = found;
        let last = last_line(&said.stderr);
        let missing = found.value("missing").unwrap_or_default();
        let libraries = libraries(missing, &said.stderr);
        match found.value("fault") {
            Some("start") if !libraries.is_empty() => {
                let message = format!(
                    "the program cannot start on host `{host}`, which lacks: {}",
                    libraries.join(", ")
                );
                Error::new(exit::BACKEND, message)
                    .hint("install them there, or build the program on the oldest of the hosts")
            }
            Some("start") if said.stderr.contains("Permission denied") => {
                let message = format!(
                    "no program may be started from `{place}` of host `{host}`{}",
                    remark(last)
                );
                Error::new(exit::BACKEND, message)
                    .hint("its file system may be mounted `noexec`; choose another folder in the cluster file")
            }
            Some("start") => Error::new(
                exit::BACKEND,
                format!("the program does not start on host `{host}`{}", remark(last)),
            ),
            Some("sum") => {
                let message = format!("host `{host}` cannot hash the program{}", remark(last));
                Error::new(exit::BACKEND, message)
                    .hint("install `sha256sum` there, of GNU coreutils")
            }
            _ => explain(host, said.code, &said.stderr),
        }
    }
}

impl<'a> Findings<'a> {
    /// What a script said, if `ssh` carried it at all.
    fn of(host: &'a str, said: Said) -> Result<Self, Error> {
        match said.code {
            Some(255) | None => Err(explain(host, said.code, &said.stderr)),
            Some(_) => Ok(Self { host, said }),
        }
    }

    /// What stands behind a name in what it printed for us.
    fn value(&self, name: &str) -> Option<&str> {
        let value = |line| str::strip_prefix(line, MARK)?.strip_prefix(name)?.strip_prefix('=');
        self.said.stdout.lines().find_map(value).map(str::trim)
    }

    /// Where a file is whose path may have begun with `~/`.
    fn place(&self, asked: &str) -> Result<&str, Error> {
        self.value("path").ok_or_else(|| {
            let message = format!(
                "host `{}` did not say where `{asked}` is: its login shell executes no command{}",
                self.host,
                remark(last_line(&self.said.stderr))
            );
            Error::new(exit::BACKEND, message)
                .hint("`ssh` to that host with the command `sh -c pwd` must work")
        })
    }
}

/// A script with its arguments as one line for a login shell.
fn line(script: &str, arguments: &[&str]) -> String {
    let script: Vec<&str> = script.lines().filter(|line| !line.is_empty()).collect();
    let mut line = format!("exec sh -c {} knowcoder", quoted(&script.join(" ")));
    for argument in arguments {
        line.push(' ');
        line.push_str(&quoted(argument));
    }
    line
}

/// The shared libraries, and versions of them, that a loader did not find.
fn libraries(missing: &str, stderr: &str) -> Vec<String> {
    let mut found: Vec<String> = missing.split_whitespace().map(str::to_owned).collect();
    for line in stderr.lines() {
        let library = line
            .split_once("error while loading shared libraries: ")
            .and_then(|(_, rest)| rest.split_once(": cannot open"))
            .map(|(library, _)| library.to_owned());
        let version = line
            .split_once("version `")
            .and_then(|(_, rest)| rest.split_once("' not found"))
            .map(|(version, _)| version.to_owned());
        found.extend(library.into_iter().chain(version));
    }
    found.sort();
    found.dedup();
    found
}

/// The size of a file and its SHA-256 in hexadecimal digits.
fn hashed(path: &Path) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let bytes = io::copy(&mut File::open(path)?, &mut hasher)?;
    let mut digits = String::new();
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    Ok((bytes, digits))
}

/// This machine, as `uname -sm` says it.
fn machine() -> String {
    // SAFETY: a structure of arrays of characters, for which zeros are a value; `uname` fills it in.
    let name = unsafe {
        let mut name: libc::utsname = std::mem::zeroed();
        libc::uname(&mut name);
        name
    };
    let word = |characters: &[libc::c_char]| -> String {
        let characters = characters.iter().take_while(|character| **character != 0);
        characters.map(|character| char::from(*character as u8)).collect()
    };
    format!("{} {}", word(&name.sysname), word(&name.machine))
}

#[cfg(test)]
mod tests;
