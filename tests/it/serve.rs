//! A model over HTTP, as clients, bad clients and operators meet it.

use crate::program::{fixture, knowcoder, must, root, run, stderr};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Output};
use std::time::{Duration, Instant};

/// Longer than anything here takes, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A checkpoint of the tiny recipe.
pub fn checkpoint(folder: &Path) -> PathBuf {
    let run_dir = folder.join("run");
    must(run(&fixture("tiny.toml"), &run_dir, "one-process", &[]));
    run_dir.join("checkpoints/instruction-000007")
}

/// The schema that the tiny recipe knows.
pub fn schema() -> PathBuf {
    root().join("configs/schemas/quickstart.py")
}

/// A server that is ready.
struct Server {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
}

/// What was answered.
#[derive(Debug)]
struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Server {
    fn start(checkpoint: &Path, more: &[&str]) -> Self {
        let mut command = knowcoder(&["serve", "--port", "0", "--name", "tiny"]);
        command.arg("--checkpoint").arg(checkpoint).arg("--schema").arg(schema()).args(more);
        command.env("SERVE_TEST_TOKEN", "only for tests");
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (mut address, mut is_ready, mut said) = (None, false, String::new());
        while address.is_none() || !is_ready {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended: {said}");
            said += &line;
            let after = line.split("http://").nth(1);
            address = address.or(after.map(|rest| rest.split(';').next().unwrap().to_owned()));
            is_ready |= line.contains("is ready");
        }
        let address = address.unwrap();
        let server = Self { child, stderr, address };
        // The line is written a moment before the model is put to work.
        server.until("the model to be ready", || server.get("/health").status == 200);
        server
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "waited for {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request as it stands and reads what comes.
    fn raw(&self, request: &[u8]) -> Response {
        let mut stream = self.connect();
        // Who refuses may hang up before all is sent.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no response: {text:?}"));
        Response { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Response {
        let host = &self.address;
        self.raw(
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
    }

    fn post(&self, path: &str, body: &Value) -> Response {
        self.raw(&self.request(path, body.to_string().as_bytes(), ""))
    }

    fn request(&self, path: &str, body: &[u8], headers: &str) -> Vec<u8> {
        let (host, length) = (&self.address, body.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    }

    fn health(&self) -> Value {
        self.get("/health").json()
    }

    /// Whether nothing is in work and nothing waits.
    fn is_idle(&self) -> bool {
        let health = self.health();
        health["in_work"] == 0 && health["queue_length"] == 0
    }

    fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").body;
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .rsplit_once(' ')
            .unwrap()
            .1
            .parse()
            .unwrap()
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: the process is ours and has not been waited for.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }

    /// Waits for its end: the exit code, and what it has said since it was ready.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Response {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The documents of a stream, and whether it was ended as it should.
    fn events(&self) -> (Vec<Value>, bool) {
        let lines: Vec<&str> =
            self.body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let documents = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
        (documents.collect(), lines.last() == Some(&"[DONE]"))
    }

    fn refused(&self, status: u16, parts: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        let message = self.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
}

/// Sixteen answers, drawn, as long as they come: work for a while.
fn much() -> Value {
    json!({"model": "tiny", "prompt": "Ann", "max_tokens": 600, "temperature": 1.0, "n": 16})
}

#[test]
fn many_clients_ask_at_once_and_none_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(folder.path());
    let server = Server::start(&checkpoint, &[]);
    let health = server.health();
    assert_eq!((&health["status"], &health["queue_limit"]), (&json!("ready"), &json!(256)));
    assert_eq!(server.get("/v1/models").json()["data"][0]["id"], "tiny");
    assert_eq!(server.get("/v1/models/tiny").json()["object"], "model");

    let prompt = |number: usize| json!({"model": "tiny", "prompt": format!("Ann {number}"), "max_tokens": 8});
    let alone: Vec<Value> = (0..24)
        .map(|number| server.post("/v1/completions", &prompt(number)).json()["choices"].clone())
        .collect();
    let together: Vec<Value> = std::thread::scope(|scope| {
        let ask = |number| {
            let server = &server;
            scope.spawn(move || server.post("/v1/completions", &prompt(number)))
        };
        let asked: Vec<_> = (0..24).map(ask).collect();
        let answered = asked.into_iter().map(|thread| thread.join().unwrap());
        answered
            .map(|response| {
                assert_eq!(response.status, 200, "{response:?}");
                response.json()["choices"].clone()
            })
            .collect()
    });
    assert_eq!(together, alone, "what else is in work changes no answer");

    // Several prompts and answers at once, with their counts.
    let body =
        json!({"prompt": ["Ann", "Bonn"], "n": 2, "max_tokens": 5, "seed": 1, "temperature": 0.7});
    let answer = server.post("/v1/completions", &body).json();
    let choices = answer["choices"].as_array().unwrap();
    let numbers: Vec<&Value> = choices.iter().map(|choice| &choice["index"]).collect();
    assert_eq!(
        (numbers, &answer["object"]),
        (vec![&json!(0), &json!(1), &json!(2), &json!(3)], &json!("text_completion"))
    );
    let usage = &answer["usage"];
    assert!(
        usage["completion_tokens"].as_u64() <= Some(20)
            && usage["prompt_tokens"].as_u64() >= Some(2)
    );
    assert_eq!(
        server.post("/v1/completions", &body).json()["choices"],
        answer["choices"],
        "the seed decides"
    );

    // The same in pieces.
    let chat = json!({"model": "tiny", "messages": [{"role": "user", "content": "Ann lives in"}], "max_tokens": 12});
    let whole = server.post("/v1/chat/completions", &chat).json();
    let mut streamed = chat.clone();
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({"include_usage": true});
    let response = server.post("/v1/chat/completions", &streamed);
    assert!(response.head.contains("text/event-stream"), "{response:?}");
    let (events, is_done) = response.events();
    assert!(is_done, "{response:?}");
    let text: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(whole["choices"][0]["message"]["content"], text);
    assert_eq!(events.last().unwrap()["usage"], whole["usage"]);
    let reasons = events.iter().map(|event| &event["choices"][0]["finish_reason"]);
    assert_eq!(reasons.filter(|reason| reason.is_string()).count(), 1);

    // Objects, as the verb finds them.
    let text = "Zhou Minghua met Nora Webb in Bonn.";
    let mut verb = knowcoder(&["extract", "--max-new-tokens", "640", text]);
    verb.arg("--checkpoint").arg(&checkpoint).arg("--schema").arg(schema());
    let said: Value = serde_json::from_slice(&must(verb).stdout).unwrap();
    let source = std::fs::read_to_string(schema()).unwrap();
    for body in [
        json!({"text": text}),
        json!({"texts": [text], "schema": "quickstart", "task": "ner", "language": "en"}),
        json!({"text": text, "schema_source": source}),
    ] {
        let answer = server.post("/extract", &body).json();
        let found = &answer["results"][0];
        assert_eq!(
            (&found["objects"], &found["flaws"]),
            (&said["objects"], &said["flaws"]),
            "{answer}"
        );
        assert_eq!(found["text"], text);
    }
    let schemas = server.get("/schemas").json();
    assert_eq!(schemas["schemas"][0]["name"], "quickstart");
    let page = server.get("/");
    assert!(page.status == 200 && page.head.contains("content-security-policy"), "{}", page.head);
    assert!(
        !page.body.contains("http://") && !page.body.contains("https://"),
        "nothing from elsewhere"
    );
    assert_eq!(server.metric("knowcoder_prompts_refused_total"), 0.0);
    assert_eq!(
        server.metric("knowcoder_http_requests_total{route=\"/extract\",status=\"200\"}"),
        3.0
    );
    server.signal(libc::SIGINT);
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopped after"), "{said}");
}

#[test]
fn what_is_wrong_is_refused_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let more =
        ["--token-env", "SERVE_TEST_TOKEN", "--max-body-kib", "16", "--max-new-tokens", "100"];
    let server = Server::start(&checkpoint(folder.path()), &more);
    let token = "Authorization: Bearer only for tests\r\n";
    let post = |path: &str, body: &[u8]| server.raw(&server.request(path, body, token));
    let completion = |body: Value| post("/v1/completions", body.to_string().as_bytes());

    let fine = json!({"prompt": "Ann", "max_tokens": 2});
    assert_eq!(completion(fine.clone()).status, 200);
    let wrong = server.request(
        "/v1/completions",
        fine.to_string().as_bytes(),
        "Authorization: Bearer no\r\n",
    );
    server.raw(&wrong).refused(401, &["the token is not the one"]);
    server.post("/v1/completions", &fine).refused(401, &["a token is needed"]);
    server.get("/metrics").refused(401, &["a token is needed"]);
    assert_eq!((server.get("/").status, server.get("/health").status), (200, 200));

    post("/v1/completions", b"{\"prompt\": ").refused(400, &["the body is no JSON", "line 1"]);
    post("/v1/completions", b"[]").refused(400, &["no JSON object"]);
    post("/v1/completions", b"\xff\xfe").refused(400, &["no JSON"]);
    completion(json!({"prompt": 3})).refused(400, &["`prompt` must be"]);
    completion(json!({"prompt": ""})).refused(400, &["a prompt is empty"]);
    completion(json!({"prompt": [99_999]})).refused(400, &["token id 99999", "has 700"]);
    completion(json!({"prompt": "a", "echo": true}))
        .refused(400, &["`echo` = true is not supported"]);
    completion(json!({"prompt": "a", "max_tokens": 101})).refused(400, &["is 101", "at most 100"]);
    completion(json!({"prompt": "a", "model": "gpt"})).refused(404, &["no model `gpt`", "`tiny`"]);
    let long = vec![5; 5000];
    let refused = completion(json!({"prompt": long}));
    refused.refused(400, &["the prompt has 5000 tokens, the model reads"]);
    assert_eq!(refused.json()["error"]["code"], "context_length_exceeded");
    let large = format!("{{\"prompt\": \"{}\"}}", "a".repeat(100 << 10));
    post("/v1/completions", large.as_bytes()).refused(413, &["at most 16384"]);
    post("/extract", b"{}").refused(400, &["`text` is missing"]);
    post("/extract", b"{\"text\": \"a\", \"schema\": \"x\"}")
        .refused(400, &["no schema `x`, only quickstart"]);
    let source = json!({"text": "a", "schema_source": "class A(Entity):\n    pass\nimport os\nos.system('x')\n"});
    post("/extract", source.to_string().as_bytes())
        .refused(400, &["schema_source:4", "never executed"]);
    post("/extract", b"{\"text\": \"a\", \"task\": \"all\"}")
        .refused(400, &["`task` must be ner, re, ed or eae"]);
    post("/nothing", b"{}").refused(404, &["there is nothing at POST /nothing"]);
    post("/health", b"{}").refused(405, &["/health is not asked by POST"]);
    let host = &server.address;
    let plain = format!(
        "POST /extract HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: text/plain\r\n{token}Content-Length: 2\r\n\r\n{{}}"
    );
    server.raw(plain.as_bytes()).refused(415, &["text/plain", "application/json"]);
    server.raw(b"\0\0\0\r\n\r\n").refused_or_closed();
    // All of it has changed nothing.
    assert_eq!(completion(fine).status, 200);
    server.signal(libc::SIGTERM);
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("only for tests"), "a token is never said: {said}");
}

impl Response {
    /// What is no HTTP has no document.
    fn refused_or_closed(&self) {
        assert_eq!(self.status, 400, "{self:?}");
    }
}

#[test]
fn pages_of_other_sites_and_too_many_requests_are_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&checkpoint(folder.path()), &["--rows", "1", "--queue", "16"]);
    let evil = b"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    server.raw(evil).refused(403, &["a host that is not served here"]);

    // One in work and fifteen that wait leave no room for sixteen more.
    let mut first = server.connect();
    first.write_all(&server.request("/v1/completions", much().to_string().as_bytes(), "")).unwrap();
    server.until("work", || server.health()["in_work"] == 1);
    let refused = server.post("/v1/completions", &much());
    refused.refused(429, &["requests wait already, at most 16 may", "ask again in"]);
    assert!(refused.head.contains("retry-after: "), "{refused:?}");
    let mut too_many = much();
    too_many["prompt"] = json!(["a", "b"]);
    server
        .post("/v1/completions", &too_many)
        .refused(400, &["needs 32 prompts, at most 16 may wait"]);
    // Who hangs up leaves the row.
    drop(first);
    server.until("the row", || server.is_idle());
    assert!(server.metric("knowcoder_prompts_withdrawn_total") > 0.0);
    let fine = json!({"prompt": "Ann", "max_tokens": 2});
    assert_eq!(server.post("/v1/completions", &fine).status, 200);

    // In the middle of a stream, too.
    let before = server.metric("knowcoder_prompts_withdrawn_total");
    let mut stream = much();
    stream["stream"] = json!(true);
    let mut hanging = server.connect();
    hanging
        .write_all(&server.request("/v1/completions", stream.to_string().as_bytes(), ""))
        .unwrap();
    let mut some = [0; 64];
    hanging.read_exact(&mut some).unwrap();
    drop(hanging);
    server.until("the stream's row", || server.is_idle());
    assert!(server.metric("knowcoder_prompts_withdrawn_total") > before);
    server.signal(libc::SIGTERM);
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_request_to_stop_lets_work_come_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(folder.path());
    let server = Server::start(&checkpoint, &[]);
    let mut busy = server.connect();
    busy.write_all(&server.request("/v1/completions", much().to_string().as_bytes(), "")).unwrap();
    server.until("work", || server.health()["in_work"].as_u64() > Some(0));
    server.signal(libc::SIGTERM);
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["choices"].as_array().unwrap().len(), 16);
    let address = server.address.clone();
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("16 prompts answered") && !said.contains("given up"), "{said}");
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");

    // With no time to end, work is given up, and that is said.
    let server =
        Server::start(&checkpoint, &["--drain", "0", "--max-new-tokens", "2000", "--rows", "1"]);
    let mut busy = server.connect();
    let mut body = much();
    body["max_tokens"] = json!(2000);
    busy.write_all(&server.request("/v1/completions", body.to_string().as_bytes(), "")).unwrap();
    server.until("work", || server.health()["in_work"].as_u64() > Some(0));
    server.signal(libc::SIGTERM);
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("given up after 0 s"), "{said}");
}

