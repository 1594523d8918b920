//! Schemas, sentences and tokenizers that the grammar is held against.

#![allow(clippy::unwrap_used)]

use crate::prompt::{ClassStyle, Dialect, Form, NameLanguage, PromptConfig};
use crate::schema::{Argument, Class, Kind, Schema, Task};
use crate::sentence::{Entity, Event, Mention, Relation, Sentence};
use std::collections::BTreeMap;

pub(super) const TASKS: [Task; 4] = [Task::Ner, Task::Re, Task::Ed, Task::Eae];

/// How many configurations there are.
pub(super) const FORMS: usize = 6;

pub(super) struct Case {
    pub config: PromptConfig,
    pub schema: Schema,
    pub task: Task,
    pub sentence: Sentence,
    pub pieces: bool,
}

pub(super) fn configuration(number: usize) -> PromptConfig {
    let (form, names, dialect) = [
        (Form::Code, NameLanguage::English, Dialect::Python),
        (Form::Code, NameLanguage::Native, Dialect::Python),
        (Form::Code, NameLanguage::English, Dialect::Official),
        (Form::List, NameLanguage::English, Dialect::Python),
        (Form::Json, NameLanguage::English, Dialect::Python),
        (Form::Json, NameLanguage::Native, Dialect::Python),
    ][number];
    PromptConfig { form, names, dialect, classes: ClassStyle::Names, ..PromptConfig::default() }
}

/// What is asked about `text`; the gold objects are where `picks` say.
pub(super) fn case(
    text: &str,
    config: PromptConfig,
    task: Task,
    picks: &[u16],
    names: usize,
) -> Case {
    let schema = schema(names);
    let chars: Vec<char> = text.chars().collect();
    let mention = |pick: usize| {
        let pick = usize::from(picks[pick % picks.len()]);
        let start = pick % chars.len();
        let end = (start + 1 + pick / 7 % 9).min(chars.len());
        Mention::at(chars[start..end].iter().collect::<String>(), start, end)
    };
    let mut sentence =
        Sentence { text: text.to_owned(), language: "zh".to_owned(), ..Sentence::default() };
    let count = if chars.is_empty() { 0 } else { picks.len() };
    let class = |kind: Kind, pick: usize| {
        let of_kind: Vec<&Class> =
            schema.classes.iter().filter(|class| class.kind == kind).collect();
        of_kind[usize::from(picks[pick % picks.len()]) / 3 % of_kind.len()]
    };
    for pick in 0..count {
        let entity =
            Entity { class: class(Kind::Entity, pick).name.clone(), mention: mention(pick) };
        let relation = class(Kind::Relation, pick);
        let end = |at: usize, pick: usize| Entity {
            class: relation.arguments[at].types[0].clone(),
            mention: mention(pick),
        };
        sentence.relations.push(Relation {
            class: relation.name.clone(),
            head: end(0, pick),
            tail: end(1, pick + 1),
        });
        let event = class(Kind::Event, pick);
        let fillers = event.arguments.iter().enumerate().filter(|(at, _)| (pick + at) % 3 > 0);
        let arguments = fillers.flat_map(|(at, role)| {
            let of_role = (0..1 + (pick + at) % 2).map(move |i| mention(pick + at + i));
            of_role.map(|mention| (role.name.clone(), mention))
        });
        sentence.events.push(Event {
            class: event.name.clone(),
            trigger: mention(pick + 3),
            arguments: arguments.collect(),
        });
        sentence.entities.push(entity);
    }
    Case { config, schema, task, sentence, pieces: names == 1 }
}

/// Plain names, names that Python does not allow, names that begin alike.
fn schema(number: usize) -> Schema {
    let [first, second, third, role] = [
        ["Person", "City", "PersonName", "place"],
        ["TV show", "人物", "None", "from"],
        ["A;b: c", "class", "A", "trigger"],
    ][number];
    let class = |kind: Kind, name: &str, base: &str, arguments: &[(&str, &str)]| Class {
        name: name.to_owned(),
        kind,
        base: base.to_owned(),
        descriptions: BTreeMap::new(),
        examples: BTreeMap::new(),
        names: BTreeMap::from([("zh".to_owned(), format!("名：{name}"))]),
        arguments: arguments
            .iter()
            .map(|(name, class)| Argument {
                name: name.to_string(),
                types: vec![class.to_string()],
                names: BTreeMap::from([("zh".to_owned(), format!("角色 {name}"))]),
            })
            .collect(),
    };
    let ends = |head, tail| [("head_entity", head), ("tail_entity", tail)];
    Schema {
        classes: vec![
            class(Kind::Entity, first, "Entity", &[]),
            class(Kind::Entity, second, "Place", &[]),
            class(Kind::Entity, third, first, &[]),
            class(Kind::Relation, "LivesIn", "Relation", &ends(first, second)),
            class(Kind::Relation, "Knows", "Relation", &ends("Entity", "Entity")),
            class(Kind::Event, "Attack", "Event", &[(role, "Entity"), ("time", "Entity")]),
            class(Kind::Event, "Meet", "Event", &[]),
        ],
    }
}

