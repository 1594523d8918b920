//! Texts through an engine, on a tiny random model: what comes out is what the model answers to what is
//! asked, whole or in windows.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::generation::{Answerer, GenerateConfig};
use crate::questions::Asker;
use crate::serve::Failure;
use burn::tensor::Device;
use data_pipeline::sentence::{Event, Mention};
use data_pipeline::{Instance, Schema, Sentence, Task};
use model::DecoderConfig;
use model::init::Init;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

const SCHEMA: &str = "
class Person(Entity):
    \"\"\"Description: Someone.\"\"\"

class City(Entity):
    \"\"\"Description: A large town.\"\"\"

class Move(Event):
    def __init__(self, trigger: str, who: Person, where: City): ...
";

fn decoder(limit: usize) -> Decoder {
    let config = DecoderConfig {
        vocab_size: 400,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 2,
        initializer_range: 0.2,
        max_position_embeddings: Some(limit),
        ..DecoderConfig::baichuan2_tiny()
    };
    Decoder::init(&config, Init::Normal, 7, &Device::flex())
}

fn tokenizer() -> Tokenizer {
    let text = "class Person City Move Entity Description: results = [ Ann lives in Bonn ]";
    Tokenizer::train(&[text.to_owned(), text.to_owned()], 400).unwrap()
}

fn prompt() -> PromptConfig {
    PromptConfig { system: false, ..PromptConfig::default() }
}

fn generation() -> Generation {
    let config = GenerateConfig {
        max_new_tokens: 12,
        rows: 3,
        end_ids: Some(Vec::new()),
        ..GenerateConfig::default()
    };
    Generation { config, ..Generation::default() }
}

fn extractor(limit: usize) -> (Extractor, Thread) {
    let model = ("m".to_owned(), 1000);
    Extractor::start(decoder(limit), tokenizer(), prompt(), generation(), model).unwrap()
}

fn asking(task: Task) -> Asking {
    Asking {
        schema: Schema::parse(SCHEMA, Path::new("s.py")).unwrap(),
        task,
        language: "en".into(),
        shots: Vec::new(),
        pieces: false,
        constrained: false,
        window: None,
        overlap: 1,
    }
}

/// Tokens of the longest prompt with a single class and no text.
fn empty(asking: &Asking) -> usize {
    let (tokenizer, prompt) = (tokenizer(), prompt());
    let mut asker = Asker::new(&asking.schema, &tokenizer, &prompt, usize::MAX);
    let nothing = Sentence { language: "en".into(), ..Sentence::default() };
    let classes = asking.schema.of_task(asking.task);
    classes.iter().map(|class| asker.length(asking.task, &nothing, &[*class])).max().unwrap()
}

fn text(text: &str) -> Text {
    Text { text: text.into(), ..Text::default() }
}

fn read(extractor: &Extractor, asking: &Asking, texts: &[Text]) -> Vec<Found> {
    Reader::new(extractor, asking).read(texts, None, &AtomicBool::new(false)).unwrap()
}

#[test]
fn short_texts_are_asked_as_evaluation_asks_them() {
    let (extractor, thread) = extractor(4096);
    let asking = asking(Task::Ner);
    let texts = ["Ann lives in Bonn.", "Bonn", "莱娜在北京。"];
    let found = read(&extractor, &asking, &texts.map(text));
    // The same without an engine.
    let (decoder, tokenizer, prompt, generation) =
        (decoder(4096), tokenizer(), prompt(), generation());
    let answerer =
        Answerer { decoder: &decoder, model: "m", tokenizer: &tokenizer, generation: &generation };
    let mut asker = Asker::new(&asking.schema, &tokenizer, &prompt, 4096);
    for (found, text) in found.iter().zip(texts) {
        let sentence = Sentence { text: text.into(), language: "en".into(), ..Sentence::default() };
        let question = asker.ask(Task::Ner, &sentence, &asking.schema.of_task(Task::Ner));
        let answers = answerer.answers(&question.requests, None, &mut |_| true).unwrap().unwrap();
        let reply = asker.reply(&question, &sentence, false, &answers);
        assert_eq!((&found.objects, &found.flaws), (&reply.predicted, &reply.flaws));
        assert_eq!((found.windows, found.answer_tokens), (1, 12));
        assert_eq!(found.prompt_tokens, reply.prompt_tokens);
    }
    extractor.engine().stop();
    thread.join().unwrap();
}

/// A model that has learned nothing says nothing that could not be, of texts as a whole and in windows.
#[test]
fn answers_that_are_held_are_read_and_name_what_the_text_has() {
    let config = GenerateConfig { max_new_tokens: 48, rows: 3, ..GenerateConfig::default() };
    let generation = Generation { config, ..Generation::default() };
    let model = ("m".to_owned(), 1000);
    let (extractor, thread) =
        Extractor::start(decoder(4096), tokenizer(), prompt(), generation, model).unwrap();
    let texts = ["Ann lives in \"Bonn\". ".repeat(20), "莱娜在北京。".to_owned(), "Ann".to_owned()];
    let texts = texts.map(|it| text(&it));
    for (task, window) in [(Task::Ner, None), (Task::Ner, Some(40)), (Task::Eae, None)] {
        let asking = Asking { constrained: true, window, ..asking(task) };
        for (found, text) in read(&extractor, &asking, &texts).iter().zip(&texts) {
            let others =
                found.flaws.iter().find(|flaw| !flaw.ends_with("the same object once more"));
            assert_eq!(others, None);
            for mention in found.objects.iter().flat_map(Instance::mentions) {
                assert!(text.text.contains(&mention.text), "{mention:?} of {:?}", text.text);
            }
        }
    }
    extractor.engine().stop();
    thread.join().unwrap();
}

