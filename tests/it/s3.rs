//! A real S3 server for a test, and a wire to it that can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Who may ask the server.
pub const ID: &str = "test-key-id";
/// What that is proved with.
pub const SECRET: &str = "test-secret-0123456789";

/// A server that checks signatures; its buckets are the folders in `root`. It ends with the test.
pub struct Server {
    process: Child,
    pub root: PathBuf,
    address: SocketAddr,
}

impl Server {
    /// Starts one, with the bucket `bucket`. None where it is not installed: CI must have it.
    pub fn start(folder: &Path) -> Option<Self> {
        let program = program();
        if !program.is_file() {
            let message = format!(
                "no S3 server at `{}`: scripts/reference/s3_server.sh installs it, KNOWCODER_S3_SERVER names another",
                program.display()
            );
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("SKIPPED: {message}");
            return None;
        }
        let root = folder.join("s3");
        std::fs::create_dir_all(root.join("bucket")).unwrap();
        // Until the server listens there, another program might take the port: then it ends at once.
        for _ in 0..5 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            drop(listener);
            // One that listens is waited for when it is dropped.
            #[allow(clippy::zombie_processes)]
            let mut process = Command::new(&program)
                .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
                .args(["--access-key", ID, "--secret-key", SECRET])
                .arg(&root)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(30) {
                if process.try_wait().unwrap().is_some() {
                    break;
                }
                if TcpStream::connect(address).is_ok() {
                    return Some(Self { process, root, address });
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        panic!("the S3 server does not start");
    }

    /// Where an object lies.
    pub fn object(&self, key: &str) -> PathBuf {
        self.root.join("bucket").join(key)
    }

    /// Puts an object there without asking.
    pub fn put(&self, key: &str, content: &[u8]) {
        let path = self.object(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("KNOWCODER_S3_SERVER") {
        return PathBuf::from(path);
    }
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    home.join(".cache/knowcoder/s3-server/bin/s3s-fs")
}

/// A wire to a server: counts bytes, and breaks as it is told.
pub struct Wire {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    /// Bytes that a connection may carry in one direction.
    limit: AtomicUsize,
    /// Connections that may still be made.
    connections: AtomicUsize,
    received: AtomicUsize,
}

impl Wire {
    /// A sound wire.
    pub fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            limit: AtomicUsize::new(usize::MAX),
            connections: AtomicUsize::new(usize::MAX),
            received: AtomicUsize::new(0),
        });
        let (shared, target) = (Arc::clone(&state), server.address);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let left = shared.connections.load(Ordering::SeqCst);
                if left == 0 {
                    continue;
                }
                if left != usize::MAX {
                    shared.connections.store(left - 1, Ordering::SeqCst);
                }
                let Ok(server) = TcpStream::connect(target) else { continue };
                carry(&client, &server, &shared, false);
                carry(&server, &client, &shared, true);
            }
        });
        Self { address, state }
    }

    /// From now on a connection carries `limit` bytes each way and closes; after `connections` of
    /// them, nobody answers any more.
    pub fn cut(&self, limit: usize, connections: usize) {
        self.state.limit.store(limit, Ordering::SeqCst);
        self.state.connections.store(connections, Ordering::SeqCst);
    }

    /// Sound again.
    pub fn mend(&self) {
        self.cut(usize::MAX, usize::MAX);
    }

    /// Bytes that came from the server since the last question.
    pub fn received(&self) -> usize {
        self.state.received.swap(0, Ordering::SeqCst)
    }

    /// Lets `command` ask the server over this wire, with an empty environment of its own.
    pub fn wire<'a>(&self, command: &'a mut Command, cache: &Path) -> &'a mut Command {
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("AWS_") || name.to_ascii_lowercase().ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        command
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("KNOWCODER_CACHE", cache)
            .env_remove("KNOWCODER_DATA")
    }
}

/// Carries bytes one way until an end closes or the limit is reached.
fn carry(from: &TcpStream, to: &TcpStream, state: &Arc<State>, is_answer: bool) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let state = Arc::clone(state);
    std::thread::spawn(move || {
        let mut piece = vec![0; 16 << 10];
        let mut carried = 0;
        while let Ok(count) = from.read(&mut piece) {
            let left = state.limit.load(Ordering::SeqCst).saturating_sub(carried);
            let count = count.min(left);
            if count == 0 || to.write_all(&piece[..count]).is_err() {
                break;
            }
            carried += count;
            if is_answer {
                state.received.fetch_add(count, Ordering::SeqCst);
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
