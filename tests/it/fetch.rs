//! `data fetch` against a server of our own: whole files, continued ones, and sources that fail.

use crate::program::{knowcoder, stderr};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the declaration says that the file is: 600 bytes.
fn content() -> Vec<u8> {
    b"abcdefghij\n".iter().copied().cycle().take(600).collect()
}

/// The checksum of [`content`], from another program.
const SHA256: &str = "9b979f83d2eff0ba16997c2b7923d7c91a18353f35e2c75903f7ea2246de25b9";

/// How the server answers.
#[derive(Clone, Copy)]
enum Manner {
    /// As a good server does.
    Ranges,
    /// Everything, whatever was asked for.
    WithoutRanges,
    /// Everything is announced, so many bytes are sent, and the connection is closed.
    Cut(usize),
    /// Everything is announced, so many bytes are sent, and nothing more comes.
    Silent(usize),
    /// The right length, the wrong bytes.
    Wrong,
    /// More than there should be.
    Long,
    /// 404.
    Missing,
}

/// A server on this machine.
struct Server {
    address: String,
    manner: Arc<Mutex<Manner>>,
    /// The `Range` of each request, empty without one.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Self { address, manner: Arc::new(Mutex::new(manner)), asked: Arc::default() };
        let (manner, asked) = (Arc::clone(&server.manner), Arc::clone(&server.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let manner = *manner.lock().unwrap();
                let range = range_of(&stream);
                // Before the answer: who has it looks here at once.
                asked.lock().unwrap().push(range.clone());
                answer(stream, manner, &range);
            }
        });
        server
    }

    fn turn(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }
}

/// Reads one request, and returns the range that it asks for.
fn range_of(stream: &TcpStream) -> String {
    let mut range = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            range = value.trim().to_owned();
        }
    }
    range
}

/// Answers in `manner`.
fn answer(mut stream: TcpStream, manner: Manner, range: &str) {
    let all = content();
    let from = range.strip_prefix("bytes=").and_then(|it| it.strip_suffix('-'));
    let from: usize = from.map_or(0, |from| from.parse().unwrap());
    let (status, more, length, body) = match manner {
        Manner::Ranges if from > 0 => {
            let more = format!("Content-Range: bytes {from}-599/600\r\n");
            ("206 Partial Content", more, 600 - from, all[from..].to_vec())
        }
        Manner::Ranges | Manner::WithoutRanges => ("200 OK", String::new(), 600, all),
        Manner::Cut(sent) | Manner::Silent(sent) => {
            ("200 OK", String::new(), 600, all[..sent].to_vec())
        }
        Manner::Wrong => ("200 OK", String::new(), 600, vec![b'x'; 600]),
        Manner::Long => ("200 OK", String::new(), 700, vec![b'x'; 700]),
        Manner::Missing => ("404 Not Found", String::new(), 0, Vec::new()),
    };
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n");
    // A client that has seen enough may hang up.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    if matches!(manner, Manner::Silent(_)) {
        // The connection lives on, while the next request is answered.
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(60));
            drop(stream);
        });
    }
}

/// A folder with the declaration of one file, and where that file should come to lie.
struct Workplace {
    folder: tempfile::TempDir,
}

impl Workplace {
    fn new(server: &Server, licence: &str, open: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let datasets = folder.path().join("configs/datasets");
        std::fs::create_dir_all(&datasets).unwrap();
        let class =
            "class Person(Entity):\n    \"\"\"\n    Description: A human being.\n    \"\"\"\n";
        std::fs::write(datasets.join("tiny.py"), class).unwrap();
        let url = format!("http://{}/tiny.txt", server.address);
        let declaration = format!(
            "name = \"tiny\"\ntask = [\"ner\"]\nlanguage = \"en\"\nlicence = \"{licence}\"\n\
             source = \"https://example.org/tiny\"\nschema = \"tiny.py\"\nreader = \"columns\"\n\n\
             [splits.test]\nfiles = [\"tiny/test.txt\"]\n\n\
             [fetch]\nopen = {open}\nfiles = [\n    {{ path = \"tiny/test.txt\", \
             url = \"{url}\", bytes = 600, sha256 = \"{SHA256}\" }},\n]\n"
        );
        std::fs::write(datasets.join("tiny.toml"), declaration).unwrap();
        Self { folder }
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("corpora/tiny/test.txt")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("corpora/tiny/test.txt.part")
    }

    fn command(&self) -> Command {
        let mut command = knowcoder(&["data", "fetch", "tiny", "--data-root", "corpora"]);
        command.current_dir(self.folder.path());
        command
    }

    fn fetch(&self, more: &[&str]) -> Output {
        self.command().args(more).output().unwrap()
    }

    /// Leaves `bytes` as an earlier command would.
    fn keep(&self, bytes: &[u8]) {
        std::fs::create_dir_all(self.place().parent().unwrap()).unwrap();
        std::fs::write(self.part(), bytes).unwrap();
    }

