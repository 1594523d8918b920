//! A corpus in numbers; `knowcoder data stats`.

mod distribution;
mod fertility;

pub use distribution::{Bin, Distribution, Histogram};
pub use fertility::{TokenStats, Unit};

use super::Corpus;
use crate::tokenizer::Tokenizer;
use crate::{Error, Parallel, Sentence, Span, Task};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// One split in one language.
#[derive(Clone, Debug, Serialize)]
pub struct SplitStats {
    /// Its name.
    pub split: String,
    /// Its language; each side of a parallel corpus has a row of its own.
    pub language: String,
    /// Its numbers.
    #[serde(flatten)]
    pub texts: TextStats,
}

/// Sentences and what is annotated in them; those of several splits add up.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(into = "Numbers")]
pub struct TextStats {
    /// Sentences in which nothing is annotated.
    pub empty_sentences: usize,
    /// Characters a sentence; as many values as sentences.
    pub characters: Distribution,
    /// Tokens, if a tokenizer is given.
    pub tokens: Option<TokenStats>,
    /// Entities by class.
    pub entities: BTreeMap<String, usize>,
    /// Relations by class.
    pub relations: BTreeMap<String, usize>,
    /// Events by class.
    pub events: BTreeMap<String, usize>,
    /// Event arguments by role.
    pub arguments: BTreeMap<String, usize>,
    /// Characters an entity; as many values as entities.
    pub mentions: Distribution,
    /// Entities whose place is known.
    pub placed: usize,
    /// Those of them that lie inside another, longer one.
    pub nested: usize,
    /// Entities whose mention is in pieces, with gaps between them.
    pub discontinuous: usize,
    /// Objects a sentence, for each task of the corpus; of arguments, those of sentences with events.
    pub tasks: BTreeMap<Task, Distribution>,
}

/// [`TextStats`] as data.
#[derive(Serialize)]
struct Numbers {
    sentences: usize,
    empty_sentences: usize,
    characters: usize,
    entities: BTreeMap<String, usize>,
    relations: BTreeMap<String, usize>,
    events: BTreeMap<String, usize>,
    arguments: BTreeMap<String, usize>,
    mentions_per_sentence: f64,
    mention_length: f64,
    nested: Option<usize>,
    nested_share: Option<f64>,
    discontinuous: usize,
    discontinuous_share: Option<f64>,
    lengths: Distribution,
    mention_lengths: Distribution,
    tasks: BTreeMap<Task, Distribution>,
    tokens: Option<TokenNumbers>,
}

/// [`TokenStats`] as data.
#[derive(Serialize)]
struct TokenNumbers {
    tokens: usize,
    unit: Unit,
    units: usize,
    fertility: Option<f64>,
    byte_tokens: usize,
    byte_rate: Option<f64>,
    lengths: Distribution,
}

/// One split of `corpus` in numbers, with those of tokens if a tokenizer is given; a row a language.
/// However large it is, some thousand sentences are held at a time.
pub fn stats(
    corpus: &Corpus,
    split: &str,
    tokenizer: Option<&Tokenizer>,
) -> Result<Vec<SplitStats>, Error> {
    let mut row = Counting::new(corpus, tokenizer);
    if !corpus.is_parallel() {
        corpus.each(split, &mut |sentence| {
            row.take(sentence);
            Ok(())
        })?;
        return Ok(vec![row.end(split)]);
    }
    let mut other = Counting::new(corpus, tokenizer);
    corpus.each_pair(split, &mut |Parallel { source, target }| {
        row.take(source);
        other.take(target);
        Ok(())
    })?;
    Ok(vec![row.end(split), other.end(split)])
}

/// Sentences that are counted at once, on all cores.
const AT_ONCE: usize = 4096;

/// One row, while its sentences come.
struct Counting<'a> {
    corpus: &'a Corpus,
    tokenizer: Option<&'a Tokenizer>,
    waiting: Vec<Sentence>,
    /// That of the first sentence.
    language: Option<String>,
    texts: TextStats,
}

impl<'a> Counting<'a> {
    fn new(corpus: &'a Corpus, tokenizer: Option<&'a Tokenizer>) -> Self {
        let (waiting, texts) = (Vec::new(), TextStats::default());
        Self { corpus, tokenizer, waiting, language: None, texts }
    }

    fn take(&mut self, sentence: Sentence) {
        self.waiting.push(sentence);
        if self.waiting.len() == AT_ONCE {
            self.count();
        }
    }

    /// Adds the sentences that wait; none of them still gives every number its kind.
    fn count(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let sentences: Vec<&Sentence> = waiting.iter().collect();
        let first = || sentences.first().map_or(self.corpus.language(), |first| &first.language);
        let language = self.language.get_or_insert_with(|| first().to_owned());
        let mut texts = TextStats::of(&sentences, self.corpus.tasks());
        texts.tokens =
            self.tokenizer.map(|tokenizer| TokenStats::of(&sentences, language, tokenizer));
        self.texts.merge(&texts);
    }

    fn end(mut self, split: &str) -> SplitStats {
        self.count();
        let language = self.language.unwrap_or_default();
        SplitStats { split: split.to_owned(), language, texts: self.texts }
    }
}