/// What a server says that does not start.
fn not_started(checkpoint: &Path, more: &[&str]) -> Output {
    let mut command = knowcoder(&["serve", "--checkpoint"]);
    command
        .arg(checkpoint)
        .args(more)
        .env_remove("SERVE_TEST_NOTHING")
        .env("SERVE_TEST_EMPTY", " ");
    command.output().unwrap()
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(folder.path());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let check = |more: &[&str], code: i32, parts: &[&str]| {
        let output = not_started(&checkpoint, more);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{more:?}: {said}");
    };
    check(&["--port", &port], 75, &["127.0.0.1:", "is in use by another program", "--port"]);
    check(&["--host", "0.0.0.0"], 2, &["`0.0.0.0` is not this machine alone", "--token-env"]);
    check(
        &["--token-env", "SERVE_TEST_NOTHING"],
        2,
        &["no environment variable SERVE_TEST_NOTHING"],
    );
    check(&["--token-env", "SERVE_TEST_EMPTY"], 2, &["SERVE_TEST_EMPTY is empty"]);
    check(&["--schema", "nowhere.py"], 64, &["nowhere.py"]);
    check(&["--device", "abacus", "--port", "0"], 69, &["abacus"]);
    let absent = not_started(&folder.path().join("nothing"), &[]);
    assert_ne!(absent.status.code(), Some(0));
    assert!(stderr(&absent).contains("nothing"), "{}", stderr(&absent));
}