#[test]
fn what_is_too_long_is_read_in_windows() {
    let asking = asking(Task::Ner);
    let long = "Ann lives in Bonn. ".repeat(60);
    let (roomy, thread) = extractor(4096);
    let whole = read(&roomy, &asking, &[text(&long)]).remove(0);
    assert_eq!(whole.windows, 1, "there is room");
    let small = Asking { window: Some(40), ..asking.clone() };
    let windows = read(&roomy, &small, &[text(&long), text("Ann")]);
    assert!(windows[0].windows > 3 && windows[1].windows == 1, "{windows:?}");
    assert!(
        windows[0].flaws.iter().all(|flaw| flaw.starts_with("window ")),
        "{:?}",
        windows[0].flaws
    );
    roomy.engine().stop();
    thread.join().unwrap();

    let (narrow, thread) = extractor(empty(&asking) + 80);
    let found = read(&narrow, &asking, &[text(&long)]).remove(0);
    assert!(found.windows > 1, "{found:?}");
    assert!(found.flaws.iter().all(|flaw| !flaw.contains("not asked")), "{:?}", found.flaws);
    narrow.engine().stop();
    thread.join().unwrap();

    // The classes alone are too long: windows would not help, and it is said.
    let (tiny, thread) = extractor(empty(&asking) / 2);
    let found = read(&tiny, &asking, &[text("Ann")]).remove(0);
    assert!(found.flaws[0].starts_with("not asked"), "{found:?}");
    tiny.engine().stop();
    thread.join().unwrap();
}

#[test]
fn arguments_are_asked_of_the_events_of_a_text() {
    let (extractor, thread) = extractor(4096);
    let asking = asking(Task::Eae);
    let event =
        Event { class: "Move".into(), trigger: Mention::at("moved", 4, 9), arguments: Vec::new() };
    let given = Text { events: Some(vec![event.clone()]), ..text("Ann moved to Bonn.") };
    let none = Text { events: Some(Vec::new()), ..text("Ann moved to Bonn.") };
    let found = read(&extractor, &asking, &[given, none, text("Ann moved to Bonn.")]);
    // Whatever a random model says of it, the event that was given is there.
    let is_it = |object: &Instance| match object {
        Instance::Event(found) => found.class == "Move" && found.trigger.text == "moved",
        _ => false,
    };
    assert!(found[0].objects.iter().any(is_it), "{found:?}");
    assert_eq!(found[1], Found { windows: 1, ..Found::default() }, "nothing is asked");
    assert!(found[2].prompt_tokens > 0, "events are looked for first");
    extractor.engine().stop();
    thread.join().unwrap();
}

#[test]
fn what_cannot_be_asked_is_said() {
    let refused = |asking: Asking, expected: &str| {
        let error = asking.check().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(asking(Task::Re), "the schema has no class for the task `re`");
    refused(Asking { window: Some(0), ..asking(Task::Ner) }, "a window of 0 tokens");
    asking(Task::Eae).check().unwrap();

    let (extractor, thread) = extractor(4096);
    let asking = asking(Task::Ner);
    let mut reader = Reader::new(&extractor, &asking);
    let gone = reader.read(&[text("Ann")], None, &AtomicBool::new(true)).unwrap_err();
    assert_eq!(gone, Trouble::Gone);
    let late = reader.read(&[text("Ann")], Some(Instant::now()), &AtomicBool::new(false));
    assert_eq!(late.unwrap_err(), Trouble::Failed(Failure::Late));
    extractor.engine().stop();
    let ending = reader.read(&[text("Ann")], None, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(ending, Trouble::Refused(_)), "{ending}");
    thread.join().unwrap();
}

#[test]
fn a_checkpoint_computes_in_what_its_run_did() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoints/instruction-000007");
    std::fs::create_dir_all(&checkpoint).unwrap();
    let check = |lock: &str, flex: Precision, cuda: Precision| {
        std::fs::write(folder.path().join("recipe.lock"), lock).unwrap();
        let found = ["flex", "cuda"].map(|device| precision(&checkpoint, device));
        assert_eq!(found, [flex, cuda], "{lock}");
    };
    let (f32, bf16) = (Precision::F32, Precision::Bf16);
    assert_eq!(precision(&checkpoint, "cuda"), bf16, "no run is known");
    check("[run]\ndevice = \"cuda\"\n[model]\ndtype = \"f32\"\n", f32, f32);
    check("[run]\ndevice = \"cuda\"\n[model]\ndtype = \"bf16\"\n", f32, bf16);
    check("[run]\ndevice = \"flex\"\n[model]\ndtype = \"bf16\"\n", bf16, bf16);
    check("of another version [", f32, bf16);
}

#[test]
fn nothing_is_asked_of_a_blank_text() {
    let (extractor, thread) = extractor(4096);
    for task in [Task::Ner, Task::Eae] {
        let asking = asking(task);
        let progress = std::sync::Arc::new(Progress::default());
        let mut reader = Reader::new(&extractor, &asking).counting(progress.clone());
        let texts = [text(""), text(" \n\u{3000}")];
        let found = reader.read(&texts, None, &AtomicBool::new(false)).unwrap();
        assert_eq!(found, [Found::default(), Found::default()]);
        assert_eq!(progress.counts(), (0, 0));
        reader.read(&[text("Ann"), text("")], None, &AtomicBool::new(false)).unwrap();
        let (answered, asked) = progress.counts();
        assert!(answered == asked && asked > 0, "{answered} of {asked}");
    }
    extractor.engine().stop();
    thread.join().unwrap();
}
