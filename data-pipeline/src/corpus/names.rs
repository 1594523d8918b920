//! Names for the slots of frames: listed ones, and invented ones that no list holds.
//!
//! A small model learns to copy a name only if it cannot know the name; so a share of the training
//! names is made up, syllables in English and random characters in Chinese.

mod invented;
mod parts;

use super::source::Source;
use crate::Error;
use crate::error::explain;
use crate::random::Random;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};

/// One line of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    class: String,
    part: String,
    en: String,
    zh: String,
}

/// A name in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub en: String,
    pub zh: String,
}

/// The names of one part, and what an invented name must not look like.
#[derive(Debug, Default)]
pub(crate) struct Names {
    listed: BTreeMap<String, Vec<Name>>,
    /// Words of the English names of other parts.
    foreign_words: HashSet<String>,
    /// Chinese names of other parts.
    foreign_zh: Vec<String>,
    /// First characters of the Chinese names of people of other parts.
    foreign_families: HashSet<char>,
}

impl Names {
    /// Reads the lists; `part` says which names are ours.
    pub(crate) fn read(sources: &[Source], part: &str) -> Result<Self, Error> {
        let mut names = Self::default();
        for source in sources {
            for (number, text) in source.lines().filter(|(_, line)| !line.trim().is_empty()) {
                let line: Line = serde_json::from_str(text).map_err(|error| {
                    let message = explain(&super::json::without_place(&error));
                    Error::data(&source.path, number, format!("not a name: {message}"))
                })?;
                if line.en.trim().is_empty() || line.zh.trim().is_empty() {
                    return Err(Error::data(&source.path, number, "a name is empty"));
                }
                names.add(line, part);
            }
        }
        Ok(names)
    }

    fn add(&mut self, line: Line, part: &str) {
        let name = Name { en: line.en, zh: line.zh };
        if line.part == part {
            self.listed.entry(line.class).or_default().push(name);
            return;
        }
        self.foreign_words.extend(name.en.split_whitespace().map(str::to_lowercase));
        if is_person(&line.class) {
            self.foreign_families.extend(name.zh.chars().next());
        }
        self.foreign_zh.push(name.zh);
    }

    /// Whether this part lists a name at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// A name of `class`, unlike those in `used`; none if the list is used up, or if the lists of other
    /// parts hold all that could be invented.
    pub(crate) fn draw(
        &self,
        class: &str,
        used: &[Name],
        made_up: bool,
        random: &mut Random,
    ) -> Option<Name> {
        let fresh = |name: &Name| !used.iter().any(|it| it.en == name.en || it.zh == name.zh);
        if made_up {
            // Two streams, so that the sides of a pair are invented independently.
            let (mut en, mut zh) = (Random::named(&["en"]), Random::named(&["zh"]));
            en.mix(random.next());
            zh.mix(random.next());
            // Of a few names that are used, most that could be invented are unlike all.
            for _ in 0..ATTEMPTS + used.len() {
                let name =
                    Name { en: self.english(class, &mut en)?, zh: self.chinese(class, &mut zh)? };
                if fresh(&name) {
                    return Some(name);
                }
            }
            return None;
        }
        let free: Vec<&Name> = self.listed.get(class)?.iter().filter(|name| fresh(name)).collect();
        (!free.is_empty()).then(|| random.pick(&free).clone())
    }
}

/// How often a name is invented that a sentence already has, before it is given up.
const ATTEMPTS: usize = 1_000;

/// Whether names of the class are names of people.
fn is_person(class: &str) -> bool {
    ["Person", "Politician", "Writer", "Scientist", "Singer", "Athlete", "Actor"].contains(&class)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::expect;

    fn names(part: &str) -> Names {
        let text = r#"
            {"class":"Person","part":"train","en":"Lena Vogt","zh":"莱娜·沃格特"}
            {"class":"Person","part":"train","en":"Tom Hill","zh":"汤姆·希尔"}
            {"class":"Person","part":"test","en":"Wang Mei","zh":"王梅"}"#;
        let source = Source::new("names.jsonl", text);
        Names::read(&[source], part).unwrap()
    }

    #[test]
    fn listed_names_are_drawn_without_repeating_one() {
        let names = names("train");
        let mut random = Random::named(&["draw"]);
        let first = names.draw("Person", &[], false, &mut random).unwrap();
        let second =
            names.draw("Person", std::slice::from_ref(&first), false, &mut random).unwrap();
        assert_ne!(first, second);
        assert_eq!(names.draw("Person", &[first, second], false, &mut random), None);
        assert_eq!(names.draw("Ship", &[], false, &mut random), None);
    }

    #[test]
    fn invented_names_are_plausible_and_foreign_to_other_parts() {
        let names = names("train");
        let mut random = Random::named(&["invent"]);
        for _ in 0..5_000 {
            let name = names.draw("Person", &[], true, &mut random).unwrap();
            assert!(!name.zh.starts_with('王') && name.en.split(' ').count() == 2, "{name:?}");
        }
        let sample: Vec<String> = ["Person", "Person", "Organization", "City", "Song", "Ship"]
            .into_iter()
            .map(|class| {
                let name = names.draw(class, &[], true, &mut random).unwrap();
                format!("{class}: {} / {}", name.en, name.zh)
            })
            .collect();
        expect![[r#"
            Person: Ge Yitan / 施巡
            Person: Feannova Beindum / 维叶·昌超培晨
            Organization: Jolos / 賬蚁團埠基金会
            City: Changse / 启杰市
            Song: Buro / 聊黔
            Ship: AJJ / 良绿希紫号"#]]
        .assert_eq(&sample.join("\n"));
    }

    #[test]
    fn lists_that_hold_everything_leave_nothing_to_invent() {
        let syllables = parts::PINYIN_ONSETS.iter().flat_map(|onset| {
            parts::PINYIN_ENDS.iter().map(move |end| {
                format!(r#"{{"class":"Person","part":"test","en":"{onset}{end}","zh":"王"}}"#)
            })
        });
        let text = syllables.collect::<Vec<_>>().join("\n")
            + "\n"
            + r#"{"class":"Person","part":"train","en":"Lena Vogt","zh":"莱娜·沃格特"}"#;
        let names = Names::read(&[Source::new("n.jsonl", &text)], "train").unwrap();
        let mut random = Random::named(&["nothing"]);
        let drawn: Vec<_> =
            (0..100).map(|_| names.draw("Person", &[], true, &mut random)).collect();
        assert!(drawn.iter().any(Option::is_none) && drawn.iter().any(Option::is_some));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, expected) in [
            (
                r#"{"class":"Person","part":"x","en":"A","zn":"B"}"#,
                "unknown key `zn`; did you mean `en`?",
            ),
            (r#"{"class":"Person","part":"x","en":"A"}"#, "missing field `zh`"),
        ] {
            let source = Source::new("n.jsonl", text);
            let error = Names::read(&[source], "x").unwrap_err().to_string();
            assert_eq!(error, format!("n.jsonl:1: not a name: {expected}"));
        }
    }
}
