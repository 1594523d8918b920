//! An element as a value that paths lead into.
//!
//! Read by a pull parser, a record at a time, so that a file of many records is never a tree as a
//! whole. Nothing is expanded but the five entities that XML has and characters by their number: a
//! document type is passed over, and what it defines stays unknown. How deep elements nest and how
//! many a record has are limited.

use crate::Error;
use crate::corpus::source::Source;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::{Map, Value};

/// How deep elements may nest.
const DEEPEST: usize = 64;

/// How many elements a record may have: some hundred MB of values.
const MOST: usize = 1_000_000;

/// A record, the line on which it begins, and the characters that stand in it.
pub(crate) struct Element {
    pub line: usize,
    pub value: Value,
    pub content: String,
}

/// Gives each element called `record` to `take`, or the root where no name is given; `content` is
/// the name of the element in it whose characters are counted.
pub(crate) fn each(
    source: &Source,
    record: Option<&str>,
    content: Option<&str>,
    mut take: impl FnMut(Element),
) -> Result<(), Error> {
    let mut reader = Reader::from_str(&source.text);
    reader.config_mut().expand_empty_elements = true;
    let mut lines = Lines { text: &source.text, byte: 0, line: 1 };
    let mut tree = Tree::new(content);
    // Elements that are open outside a record.
    let mut outside = 0;
    loop {
        let line = lines.at(reader.buffer_position());
        let refuse = |fault: String| Error::data(&source.path, line, fault);
        let event = reader.read_event();
        let event = event.map_err(|error| refuse(format!("is not XML: {error}")))?;
        match event {
            Event::Start(start) => {
                let name = start.name().0;
                let begins = tree.open.is_empty() && record.is_none_or(|record| record == name);
                if tree.open.is_empty() && !begins {
                    outside += 1;
                    continue;
                }
                if begins {
                    tree.line = line;
                }
                tree.start(name, attributes(&start).map_err(refuse)?).map_err(refuse)?;
            }
            Event::End(_) if tree.open.is_empty() => outside -= 1,
            Event::End(_) => {
                if let Some(element) = tree.end() {
                    take(element);
                }
            }
            Event::Text(text) => tree.text(&text.xml10_content()),
            Event::CData(text) => tree.text(&text.xml10_content()),
            Event::GeneralRef(name) => {
                let sign = name.resolve_char_ref().map_err(|error| refuse(error.to_string()))?;
                match (sign, resolve_predefined_entity(&name)) {
                    (Some(sign), _) => tree.text(sign.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => tree.text(text),
                    (None, None) if tree.open.is_empty() => {}
                    (None, None) => {
                        let name: &str = &name;
                        return Err(refuse(format!(
                            "`&{name};` is none of the five entities of XML; write the character"
                        )));
                    }
                }
            }
            Event::Eof if tree.open.is_empty() && outside == 0 => return Ok(()),
            Event::Eof => {
                let name = tree.open.last().map_or("the root", |open| open.name.as_str());
                return Err(refuse(format!("the file ends inside of `{name}`; fetch it again")));
            }
            // An empty element comes as its start and its end, as the reader is told above.
            Event::Empty(_)
            | Event::Comment(_)
            | Event::PI(_)
            | Event::Decl(_)
            | Event::DocType(_) => {}
        }
    }
}

/// The attributes of an element under `@` and their name.
fn attributes(start: &BytesStart<'_>) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("is not XML: {error}"))?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| format!("the attribute `{}`: {error}", attribute.key.0))?;
        found.insert(format!("@{}", attribute.key.0), Value::from(value.as_ref()));
    }
    Ok(found)
}

/// Lines of bytes that only ever go on.
struct Lines<'a> {
    text: &'a str,
    byte: usize,
    line: usize,
}

impl Lines<'_> {
    fn at(&mut self, byte: u64) -> usize {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX).min(self.text.len());
        let passed = self.text.as_bytes().get(self.byte..byte).unwrap_or_default();
        self.line += passed.iter().filter(|sign| **sign == b'\n').count();
        self.byte = byte;
        self.line
    }
}

/// A record as it grows.
struct Tree<'a> {
    /// The name of the element whose characters are counted; none for the record itself.
    content: Option<&'a str>,
    line: usize,
    open: Vec<Open>,
    /// How many elements there were.
    count: usize,
    /// The characters so far, and how many they are.
    text: String,
    characters: usize,
    /// How deep the element stands whose characters are counted, while it is open.
    counting: Option<usize>,
    is_counted: bool,
}

/// An element that has not ended.
struct Open {
    name: String,
    members: Map<String, Value>,
    /// What its children see of it.
    shown: Value,
    /// At which character it began, where characters are counted.
    start: Option<usize>,
    /// Its own characters while it has no children.
    leaf: Option<String>,
}

impl<'a> Tree<'a> {
    fn new(content: Option<&'a str>) -> Self {
        Self {
            content,
            line: 1,
            open: Vec::new(),
            count: 0,
            text: String::new(),
            characters: 0,
            counting: None,
            is_counted: false,
        }
    }

    fn start(&mut self, name: &str, attributes: Map<String, Value>) -> Result<(), String> {
        if self.open.len() == DEEPEST {
            return Err(format!("`{name}` stands in {DEEPEST} others, which is as deep as may be"));
        }
        self.count += 1;
        if self.count > MOST {
            return Err(format!(
                "a record has more than {MOST} elements; `record` names an element that there are many of"
            ));
        }
        let is_content = match self.content {
            Some(content) => content == name,
            None => self.open.is_empty(),
        };
        if is_content && !self.is_counted {
            (self.counting, self.is_counted) = (Some(self.open.len()), true);
        }
        let mut members = attributes;
        members.insert("#name".to_owned(), Value::from(name));
        let shown = Value::Object(members.clone());
        if let Some(parent) = self.open.last_mut() {
            parent.leaf = None;
            members.insert("^".to_owned(), parent.shown.clone());
        }
        let start = self.counting.map(|_| self.characters);
        let leaf = Some(String::new());
        self.open.push(Open { name: name.to_owned(), members, shown, start, leaf });
        Ok(())
    }

    fn text(&mut self, text: &str) {
        let Some(open) = self.open.last_mut() else { return };
        if let Some(leaf) = &mut open.leaf {
            leaf.push_str(text);
        }
        if self.counting.is_some() {
            self.text.push_str(text);
            self.characters += text.chars().count();
        }
    }

    /// Ends the innermost element; the record, if it was that.
    fn end(&mut self) -> Option<Element> {
        let Open { name, mut members, start, leaf, .. } = self.open.pop()?;
        if let Some(start) = start {
            members.insert("#start".to_owned(), Value::from(start));
            members.insert("#end".to_owned(), Value::from(self.characters));
        }
        if let Some(leaf) = leaf {
            members.insert("#text".to_owned(), Value::from(leaf));
        }
        if self.counting == Some(self.open.len()) {
            self.counting = None;
        }
        let value = Value::Object(members);
        let Some(parent) = self.open.last_mut() else {
            let content = std::mem::take(&mut self.text);
            (self.count, self.characters, self.is_counted) = (0, 0, false);
            return Some(Element { line: self.line, value, content });
        };
        match parent.members.get_mut(&name) {
            Some(Value::Array(same)) => same.push(value),
            _ => {
                parent.members.insert(name, Value::Array(vec![value]));
            }
        }
        None
    }
}
