//! Bytes of a stranger, given to a reader as a user would: in files that a declaration names.
//!
//! Nothing here may fail. An error is a right answer; a panic, an endless loop or memory without
//! bound is a bug. What was read must hold together: a mention reads what stands at its place.
//!
//! `data-pipeline/tests/fuzzed.rs` runs the same code on stable Rust, over the seeds and over all
//! inputs that a bug was found with.

use data_pipeline::benchmark::{self, Benchmark};
use data_pipeline::concepts::Concepts;
use data_pipeline::corpus::Corpus;
use data_pipeline::errors::{Limits, analyse};
use data_pipeline::grammar::{Grammar, Vocabulary};
use data_pipeline::parallel::{self, Job};
use data_pipeline::prompt::{self, Form, PromptConfig};
use data_pipeline::python::render::ClassView;
use data_pipeline::python::{self, ClassStyle, Dialect, FlawKind};
use data_pipeline::score::{Options, Protocol, Scores, Set, panel, score_apart, table, types};
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Mention, Schema, Sentence, Task, predictions};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Every target, and the files that its bytes are cut into at lines of `%%`.
pub const TARGETS: [(&str, &[&str]); 29] = [
    ("answer", &[]),
    ("schema", &[]),
    ("declaration", &[]),
    ("columns", &["file"]),
    ("lines", &["seq.in", "seq.out"]),
    ("brat", &["file.txt", "file.ann"]),
    ("json", &["file"]),
    ("json-stream", &["file"]),
    ("instructions", &["file", "dataset_info.json"]),
    ("pairs", &["file"]),
    ("uner", &["file"]),
    ("uner-parallel", &["en", "zh", "pairs"]),
    ("spert", &["file"]),
    ("fewfc", &["file"]),
    ("frames", &["frames", "names"]),
    ("translations", &["file", "gold"]),
    ("table", &["file"]),
    ("xml", &["file.xml", "file.sgm"]),
    ("sentencepiece", &["tokenizer.model"]),
    ("vocabulary", &["tokenizer.json"]),
    ("predictions", &["predictions.jsonl"]),
    ("scores", &["scores.json"]),
    ("benchmark", &[]),
    ("concepts", &["concepts.toml"]),
    ("job", &["job.toml"]),
    ("prompt", &["prompt.txt", "glossary.tsv"]),
    ("transcript", &["transcript.jsonl"]),
    ("reply", &[]),
    ("grammar", &[]),
];

/// What parts the files of an input.
const CUT: &[u8] = b"\n%%\n";

/// A way to read what a target is given, and whether it took anything from it.
pub type Understood = Vec<(String, bool)>;

/// Gives `bytes` to the target called `name`.
pub fn run(name: &str, bytes: &[u8]) -> Understood {
    match name {
        "answer" => answer(&String::from_utf8_lossy(bytes)),
        "grammar" => grammar(&String::from_utf8_lossy(bytes)),
        "schema" => vec![(name.to_owned(), schema(&String::from_utf8_lossy(bytes)))],
        "benchmark" => vec![(name.to_owned(), benchmark(&String::from_utf8_lossy(bytes)))],
        _ => with_bench(name, |bench| bench.run(name, bytes)),
    }
}

/// An answer of a model, for every task in both dialects.
fn answer(text: &str) -> Understood {
    let mut understood = Vec::new();
    for task in [Task::Ner, Task::Re, Task::Ed, Task::Eae] {
        for dialect in [Dialect::Python, Dialect::Official] {
            let mut answer = python::read(text, task, dialect);
            // Any part of an answer may be the sentence that it is held against.
            let sentence = text.lines().next().unwrap_or_default();
            python::locate(&mut answer.instances, sentence);
            let characters: Vec<char> = sentence.chars().collect();
            for object in &answer.instances {
                if let data_pipeline::Instance::Entity(entity) = object {
                    holds(&entity.mention, &characters);
                }
            }
            python::check(&mut answer, &[], sentence);
            python::render::answer_code(&answer.instances, task, dialect);
            understood.push((format!("{task} {dialect:?}"), !answer.instances.is_empty()));
        }
    }
    understood
}

