//! What prompts show beside their classes' own words: demonstrations, examples and descriptions.
//!
//! All of it is drawn per group, so that the group's prefix is one.

use super::lesson::{Lesson, Outline};
use super::{Kind, PreparePlan};
use crate::corpus::Corpus;
use crate::error::Error;
use crate::manifest::ShotsMade;
use crate::prompt::{Bank, Example, PromptConfig, Wordings};
use crate::random::Random;
use crate::schema::{Class, Schema};
use crate::shots::{Asked, Origin, Pool, ShownSchema, Training, shows_mentions};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What the lessons of one corpus show.
pub(super) struct Context {
    /// The classes.
    pub shown: ShownSchema,
    training: Option<Training>,
}

/// What one lesson shows.
pub(super) struct Showing<'a> {
    /// That of the lesson, for chance.
    name: String,
    schema: &'a Schema,
    /// The classes that the task may instantiate, as places in the schema.
    classes: Vec<usize>,
    wordings: Option<&'a Wordings>,
    pool: Option<Pool>,
    seed: u64,
}

/// What one prefix shows.
pub(super) struct Shown<'a> {
    /// Its classes, in its order.
    pub classes: Vec<Cow<'a, Class>>,
    /// Their places in the schema.
    pub places: Vec<usize>,
    /// Its demonstrations by the language of the question; pairs have a direction.
    shots: BTreeMap<&'a str, Vec<Example>>,
    /// How many of them there is room for.
    room: usize,
}

/// Refuses settings that cannot be; no file of a corpus is read.
pub(super) fn check(plan: &PreparePlan, corpora: &[Option<Corpus>]) -> Result<(), Error> {
    let config = &plan.config.prompt;
    let wrong = |message: String| Err(Error::declaration(Path::new("[prompt]"), message));
    if config.shots > 0 && !matches!(plan.kind, Kind::Instruction | Kind::Alignment) {
        return wrong(format!(
            "shots = {}: the phase asks no question that a demonstration could answer; write \
             `prompt = {{ shots = 0 }}` in it",
            config.shots
        ));
    }
    if config.paraphrase.is_some_and(|number| number > 0) && config.paraphrases.is_none() {
        return wrong("paraphrase needs `paraphrases`, the bank that it is of".to_owned());
    }
    for corpus in corpora.iter().flatten() {
        if config.shots > 0 {
            origin(plan, corpus).without(plan.benchmarks.clone()).check()?;
        }
        if shows_mentions(config) {
            origin(plan, corpus).check()?;
        }
        if config.shots > 0 && plan.kind == Kind::Alignment {
            parallel(plan, corpus)?;
        }
    }
    let Some(path) = &config.paraphrases else { return Ok(()) };
    let bank = Bank::load(path)?;
    // A phase of random copying has no class.
    let mut used = corpora.iter().flatten().next().is_none();
    for corpus in corpora.iter().flatten() {
        used |= bank.wordings(corpus.schema_path())?.is_some();
    }
    if !used {
        return wrong(format!(
            "paraphrases: `{}` has nothing for the schema of any dataset of the phase",
            path.display()
        ));
    }
    Ok(())
}

/// Demonstrations of alignment are pairs.
fn parallel(plan: &PreparePlan, corpus: &Corpus) -> Result<(), Error> {
    let Some(named) = &plan.config.prompt.shots_from else { return Ok(()) };
    let name = named.split(':').next().unwrap_or(named);
    let source = Corpus::load(&plan.declarations.join(format!("{name}.toml")), &plan.data_root)?;
    if source.is_parallel() {
        return Ok(());
    }
    let message = format!(
        "shots_from = \"{named}\" is not parallel: demonstrations for `{}` in a phase `alignment` \
         are pairs",
        corpus.name()
    );
    Err(Error::declaration(Path::new("[prompt]"), message))
}

fn origin(plan: &PreparePlan, corpus: &Corpus) -> Origin {
    Origin::of(&plan.declarations, &plan.data_root, corpus.name(), &plan.config.prompt)
}

/// Hashes of everything that is shown, by what it is; nothing where nothing is.
pub(super) fn fingerprints(
    plan: &PreparePlan,
    corpora: &[Option<Corpus>],
) -> Result<BTreeMap<String, String>, Error> {
    let config = &plan.config.prompt;
    let mut prints = BTreeMap::new();
    for corpus in corpora.iter().flatten() {
        if config.shots > 0 {
            let origin = origin(plan, corpus).without(plan.benchmarks.clone());
            prints.extend(origin.fingerprints()?);
        }
        if shows_mentions(config) {
            prints.extend(origin(plan, corpus).fingerprints()?);
        }
    }
    if let Some(path) = &config.paraphrases {
        prints.insert("paraphrases".to_owned(), Bank::load(path)?.hash());
    }
    Ok(prints)
}

impl Context {
    /// Reads what prompts about `corpus` show.
    pub(super) fn of(plan: &PreparePlan, corpus: &Corpus) -> Result<Self, Error> {
        let (config, seed) = (&plan.config.prompt, plan.config.seed);
        let origin = origin(plan, corpus);
        let shown = ShownSchema::of(corpus, &origin, config, seed, &plan.removed)?;
        let training = match config.shots {
            0 => None,
            _ => Some(origin.without(plan.benchmarks.clone()).read(&plan.removed)?),
        };
        Ok(Self { shown, training })
    }
}

