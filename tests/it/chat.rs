//! A server that speaks chat completions over HTTP, translates the quick start, and misbehaves.

use data_pipeline::corpus::Corpus;
use data_pipeline::parallel::{Carried, Draft, Happening, Name};
use data_pipeline::{Entity, Sentence, Task};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What goes wrong with a request, by its number from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 429 with `Retry-After: 1`.
    TooMany,
    /// 500.
    Internal,
    /// No reply for longer than anybody waits.
    Slow,
    /// Half a body, then nothing.
    Cut,
    /// A whole body that is no JSON.
    Malformed,
    /// 401, with the key in its message.
    Unauthorized,
}

/// A server on a port of its own; it ends with the process.
pub struct Chat {
    /// What to write into a job.
    pub url: String,
    state: Arc<State>,
}

struct State {
    requests: AtomicUsize,
    arrivals: Mutex<Vec<Instant>>,
    keys: Mutex<Vec<String>>,
    /// Requests under way, and the most there were at a time.
    flying: AtomicUsize,
    busiest: AtomicUsize,
    trouble: fn(usize) -> Option<Trouble>,
    pause: Duration,
    translations: HashMap<String, (Sentence, Sentence)>,
}

impl Chat {
    /// Translates the split of the quick start; `trouble` says what befalls each request.
    pub fn start(split: &str, pause: Duration, trouble: fn(usize) -> Option<Trouble>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let state = Arc::new(State {
            requests: AtomicUsize::new(0),
            arrivals: Mutex::new(Vec::new()),
            keys: Mutex::new(Vec::new()),
            flying: AtomicUsize::new(0),
            busiest: AtomicUsize::new(0),
            trouble,
            pause,
            translations: translations(split),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that hangs up is no failure of the server.
                std::thread::spawn(move || drop(state.serve(stream)));
            }
        });
        Self { url, state }
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// When requests came.
    pub fn arrivals(&self) -> Vec<Instant> {
        self.state.arrivals.lock().unwrap().clone()
    }

    /// The most requests at a time.
    pub fn busiest(&self) -> usize {
        self.state.busiest.load(Ordering::SeqCst)
    }

    /// The `Authorization` of each request.
    pub fn keys(&self) -> Vec<String> {
        self.state.keys.lock().unwrap().clone()
    }
}

/// Both sides of each pair, by the text of the English one.
fn translations(split: &str) -> HashMap<String, (Sentence, Sentence)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/datasets");
    let read = |name: &str| {
        let corpus = Corpus::load(&folder.join(name), Path::new("")).unwrap();
        corpus.read(split).unwrap().sentences
    };
    let (english, chinese) = (read("quickstart-en.toml"), read("quickstart-zh.toml"));
    assert_eq!(english.len(), chinese.len());
    let pairs = english.into_iter().zip(chinese);
    pairs.map(|(english, chinese)| (english.text.clone(), (english, chinese))).collect()
}

impl State {
    /// Answers the requests of one connection.
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        while let Some((key, body)) = request(&mut reader)? {
            self.arrivals.lock().unwrap().push(Instant::now());
            self.keys.lock().unwrap().push(key.clone());
            let number = self.requests.fetch_add(1, Ordering::SeqCst);
            let flying = self.flying.fetch_add(1, Ordering::SeqCst) + 1;
            self.busiest.fetch_max(flying, Ordering::SeqCst);
            std::thread::sleep(self.pause);
            let reply = self.reply(&body).to_string();
            self.flying.fetch_sub(1, Ordering::SeqCst);
            match (self.trouble)(number) {
                None => send(&mut writer, "200 OK", "", &reply)?,
                Some(Trouble::TooMany) => {
                    send(&mut writer, "429 Too Many Requests", "Retry-After: 1\r\n", "{}")?;
                }
                Some(Trouble::Internal) => {
                    send(&mut writer, "500 Internal Server Error", "", "oh no")?;
                }
                Some(Trouble::Slow) => {
                    std::thread::sleep(Duration::from_secs(8));
                    return Ok(());
                }
                Some(Trouble::Cut) => {
                    let half = &reply.as_bytes()[..reply.len() / 2];
                    write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", reply.len())?;
                    writer.write_all(half)?;
                    return Ok(());
                }
                Some(Trouble::Malformed) => send(&mut writer, "200 OK", "", "{\"choices\": [")?,
                Some(Trouble::Unauthorized) => {
                    let message = format!("no such key: {key}");
                    let body = json!({"error": {"message": message}}).to_string();
                    send(&mut writer, "401 Unauthorized", "", &body)?;
                }
            }
        }
        Ok(())
    }

    /// A completion. The weak model loses the first name of every third sentence, and finds it when
    /// asked for it; the strong one makes no mistake. The one that translates back understands every
    /// seventh sentence wrongly, and does not answer to every eleventh.
    fn reply(&self, body: &Value) -> Value {
        let user = body["messages"][1]["content"].as_str().unwrap_or_default();
        if body["model"] == "back" {
            let is_asked = |(_, chinese): &&(Sentence, Sentence)| chinese.text == user;
            let found = self.translations.values().find(is_asked);
            let english = found.map_or("", |(english, _)| english.text.as_str());
            return match english.len() {
                length if length % 7 == 0 => completion(r#"{"sentence": "Zzz, quux!"}"#),
                length if length % 11 == 0 => completion("I would rather not."),
                _ => completion(&json!({"sentence": english}).to_string()),
            };
        }
        let after = |mark: &str| {
            let found = user.split_once(mark).map_or("", |(_, rest)| rest);
            found.split('\n').next().unwrap_or_default().to_owned()
        };
        let text = after("Sentence: ");
        let Some((english, chinese)) = self.translations.get(&text) else {
            return completion("I do not know.");
        };
        let Draft { sentence, names } = translated(english, chinese);
        let is_asked = |index: usize| {
            let number = format!("{}. ", index + 1);
            user.lines().any(|line| line.starts_with(&number))
        };
        let names = names.iter().enumerate().filter(|(index, _)| is_asked(*index));
        let content = if user.contains("Find these names") || user.contains("must stand in it") {
            let names: Vec<Value> =
                names.map(|(index, name)| json!({"id": index + 1, "text": name.text})).collect();
            json!({"sentence": sentence, "names": names})
        } else {
            let loses = body["model"] == "weak" && text.len() % 3 == 0;
            let hopeless = body["model"] == "weak" && text.len() % 5 == 0;
            let names: Vec<Value> = names
                .map(|(index, name)| {
                    let text = if loses && index == 0 { "某某某" } else { name.text.as_str() };
                    json!({"id": index + 1, "class": name.class, "text": text})
                })
                .collect();
            // Nothing but the source's own sentence: only another model can help.
            let sentence = if hopeless { text.clone() } else { sentence };
            json!({"sentence": sentence, "names": names})
        };
        completion(&format!("Here it is:\n```json\n{content}\n```"))
    }
}