/// A form and a task, a sentence, and choices: each takes one of the ids that the grammar allows.
/// However the choices fall, the answer ends in time and is read without a flaw in its form.
fn grammar(text: &str) -> Understood {
    let mut lines = text.splitn(3, '\n');
    let [head, sentence, choices] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let (form, dialect) = match head.split(' ').next() {
        Some("list") => (Form::List, Dialect::Python),
        Some("json") => (Form::Json, Dialect::Python),
        Some("official") => (Form::Code, Dialect::Official),
        _ => (Form::Code, Dialect::Python),
    };
    let tasks = [Task::Ner, Task::Re, Task::Ed, Task::Eae];
    let task =
        tasks.into_iter().find(|task| head.ends_with(&task.to_string())).unwrap_or(Task::Ner);
    let prompt = PromptConfig { form, dialect, ..PromptConfig::default() };
    let source = "from knowcoder import Entity, Event, Relation\n\
        class City(Entity):\n    pass\n\
        class Capital(City):\n    pass\n\
        class Near(Relation):\n    def __init__(self, head_entity: City, tail_entity: City):\n        pass\n\
        class Visit(Event):\n    def __init__(self, trigger: str, place: List[City], time: List[Entity]):\n        pass\n";
    let Ok(schema) = Schema::parse(source, Path::new("schema.py")) else {
        panic!("the target's own schema is not read");
    };
    static TOKENIZER: OnceLock<Option<Tokenizer>> = OnceLock::new();
    let train = || Tokenizer::train(&["City(\"Bonn\") 京".to_owned()], 310).ok();
    let Some(tokenizer) = TOKENIZER.get_or_init(train) else {
        panic!("the target's own vocabulary is not made");
    };
    let sentence = Sentence { text: sentence.to_owned(), ..Sentence::default() };
    let classes = schema.of_task(task);
    let Ok(grammar) = Grammar::new(&prompt, &schema, &classes, task, &sentence, true) else {
        return vec![(head.to_owned(), false)];
    };
    let (limit, mut choices) = (160, choices.bytes());
    let mut matcher = grammar.matcher(&Vocabulary::new(tokenizer)).with_limit(limit);
    let mut ids: Vec<u32> = Vec::new();
    loop {
        let allowed = matcher.allowed(&ids).unwrap_or_default();
        let in_word = |(number, word): (usize, &u32)| {
            let word = *word;
            (0..32)
                .filter(move |bit| (word >> bit) & 1 == 1)
                .map(move |bit| number as u32 * 32 + bit)
        };
        let allowed: Vec<u32> = allowed.iter().enumerate().flat_map(in_word).collect();
        let choice = usize::from(choices.next().unwrap_or_default());
        let id = allowed.get(choice * allowed.len() / 256).copied();
        let Some(id) = id.filter(|_| ids.len() < limit) else {
            panic!("no way out of {:?} about {:?}", tokenizer.decode(&ids), sentence.text);
        };
        if id == tokenizer.eos() {
            break;
        }
        ids.push(id);
    }
    let answer = tokenizer.decode(&ids);
    let read = prompt::read(&answer, &schema, &classes, task, &sentence, &prompt, true);
    let flaw = read.flaws.iter().find(|flaw| flaw.kind != FlawKind::Duplicate);
    assert_eq!(flaw, None, "{answer:?} about {:?}", sentence.text);
    vec![(head.to_owned(), true)]
}

/// A file of classes; what is a schema can be shown to a model.
fn schema(text: &str) -> bool {
    let Ok(schema) = Schema::parse(text, Path::new("schema.py")) else { return false };
    assert_eq!(schema.hash().len(), 64);
    for class in &schema.classes {
        for style in [ClassStyle::Full, ClassStyle::Names] {
            for dialect in [Dialect::Python, Dialect::Official] {
                let view = ClassView {
                    task: Task::Eae,
                    dialect,
                    style,
                    description: Some("en"),
                    examples: Some("en"),
                    max_examples: 3,
                };
                python::render::class_code(class, &view);
            }
        }
    }
    true
}