impl<'a> Showing<'a> {
    /// What the prompts of the lesson `outline` show of `context`.
    pub(super) fn of(
        context: &'a Context,
        outline: &Outline<'_>,
        plan: &PreparePlan,
    ) -> Result<Self, Error> {
        let (shots, seed) = (plan.config.prompt.shots, plan.config.seed);
        let mut showing = Self {
            name: outline.name.clone(),
            schema: &context.shown.schema,
            classes: outline.classes.clone(),
            wordings: context.shown.wordings.as_ref(),
            pool: None,
            seed,
        };
        let Some(training) = &context.training else { return Ok(showing) };
        let pool = match plan.kind {
            Kind::Alignment => Pool::of_pairs(training, shots, seed),
            _ => Pool::of_sentences(training, outline.task, shots, seed),
        };
        if !pool.has_any(&showing.names(&showing.classes)) {
            return Err(Error::declaration(
                Path::new("[prompt]"),
                format!(
                    "shots = {shots}: no sentence of the training text has an object of a class of \
                     `{}`; name other text with shots_from",
                    outline.name
                ),
            ));
        }
        showing.pool = Some(pool);
        Ok(showing)
    }

    fn names(&self, classes: &[usize]) -> Vec<&'a str> {
        let schema: &'a Schema = self.schema;
        classes.iter().map(|class| schema.classes[*class].name.as_str()).collect()
    }

    /// What there is to demonstrate with; none if nothing should be.
    pub(super) fn made(&self) -> Option<ShotsMade> {
        let pool = self.pool.as_ref()?;
        let lacking = pool.lacking(self.names(&self.classes));
        Some(ShotsMade { sentences: pool.len(), fewer: 0, lacking })
    }
}

impl<'a> Lesson<'a> {
    /// The same lesson, whose prompts show `showing`.
    pub(super) fn show(self, showing: &'a Showing<'a>) -> Self {
        Self { schema: showing.schema, showing: Some(showing), ..self }
    }

    /// What a prompt for `items` about `classes` shows; a function of them and the seed.
    pub(super) fn shown(
        &self,
        items: &[usize],
        classes: &[usize],
        config: &PromptConfig,
    ) -> Shown<'a> {
        let schema: &'a Schema = self.schema;
        let Some(showing) = self.showing else {
            let plain = |class: &usize| Cow::Borrowed(&schema.classes[*class]);
            let (places, classes) = (classes.to_vec(), classes.iter().map(plain).collect());
            return Shown { classes, places, shots: BTreeMap::new(), room: 0 };
        };
        let first = items.first().map_or("", |item| self.items[*item].id.as_str());
        let mut random = Random::of(showing.seed, &[&showing.name, "wording", first]);
        let worded = |class: &usize| {
            let class = &schema.classes[*class];
            let count = showing.wordings.map_or(0, |wordings| wordings.count(&class.name));
            match showing.wordings {
                Some(wordings) if count > 0 => {
                    Cow::Owned(wordings.worded(class, random.below(count + 1)))
                }
                _ => Cow::Borrowed(class),
            }
        };
        let mut shown = Shown {
            classes: classes.iter().map(worded).collect(),
            places: classes.to_vec(),
            shots: BTreeMap::new(),
            room: usize::MAX,
        };
        if let Some(pool) = &showing.pool {
            let asked = Asked::new(items.iter().flat_map(|item| self.items[*item].texts()));
            let names = showing.names(classes);
            let drawn = pool.draw(&names, &asked, &format!("{} {first}", showing.name));
            let bare: Vec<&Class> = shown.classes.iter().map(AsRef::as_ref).collect();
            let languages: BTreeSet<&str> =
                items.iter().map(|item| self.items[*item].source_language()).collect();
            let mut shots = BTreeMap::new();
            for language in languages {
                let example = |shot: &usize| {
                    let example = pool.example(*shot, schema, &bare, language, config);
                    // The prefix is that of the question.
                    Example { prefix: String::new(), ..example }
                };
                shots.insert(language, drawn.iter().map(example).collect::<Vec<_>>());
            }
            shown.room = drawn.len();
            shown.shots = shots;
        }
        shown
    }
}

impl Shown<'_> {
    /// The demonstrations that a question in `language` has.
    pub(super) fn shots(&self, language: &str) -> &[Example] {
        let shots = self.shots.get(language).map_or(&[][..], Vec::as_slice);
        &shots[..shots.len().min(self.room)]
    }

    /// The same classes without a demonstration.
    pub(super) fn bare(self) -> Self {
        Self { room: 0, ..self }
    }

    /// Leaves the less needed half of the demonstrations out; false if there are none.
    pub(super) fn halve(&mut self) -> bool {
        if self.shots.is_empty() || self.room == 0 {
            return false;
        }
        self.room /= 2;
        true
    }
}

#[cfg(test)]
mod tests;