impl TextStats {
    /// `sentences` in numbers, tokens apart.
    fn of(sentences: &[&Sentence], tasks: &[Task]) -> Self {
        let mut stats = Self::default();
        stats.tasks.extend(tasks.iter().map(|task| (*task, Distribution::default())));
        for sentence in sentences {
            stats.add(sentence);
        }
        stats
    }

    fn add(&mut self, sentence: &Sentence) {
        let Sentence { text, entities, relations, events, .. } = sentence;
        self.characters.add(text.chars().count());
        let annotated = [entities.len(), relations.len(), events.len()];
        self.empty_sentences += usize::from(annotated == [0; 3]);
        for entity in entities {
            *self.entities.entry(entity.class.clone()).or_default() += 1;
            self.mentions.add(entity.mention.text.chars().count());
            self.discontinuous += usize::from(entity.mention.is_in_pieces());
        }
        // One in pieces has others in its gaps, not inside it.
        let whole = entities.iter().filter(|entity| !entity.mention.is_in_pieces());
        let spans: Vec<Span> = whole.filter_map(|entity| entity.mention.span).collect();
        self.placed += spans.len();
        self.nested += nested(spans);
        for relation in relations {
            *self.relations.entry(relation.class.clone()).or_default() += 1;
        }
        for event in events {
            *self.events.entry(event.class.clone()).or_default() += 1;
            for (role, _) in &event.arguments {
                *self.arguments.entry(role.clone()).or_default() += 1;
            }
        }
        for (task, objects) in &mut self.tasks {
            match task {
                Task::Ner => objects.add(entities.len()),
                Task::Re => objects.add(relations.len()),
                Task::Ed => objects.add(events.len()),
                Task::Eae if events.is_empty() => {}
                Task::Eae => objects.add(events.iter().map(|event| event.arguments.len()).sum()),
            }
        }
    }

    /// Adds the numbers of other texts of the same language.
    pub fn merge(&mut self, other: &Self) {
        self.empty_sentences += other.empty_sentences;
        self.characters.merge(&other.characters);
        match (&mut self.tokens, &other.tokens) {
            (Some(tokens), Some(others)) => tokens.merge(others),
            (None, others) => self.tokens.clone_from(others),
            (Some(_), None) => {}
        }
        let counts = [
            (&mut self.entities, &other.entities),
            (&mut self.relations, &other.relations),
            (&mut self.events, &other.events),
            (&mut self.arguments, &other.arguments),
        ];
        for (mine, others) in counts {
            for (class, count) in others {
                *mine.entry(class.clone()).or_default() += count;
            }
        }
        self.mentions.merge(&other.mentions);
        self.placed += other.placed;
        self.nested += other.nested;
        self.discontinuous += other.discontinuous;
        for (task, objects) in &other.tasks {
            self.tasks.entry(*task).or_default().merge(objects);
        }
    }

    /// How many sentences there are.
    pub fn sentences(&self) -> usize {
        self.characters.count()
    }

    /// Entities a sentence, on average.
    pub fn mentions_per_sentence(&self) -> f64 {
        ratio(self.mentions.count(), self.sentences()).unwrap_or_default()
    }

    /// The share of placed entities that lie inside another; none where no place is known.
    pub fn nested_share(&self) -> Option<f64> {
        ratio(self.nested, self.placed)
    }

    /// The share of entities whose mention is in pieces; none where there are no entities.
    pub fn discontinuous_share(&self) -> Option<f64> {
        ratio(self.discontinuous, self.mentions.count())
    }
}

/// How many of `spans` lie inside another that is not the same.
fn nested(mut spans: Vec<Span>) -> usize {
    spans.sort_by_key(|span| (span.start, Reverse(span.end)));
    let mut count = 0;
    // The furthest end of the spans that begin no later.
    let mut reach = None;
    for same in spans.chunk_by(|a, b| a == b) {
        let end = same[0].end;
        if reach.is_some_and(|reach| end <= reach) {
            count += same.len();
        }
        reach = reach.max(Some(end));
    }
    count
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl From<TextStats> for Numbers {
    fn from(stats: TextStats) -> Self {
        Self {
            sentences: stats.sentences(),
            empty_sentences: stats.empty_sentences,
            characters: stats.characters.sum(),
            mentions_per_sentence: stats.mentions_per_sentence(),
            mention_length: stats.mentions.mean().unwrap_or_default(),
            nested: (stats.placed > 0).then_some(stats.nested),
            nested_share: stats.nested_share(),
            discontinuous: stats.discontinuous,
            discontinuous_share: stats.discontinuous_share(),
            tokens: stats.tokens.map(TokenNumbers::from),
            entities: stats.entities,
            relations: stats.relations,
            events: stats.events,
            arguments: stats.arguments,
            lengths: stats.characters,
            mention_lengths: stats.mentions,
            tasks: stats.tasks,
        }
    }
}

impl From<TokenStats> for TokenNumbers {
    fn from(stats: TokenStats) -> Self {
        Self {
            tokens: stats.lengths.sum(),
            unit: stats.unit,
            units: stats.units,
            fertility: stats.fertility(),
            byte_tokens: stats.bytes,
            byte_rate: stats.byte_rate(),
            lengths: stats.lengths,
        }
    }
}

#[cfg(test)]
mod tests;