/// A paper's table; what is declared is shown, with nothing in it.
fn benchmark(text: &str) -> bool {
    let Ok(declared) = Benchmark::parse(text, Path::new("benchmark.toml")) else { return false };
    for protocol in Protocol::ALL {
        let table = benchmark::Table::new(&declared, &[], protocol);
        benchmark::text(&table);
        benchmark::markdown(&table);
    }
    true
}

/// A folder in memory, and the corpora that read what is put there.
struct Bench {
    folder: PathBuf,
    corpora: Vec<Corpus>,
    files: &'static [&'static str],
}

thread_local! {
    static BENCHES: RefCell<HashMap<String, Bench>> = RefCell::new(HashMap::new());
}

fn with_bench<T>(name: &str, work: impl FnOnce(&Bench) -> T) -> T {
    BENCHES.with(|benches| {
        let mut benches = benches.borrow_mut();
        work(benches.entry(name.to_owned()).or_insert_with(|| Bench::new(name)))
    })
}

/// The folder of the fuzz targets, seen from any crate of ours.
fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

impl Bench {
    fn new(name: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir()
            .join(format!("knowcoder-fuzz-{}-{number}-{name}", std::process::id()));
        let (_, files) = TARGETS.into_iter().find(|(it, _)| *it == name).unwrap_or_else(|| {
            panic!("no target is called `{name}`");
        });
        for part in ["datasets", "out", "concepts"] {
            let part = folder.join(part);
            std::fs::create_dir_all(&part).unwrap_or_else(|error| panic!("{part:?}: {error}"));
        }
        let prompts = [("translate", PROMPT), ("names", NAMES), ("sentence", SENTENCE)];
        for (kind, text) in prompts {
            let path = folder.join(format!("{kind}.txt"));
            std::fs::write(&path, text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        }
        let corpora = declarations(name, &folder);
        Self { folder, corpora, files }
    }

    fn run(&self, name: &str, bytes: &[u8]) -> Understood {
        let took = match name {
            "declaration" => self.declaration(bytes),
            "sentencepiece" => self.tokenizer(bytes),
            "vocabulary" => self.vocabulary(bytes),
            "predictions" => {
                let path = self.put(self.files[0], bytes);
                let _ = predictions::recover(&path);
                let read = predictions::read(&path);
                if let Ok(read) = &read {
                    // What was read is scored and told of, whatever it is.
                    let sets = Set::group(read.clone());
                    let _ = score_apart(&sets, &Protocol::ALL, &Options::default());
                    let _ = analyse(&sets, Limits::default());
                }
                read.is_ok()
            }
            "scores" => match Scores::read(&self.put(self.files[0], bytes)) {
                Ok(scores) => {
                    table(&scores);
                    types(&scores);
                    panel(&scores);
                    true
                }
                Err(_) => false,
            },
            "concepts" => self.concepts(bytes),
            "job" => {
                // Where a job of ours has its prompts.
                let text = String::from_utf8_lossy(bytes).replace("\"prompts/", "\"");
                Job::load(&self.put("job.toml", text.as_bytes())).is_ok()
            }
            "prompt" => self.prompt(bytes),
            "transcript" => self.transcript(bytes).is_some(),
            "reply" => self.reply(&String::from_utf8_lossy(bytes)),
            _ => return self.corpus(bytes),
        };
        vec![(name.to_owned(), took)]
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        path
    }

    /// Files of a corpus, read by each declaration of their reader.
    fn corpus(&self, bytes: &[u8]) -> Understood {
        let mut rest = bytes;
        for (index, name) in self.files.iter().enumerate() {
            let last = index + 1 == self.files.len();
            let cut = rest.windows(CUT.len()).position(|window| window == CUT);
            let (part, behind) = match cut {
                Some(at) if !last => (&rest[..at], &rest[at + CUT.len()..]),
                _ => (rest, &b""[..]),
            };
            self.put(name, part);
            rest = behind;
        }
        let mut understood = Vec::new();
        for corpus in &self.corpora {
            let took = if corpus.is_parallel() {
                let pairs = corpus.read_parallel("train").unwrap_or_default().pairs;
                pairs.iter().flat_map(|pair| [&pair.source, &pair.target]).for_each(sound);
                pairs.iter().any(|pair| is_annotated(&pair.source))
            } else {
                let sentences = corpus.read("train").unwrap_or_default().sentences;
                sentences.iter().for_each(sound);
                sentences.iter().any(is_annotated)
            };
            understood.push((corpus.name().to_owned(), took));
        }
        understood
    }

    fn declaration(&self, bytes: &[u8]) -> bool {
        // The file's name is that of the corpus; the schema has to be found.
        let text = String::from_utf8_lossy(bytes);
        let lines = text.lines().map(|line| match line.split_once('=') {
            Some((key, _)) if key.trim() == "name" => "name = \"x\"".to_owned(),
            Some((key, value)) if key.trim() == "schema" => {
                // A declaration of ours finds its classes among ours.
                let ours = value.trim().trim_matches('"').strip_prefix("../schemas/");
                let path = match ours {
                    Some(name) => home().join("../configs/schemas").join(name),
                    None => home().join("declarations/schema.py"),
                };
                format!("schema = {}", json!(path))
            }
            _ => line.to_owned(),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let path = self.put("datasets/x.toml", text.as_bytes());
        let Ok(corpus) = Corpus::load(&path, &self.folder) else { return false };
        for split in corpus.splits() {
            let _ = corpus.files(split);
        }
        true
    }

    /// A vocabulary of ours, changed: of what is not nearly ours, the first look refuses all.
    fn vocabulary(&self, bytes: &[u8]) -> bool {
        self.tokenizer(bytes);
        let Ok(patch) = serde_json::from_slice::<Value>(bytes) else { return false };
        let ours = self.folder.join("ours");
        if !ours.is_dir() {
            let texts = ["Ann met Ann in Rome.".to_owned()];
            let tokenizer = Tokenizer::train(&texts, 420).unwrap_or_else(|it| panic!("{it}"));
            tokenizer.save(&ours).unwrap_or_else(|error| panic!("{error}"));
        }
        let path = ours.join("tokenizer.json");
        let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{error}"));
        let mut document = serde_json::from_slice(&text).unwrap_or_default();
        merge(&mut document, patch);
        self.tokenizer(document.to_string().as_bytes())
    }

    fn tokenizer(&self, bytes: &[u8]) -> bool {
        let path = self.put(self.files[0], bytes);
        let Ok(tokenizer) = Tokenizer::load(&path) else { return false };
        let mut ids = tokenizer.encode("Ann (安)\u{2581} \u{0}\n\"results = [\"</s> a\u{301}");
        ids.extend([tokenizer.eos(), tokenizer.pad(), 0, u32::MAX]);
        tokenizer.decode(&ids);
        for id in ids {
            tokenizer.piece(id);
        }
        true
    }

    fn concepts(&self, bytes: &[u8]) -> bool {
        self.put("concepts/concepts.toml", bytes);
        let Ok(map) = Concepts::load(&self.folder.join("concepts")) else { return false };
        let _ = map.faults();
        for corpus in &self.corpora {
            let _ = map.check(corpus);
            let _ = map.outcomes(corpus);
        }
        let _ = map.stale(&self.corpora);
        true
    }

    /// A prompt and a glossary as files of a job.
    fn prompt(&self, bytes: &[u8]) -> bool {
        let cut = bytes.windows(CUT.len()).position(|window| window == CUT);
        let (prompt, glossary) = match cut {
            Some(at) => (&bytes[..at], &bytes[at + CUT.len()..]),
            None => (bytes, &b""[..]),
        };
        let path = self.put("prompt.txt", prompt);
        self.put("glossary.tsv", glossary);
        let job = job(&path, "[glossary]\nfile = \"glossary.tsv\"");
        match Job::load(&self.put("job.toml", job.as_bytes())) {
            Ok(job) => parallel::estimate(&job, &self.folder).is_ok(),
            Err(_) => false,
        }
    }

    /// Replies that were kept; gives how many sentences they finish.
    fn transcript(&self, bytes: &[u8]) -> Option<usize> {
        self.put("out/transcript.jsonl", bytes);
        let path = self.put("prompt.txt", PROMPT.as_bytes());
        let job = Job::load(&self.put("job.toml", job(&path, "").as_bytes()));
        let job = job.unwrap_or_else(|error| panic!("{error}"));
        Some(parallel::estimate(&job, &self.folder).ok()?.finished)
    }

    /// What a model writes about the sentence of the job.
    fn reply(&self, text: &str) -> bool {
        let user = "Ann Lee joined Acme in Rome\n\
                    1. Person: Ann Lee\n2. Organization: Acme\n3. Location: Rome";
        let request = json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "To zh."},
                {"role": "user", "content": user},
            ],
            "temperature": 0.0,
            "max_tokens": 1024,
        });
        let record = json!({
            "key": hex(request.to_string().as_bytes()),
            "stage": "translate",
            "request": request,
            "reply": text,
            "finish": "stop",
            "usage": {"prompt": 1, "completion": 1, "lost": 0, "cost": 1},
        });
        let finished = self.transcript(format!("{record}\n").as_bytes());
        // Else the question is written in another way than here, and no reply is ever read.
        assert_eq!(finished, Some(1), "the reply belongs to no question");
        true
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // What is left in a folder of temporary files harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// RFC 7396: members of the patch replace those of the document, null removes them.
fn merge(document: &mut Value, patch: Value) {
    match (document, patch) {
        (Value::Object(members), Value::Object(patch)) => {
            for (name, value) in patch {
                match value {
                    Value::Null => drop(members.shift_remove(&name)),
                    value => merge(members.entry(name).or_insert(Value::Null), value),
                }
            }
        }
        (document, patch) => *document = patch,
    }
}

/// A prompt that is as short as can be.
const PROMPT: &str = "To <<target_language>>.\n===\n<<sentence>>\n<<names>>\n";
const NAMES: &str = "Names.\n===\n<<draft>>\n<<missing>>\n";
const SENTENCE: &str = "Sentence.\n===\n<<draft>>\n<<draft_names>>\n";

/// A job over the one sentence of `declarations/prose.toml`.
fn job(prompt: &Path, more: &str) -> String {
    let datasets = home().join("declarations");
    let (prompt, datasets) = (json!(prompt), json!(datasets));
    format!(
        "{more}\n[job]\nname = \"j\"\ntarget = \"zh\"\ndatasets = {datasets}\nout = \"out\"\n\
         [[source]]\ndataset = \"prose\"\n[server]\nurl = \"http://127.0.0.1:9/v1\"\n\
         [[stage]]\nkind = \"translate\"\nmodel = \"m\"\nprompt = {prompt}\n"
    )
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The declarations of a reader, `NAME.toml` and `NAME--VARIANT.toml`, over files in `folder`.
fn declarations(name: &str, folder: &Path) -> Vec<Corpus> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(home().join("declarations"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter(|path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            stem == name || stem.starts_with(&format!("{name}--"))
        })
        .collect();
    paths.sort();
    let load = |path: &PathBuf| Corpus::load(path, folder).unwrap_or_else(|it| panic!("{it}"));
    paths.iter().map(load).collect()
}

/// Whether anything is marked in a sentence.
fn is_annotated(sentence: &Sentence) -> bool {
    let Sentence { entities, relations, events, .. } = sentence;
    !(entities.is_empty() && relations.is_empty() && events.is_empty())
}

/// Every mention of a sentence reads what stands at its place.
fn sound(sentence: &Sentence) {
    let text: Vec<char> = sentence.text.chars().collect();
    sentence.entities.iter().for_each(|it| holds(&it.mention, &text));
    for relation in &sentence.relations {
        holds(&relation.head.mention, &text);
        holds(&relation.tail.mention, &text);
    }
    for event in &sentence.events {
        holds(&event.trigger, &text);
        event.arguments.iter().for_each(|(_, mention)| holds(mention, &text));
    }
}

fn holds(mention: &Mention, text: &[char]) {
    let pieces =
        mention.places().iter().map(|it| text[it.start..it.end].iter().collect::<String>());
    let found = pieces.collect::<Vec<_>>().join(" ");
    assert!(mention.span.is_none() || found == mention.text, "{mention:?} reads {found:?}");
}