/// Chooses among allowed ids, and ends when it can about every second time.
pub(super) struct Walker(pub u64);

impl Walker {
    pub(super) fn choose(&mut self, allowed: &[u32], eos: u32) -> Option<u32> {
        let has = |id: u32| (allowed[id as usize / 32] >> (id % 32)) & 1 == 1;
        let ids: Vec<u32> = (0..allowed.len() as u32 * 32).filter(|id| has(*id)).collect();
        if ids.contains(&eos) && self.next().is_multiple_of(2) {
            return Some(eos);
        }
        let count = ids.len() as u64;
        (count > 0).then(|| ids[(self.next() % count.max(1)) as usize])
    }

    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Vocabularies of each kind.
pub(super) mod tokenizer {
    use crate::real::data_root;
    use crate::tokenizer::Tokenizer;
    use std::sync::OnceLock;

    pub(in super::super) const ALL: [fn() -> Option<&'static Tokenizer>; 3] =
        [small, prefixed, tiny];

    /// A small one with words that carry spaces and pieces that templates repeat.
    pub(in super::super) fn small() -> Option<&'static Tokenizer> {
        static SMALL: OnceLock<Tokenizer> = OnceLock::new();
        Some(SMALL.get_or_init(|| {
            let text =
                "results = [\n\tPerson(\"Ann\"),\n\tCity(\"Bonn\")\n] 人物 Ann, Bonn: \"type\" 10";
            let text = vec![text.to_owned(), text.to_owned()];
            Tokenizer::train(&text, 380).unwrap()
        }))
    }

    /// SentencePiece with bytes and a prefix, of 32,000 ids.
    fn prefixed() -> Option<&'static Tokenizer> {
        static LLAMA: OnceLock<Option<Tokenizer>> = OnceLock::new();
        LLAMA.get_or_init(|| load("tokenizers/llama.model")).as_ref()
    }

    /// SentencePiece with bytes and no prefix, of few ids: two of them for some texts, and ids that go
    /// over the end of a mention.
    fn tiny() -> Option<&'static Tokenizer> {
        static TINY: OnceLock<Tokenizer> = OnceLock::new();
        Some(TINY.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("tokenizer.model");
            std::fs::write(&file, sentence_piece()).unwrap();
            Tokenizer::load(&file).unwrap()
        }))
    }

    /// A model file in the format of SentencePiece.
    fn sentence_piece() -> Vec<u8> {
        const TEXTS: [&str; 28] = [
            "a",
            "n",
            "▁",
            "nn",
            "on",
            "▁A",
            "▁Ann",
            "人",
            "物",
            "人物",
            "\n",
            "\t",
            "(\"",
            "\")",
            "),",
            "\"),\n\t",
            "[\n\t",
            " = ",
            "results",
            "\\",
            "\\\"",
            ": ",
            "; ",
            "\n-▁",
            ":▁A",
            "\"}",
            "\"name\":\"",
            "▁▁",
        ];
        let special = [("<unk>", 2), ("<s>", 3), ("</s>", 3)];
        let special = special.map(|(text, kind)| (text.to_owned(), kind));
        let bytes = (0..=u8::MAX).map(|byte| (format!("<0x{byte:02X}>"), 6));
        let texts = TEXTS.map(|text| (text.replace(' ', "▁"), 1));
        let mut file = Vec::new();
        for (number, (text, kind)) in special.into_iter().chain(bytes).chain(texts).enumerate() {
            let mut piece = vec![0x0a, text.len() as u8];
            piece.extend_from_slice(text.as_bytes());
            piece.push(0x15);
            piece.extend_from_slice(&(-(number as f32)).to_le_bytes());
            piece.extend_from_slice(&[0x18, kind]);
            file.extend_from_slice(&[0x0a, piece.len() as u8]);
            file.extend_from_slice(&piece);
        }
        // BPE with bytes; no space is added, none removed.
        file.extend_from_slice(&[0x12, 5, 0x18, 2, 0x98, 0x02, 1]);
        file.extend_from_slice(&[0x1a, 4, 0x18, 0, 0x20, 0]);
        file
    }

    /// The tokenizer of the paper's model: SentencePiece without a prefix, of 125,696 ids.
    pub(in super::super) fn baichuan() -> Option<&'static Tokenizer> {
        static BAICHUAN: OnceLock<Option<Tokenizer>> = OnceLock::new();
        BAICHUAN.get_or_init(|| load("tokenizers/baichuan2/tokenizer.model")).as_ref()
    }

    fn load(file: &str) -> Option<Tokenizer> {
        Some(
            Tokenizer::load(&data_root("no SentencePiece, no real sentences")?.join(file)).unwrap(),
        )
    }
}
