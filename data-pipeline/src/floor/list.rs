//! Which surfaces stand for which class.

use super::words::{Word, words};
use super::{Cut, Training, named};
use crate::schema::Task;
use std::borrow::Cow;
use std::collections::HashMap;

/// A longer surface is in no list: hardly one of them occurs again.
const LONGEST: usize = 5;

/// Votes for classes, in the order in which classes came up.
#[derive(Clone, Debug, Default)]
pub(super) struct Votes(Vec<(String, usize)>);

/// Surfaces with their classes.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    classes: HashMap<String, String>,
    /// Words of the longest surface, as each way of cutting counts them.
    longest: [usize; 2],
}

/// What is counted of a surface.
#[derive(Default)]
struct Surface {
    votes: Votes,
    annotated: usize,
    places: usize,
}

impl Votes {
    pub(super) fn add(&mut self, class: &str) {
        match self.0.iter_mut().find(|(known, _)| known == class) {
            Some((_, count)) => *count += 1,
            None => self.0.push((class.to_owned(), 1)),
        }
    }

    /// The class with most votes; of several, the one that came up first.
    pub(super) fn first(&self) -> Option<&str> {
        let most = self.0.iter().map(|(_, count)| *count).max()?;
        self.0.iter().find(|(_, count)| *count == most).map(|(class, _)| class.as_str())
    }
}

impl List {
    /// The surfaces of training text that more often than not are what they are listed as.
    pub(super) fn learn(task: Task, training: &[Training<'_>]) -> Self {
        let mut surfaces: HashMap<String, Surface> = HashMap::new();
        for (class, mention) in training.iter().flat_map(|it| named(task, it.sentences)) {
            if (1..=LONGEST).contains(&parts(&mention.text)) {
                let surface = surfaces.entry(key(&mention.text).into_owned()).or_default();
                surface.votes.add(class);
                surface.annotated += 1;
            }
        }
        let longest = [Cut::Spaces, Cut::Letters]
            .map(|cut| surfaces.keys().map(|it| words(it, cut).len()).max().unwrap_or(0));
        for Training { sentences, cut } in training {
            for text in sentences.iter().map(|sentence| sentence.text.as_str()) {
                let words = words(text, *cut);
                for at in 0..words.len() {
                    for piece in pieces(text, &words[at..], longest[place(*cut)]) {
                        if let Some(surface) = surfaces.get_mut(key(piece).as_ref()) {
                            surface.places += 1;
                        }
                    }
                }
            }
        }
        let classes = surfaces
            .into_iter()
            .filter(|(_, surface)| 2 * surface.annotated > surface.places)
            .filter_map(|(text, surface)| Some((text, surface.votes.first()?.to_owned())))
            .collect();
        Self { classes, longest }
    }

    /// How many surfaces there are.
    pub(super) fn len(&self) -> usize {
        self.classes.len()
    }

    /// The class of each, in no order.
    pub(super) fn classes(&self) -> impl Iterator<Item = &str> {
        self.classes.values().map(String::as_str)
    }

    /// Whether it has `surface`.
    pub(super) fn has(&self, surface: &str) -> bool {
        self.classes.contains_key(key(surface).as_ref())
    }

    /// How many of `words` the longest surface takes that begins with them, and its class.
    pub(super) fn longest(&self, text: &str, words: &[Word], cut: Cut) -> Option<(usize, &str)> {
        let pieces: Vec<&str> = pieces(text, words, self.longest[place(cut)]).collect();
        pieces.iter().enumerate().rev().find_map(|(last, piece)| {
            Some((last + 1, self.classes.get(key(piece).as_ref())?.as_str()))
        })
    }
}

/// What white space divides a surface into.
pub(super) fn parts(surface: &str) -> usize {
    surface.split_whitespace().count()
}

/// The text of the first word, of the first two, and so on to `most`.
fn pieces<'t>(text: &'t str, words: &[Word], most: usize) -> impl Iterator<Item = &'t str> {
    let start = words.first().map_or(0, |word| word.bytes().start);
    words.iter().take(most).map(move |word| &text[start..word.bytes().end])
}

/// A surface with one space between its parts, whatever stood there.
fn key(surface: &str) -> Cow<'_, str> {
    let is_plain =
        !surface.contains("  ") && surface.chars().all(|it| it == ' ' || !it.is_whitespace());
    match is_plain {
        true => Cow::Borrowed(surface),
        false => Cow::Owned(surface.split_whitespace().collect::<Vec<_>>().join(" ")),
    }
}

fn place(cut: Cut) -> usize {
    match cut {
        Cut::Spaces => 0,
        Cut::Letters => 1,
    }
}