    /// Expects the whole file, and nothing beside it.
    fn is_done(&self, output: &Output) {
        assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
        assert_eq!(std::fs::read(self.place()).unwrap(), content());
        assert!(!self.part().exists());
    }
}

/// Expects an exit code, and what is said.
fn fails(output: &Output, code: i32, words: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "{words}: {said}");
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn a_whole_file_is_fetched_once() {
    let server = Server::start(Manner::Ranges);
    let work = Workplace::new(&server, "CC BY 4.0", true);
    let output = work.fetch(&[]);
    work.is_done(&output);
    assert!(stderr(&output).contains("licence CC BY 4.0"));
    work.is_done(&work.fetch(&[]));
    assert_eq!(*server.asked.lock().unwrap(), [""]);
}

#[test]
fn a_part_is_continued() {
    let server = Server::start(Manner::Ranges);
    let work = Workplace::new(&server, "MIT", true);
    work.keep(&content()[..250]);
    work.is_done(&work.fetch(&[]));
    assert_eq!(*server.asked.lock().unwrap(), ["bytes=250-"]);
}

#[test]
fn a_server_without_ranges_starts_again() {
    let server = Server::start(Manner::WithoutRanges);
    let work = Workplace::new(&server, "MIT", true);
    work.keep(&content()[..250]);
    work.is_done(&work.fetch(&[]));
}

#[test]
fn a_part_of_another_version_is_forgotten() {
    let server = Server::start(Manner::Ranges);
    let work = Workplace::new(&server, "MIT", true);
    work.keep(&[b'x'; 250]);
    work.is_done(&work.fetch(&[]));
    assert_eq!(*server.asked.lock().unwrap(), ["bytes=250-", ""]);
}

#[test]
fn ctrl_c_keeps_what_came_and_the_same_command_goes_on() {
    let server = Server::start(Manner::Silent(200));
    let work = Workplace::new(&server, "MIT", true);
    let mut child = work.command().spawn().unwrap();
    while !work.part().exists() || length(&work.part()) < 200 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
    // SAFETY: the process is ours and has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    fails(&child.wait_with_output().unwrap(), 76, "the same command continues where it stopped");
    assert_eq!(length(&work.part()), 200);
    server.turn(Manner::Ranges);
    work.is_done(&work.fetch(&[]));
    assert_eq!(*server.asked.lock().unwrap(), ["", "bytes=200-"]);
}

#[test]
fn a_cut_connection_keeps_what_came() {
    let server = Server::start(Manner::Cut(200));
    let work = Workplace::new(&server, "MIT", true);
    fails(&work.fetch(&[]), 75, "200 of 600 bytes");
    assert_eq!(length(&work.part()), 200);
    assert!(!work.place().exists());
    server.turn(Manner::Ranges);
    work.is_done(&work.fetch(&[]));
    assert_eq!(*server.asked.lock().unwrap(), ["", "bytes=200-"]);
}

#[test]
fn what_is_not_the_declared_file_is_refused() {
    let server = Server::start(Manner::Wrong);
    let work = Workplace::new(&server, "MIT", true);
    fails(&work.fetch(&[]), 65, "is not what was declared");
    assert!(!work.place().exists() && !work.part().exists());
    server.turn(Manner::Long);
    fails(&work.fetch(&[]), 65, "sends more than the 600 bytes");
    assert!(!work.place().exists() && !work.part().exists());
    server.turn(Manner::Missing);
    fails(&work.fetch(&[]), 64, "status 404");
}

#[test]
fn a_file_of_the_users_is_not_overwritten() {
    let server = Server::start(Manner::Ranges);
    let work = Workplace::new(&server, "MIT", true);
    work.keep(b"");
    std::fs::write(work.place(), "mine").unwrap();
    fails(&work.fetch(&[]), 65, "is not the file that was declared");
    assert_eq!(std::fs::read(work.place()).unwrap(), b"mine");
}

#[test]
fn a_licence_must_be_accepted() {
    let server = Server::start(Manner::Ranges);
    let work = Workplace::new(&server, "CC BY-NC 4.0", false);
    fails(&work.fetch(&[]), 64, "`tiny` is under CC BY-NC 4.0");
    assert!(server.asked.lock().unwrap().is_empty());
    work.is_done(&work.fetch(&["--accept-licence"]));
}

#[test]
fn a_closed_licence_is_refused() {
    let server = Server::start(Manner::Ranges);
    let work = Workplace::new(&server, "agreement of LDC", true);
    let declaration = work.folder.path().join("configs/datasets/tiny.toml");
    let text = std::fs::read_to_string(&declaration).unwrap();
    std::fs::write(&declaration, text.split("[fetch]").next().unwrap()).unwrap();
    fails(&work.fetch(&[]), 64, "`tiny` may not be fetched for you");
    fails(&work.fetch(&["--accept-licence"]), 64, "`tiny` may not be fetched for you");
    assert!(server.asked.lock().unwrap().is_empty());
}