/// The Chinese names in the order of the English ones: what has a role in an event by that role, other
/// entities by class, what is none by its event.
fn translated(english: &Sentence, chinese: &Sentence) -> Draft {
    let carried = Carried::of(english, &[Task::Ner, Task::Re, Task::Ed, Task::Eae]);
    let name = |class: &str, text: &str| Name { class: class.to_owned(), text: text.to_owned() };
    // Of two companies, which one buys does not depend on the order of words.
    let by_role = |index: usize| {
        carried.events.iter().find_map(|event| {
            let place = event.arguments.iter().position(|(_, filler)| *filler == index)?;
            let role = &event.arguments[place].0;
            let before = event.arguments[..place].iter().filter(|(it, _)| it == role).count();
            let found = chinese.events.iter().find(|it| it.class == event.class)?;
            let mut fillers = found.arguments.iter().filter(|(it, _)| it == role);
            fillers.nth(before).map(|(_, mention)| mention)
        })
    };
    let roles: Vec<_> = (0..carried.entities).map(by_role).collect();
    let mut rest: Vec<&Entity> = chinese.entities.iter().collect();
    rest.retain(|entity| !roles.contains(&Some(&entity.mention)));
    let mut names: Vec<Name> = carried.asked.entities[..carried.entities]
        .iter()
        .zip(roles)
        .map(|(entity, role)| {
            let mention = role.unwrap_or_else(|| {
                let place = rest.iter().position(|it| it.class == entity.class).unwrap();
                &rest.remove(place).mention
            });
            name(&entity.class, &mention.text)
        })
        .collect();
    // Frames have the same events in both languages, each of its class once.
    for entity in &carried.asked.entities[carried.entities..] {
        let event_of = |index: usize| {
            let points = |it: &&Happening| {
                it.trigger == index || it.arguments.iter().any(|(_, filler)| *filler == index)
            };
            let event = carried.events.iter().find(points).unwrap();
            let found = chinese.events.iter().find(|it| it.class == event.class).unwrap();
            (event, found)
        };
        let index = names.len();
        let (event, found) = event_of(index);
        let role = event.arguments.iter().find(|(_, filler)| *filler == index);
        let text = match role {
            _ if event.trigger == index => &found.trigger.text,
            Some((role, _)) => &found.arguments.iter().find(|(it, _)| it == role).unwrap().1.text,
            None => panic!("name {index} of {english:?} is part of no event"),
        };
        names.push(name(&entity.class, text));
    }
    Draft { sentence: chinese.text.clone(), names }
}

fn completion(content: &str) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": content},
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
    })
}

/// The key and the body of the next request; none where the client is done.
fn request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<(String, Value)>> {
    let (mut length, mut key, mut first) = (0, String::new(), true);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if first {
            assert!(line.starts_with("POST /v1/chat/completions "), "{line}");
            first = false;
        }
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => key = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((key, serde_json::from_slice(&body).unwrap())))
}

fn send(writer: &mut TcpStream, status: &str, more: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
    );
    writer.write_all(head.as_bytes())?;
    writer.write_all(body.as_bytes())?;
    writer.flush()
}
