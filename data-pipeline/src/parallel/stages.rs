//! Who gets a sentence next: a pure function of the sentence and the replies that there are.
//!
//! A walk goes from stage to stage as far as replies lead. Where one is missing, it says which
//! question to ask; where none is, what became of the sentence. So the same transcript gives the
//! same corpus, whatever the order in which its replies came.

use super::budget::most_tokens;
use super::check::{Checker, Draft, Name, similarity};
use super::config::{Job, Kind, Stage};
use super::fault::Fault;
use super::items::Item;
use super::prompt::Filling;
use super::transcript::{Record, key_of};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A question that nobody has answered yet.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The stage that asks.
    pub stage: &'a Stage,
    /// What the transcript knows it by.
    pub key: String,
    /// What is sent.
    pub request: Value,
}

/// What a stage made of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// The stage.
    pub stage: String,
    /// Its model.
    pub model: String,
    /// Names of the source.
    pub names: usize,
    /// Of those, the ones that stand in the draft behind this stage.
    pub verbatim: usize,
    /// What is wrong with the draft behind this stage.
    pub faults: Vec<Fault>,
}

/// What became of a sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The accepted draft, or the best one.
    pub draft: Draft,
    /// What is wrong with it; nothing if it is accepted.
    pub faults: Vec<Fault>,
    /// The stages that it came to, in their order.
    pub visits: Vec<Visit>,
    /// What came of translating drafts back.
    pub backs: Vec<Back>,
    /// Whether a person corrected the draft.
    pub by_hand: bool,
}

/// What came of translating a draft back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Back {
    /// It says what the source says.
    Same,
    /// It says something else.
    Other(Fault),
    /// There is no reply that could tell.
    Unreadable,
}

/// How far replies lead.
#[derive(Debug)]
pub enum Step<'a> {
    /// Up to this question.
    Ask(Box<Question<'a>>),
    /// To the end.
    Done(Box<Outcome>),
}

/// The stages of a job and what holds their answers against the source.
#[derive(Clone, Copy, Debug)]
pub struct Stages<'a> {
    /// The job.
    pub job: &'a Job,
    /// The checks.
    pub checker: Checker<'a>,
}

#[derive(Deserialize)]
struct Translation {
    sentence: String,
    #[serde(default)]
    names: Vec<Given>,
}

#[derive(Deserialize)]
struct Names {
    names: Vec<Given>,
}

#[derive(Deserialize)]
struct Sentence {
    sentence: String,
}

/// A name in an answer, by its number in the question.
#[derive(Deserialize)]
struct Given {
    id: usize,
    class: Option<String>,
    text: String,
}

impl<'a> Stages<'a> {
    /// Goes as far as the replies of `find` lead.
    pub fn walk(&self, item: &Item, find: &dyn Fn(&str) -> Option<Record>) -> Step<'a> {
        let mut outcome = Outcome::default();
        let (mut draft, mut faults) = (Draft::default(), vec![Fault::Empty]);
        for stage in &self.job.stages {
            for attempt in 0..stage.attempts {
                let Some(filled) = self.begin(stage.kind, item, &draft, &faults) else { break };
                let question = self.question(stage, attempt, item, &filled, &faults);
                let Some(record) = find(&question.key) else {
                    return Step::Ask(Box::new(question));
                };
                match answer(stage.kind, item, &filled, &record) {
                    Ok(next) => {
                        faults = self.checker.draft(&item.carried.asked, &next);
                        draft = next;
                        if faults.is_empty()
                            && let Some((back, at_least)) = &self.job.round_trip
                        {
                            let question = self.question(back, 0, item, &draft, &faults);
                            let Some(record) = find(&question.key) else {
                                return Step::Ask(Box::new(question));
                            };
                            let back = round_trip(item, &record, *at_least);
                            outcome.backs.push(back.clone());
                            faults.extend(match back {
                                Back::Same => None,
                                Back::Other(fault) => Some(fault),
                                // The translation is not worse because its check failed.
                                Back::Unreadable => None,
                            });
                        }
                        if outcome.visits.is_empty()
                            || outcome.draft == Draft::default()
                            || faults.len() < outcome.faults.len()
                        {
                            outcome.draft = draft.clone();
                            outcome.faults = faults.clone();
                        }
                        outcome.visits.push(visit(stage, item, &draft, faults.clone()));
                    }
                    Err(reason) => {
                        let unreadable = vec![Fault::Unreadable { reason }];
                        if outcome.draft == Draft::default() {
                            outcome.faults = unreadable.clone();
                        }
                        outcome.visits.push(visit(stage, item, &draft, unreadable));
                    }
                }
                if faults.is_empty() {
                    return Step::Done(Box::new(outcome));
                }
            }
        }
        Step::Done(Box::new(outcome))
    }

    /// How many tokens a question of `stage` about `item` can be at most.
    pub fn most_prompt(&self, stage: &Stage, item: &Item) -> u64 {
        let (system, user) = stage.prompt.fill(&self.values(item, &Draft::default(), &[]));
        // A draft and its names are as long as a reply can be; each name may have `(n times)`.
        let longest = self.job.stages.iter().map(|it| u64::from(it.max_tokens)).max();
        let names = item.carried.asked.entities.len() as u64 + 1;
        let drafts = stage.prompt.count("draft") + stage.prompt.count("draft_names");
        most_tokens(&[&system, &user]) + drafts * (longest.unwrap_or_default() + 16 * names)
    }

    /// What a stage would work on; none if it can do nothing for this draft.
    fn begin(&self, kind: Kind, item: &Item, draft: &Draft, faults: &[Fault]) -> Option<Draft> {
        if kind == Kind::Translate {
            return Some(Draft::default());
        }
        if draft.sentence.is_empty() {
            return None;
        }
        if kind == Kind::Names {
            return faults.iter().all(Fault::is_about_names).then(|| draft.clone());
        }
        // The sentence is written again around the names; so they must be right themselves.
        let mut wanted = draft.clone();
        for (entity, name) in item.carried.asked.entities.iter().zip(&mut wanted.names) {
            if let Some(term) = self.checker.glossary.wanted(&entity.mention.text, &entity.class) {
                name.text = term.to_owned();
            }
        }
        let named = wanted.names.iter().all(|name| !name.text.trim().is_empty());
        let mended = faults.iter().all(|fault| {
            matches!(
                fault,
                Fault::Missing { .. }
                    | Fault::Moved { .. }
                    | Fault::InsideWord { .. }
                    | Fault::Occurrences { .. }
                    | Fault::Term { .. }
                    | Fault::Terminology { .. }
            )
        });
        (named && mended).then_some(wanted)
    }

    fn question(
        &self,
        stage: &'a Stage,
        attempt: u32,
        item: &Item,
        draft: &Draft,
        faults: &[Fault],
    ) -> Question<'a> {
        let (system, user) = stage.prompt.fill(&self.values(item, draft, faults));
        let mut request = json!({
            "model": stage.model,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": user},
            ],
            "temperature": stage.temperature,
            "max_tokens": stage.max_tokens,
        });
        // The first attempt sends no seed: not every server knows the word.
        if attempt > 0 {
            request["seed"] = attempt.into();
        }
        Question { stage, key: key_of(&request), request }
    }

    /// What may be put into a prompt about `item`.
    fn values(&self, item: &Item, draft: &Draft, faults: &[Fault]) -> Vec<Filling> {
        let checker = &self.checker;
        let entities = &item.carried.asked.entities;
        let line = |index: usize| {
            let entity = &entities[index];
            format!("{}. {}: {}", index + 1, entity.class, entity.mention.text)
        };
        let mut wrong: Vec<usize> = entities
            .iter()
            .zip(&draft.names)
            .enumerate()
            .filter(|(_, (entity, name))| {
                !checker.name_faults(entity, name, &draft.sentence).is_empty()
            })
            .map(|(index, _)| index)
            .collect();
        // What is wrong may be wrong with all of them, as their number.
        if wrong.is_empty() || faults.iter().any(|it| matches!(it, Fault::Occurrences { .. })) {
            wrong = (0..entities.len()).collect();
        }
        let terms = checker.glossary.terms_of(&item.carried.asked);
        let names = entities.iter().filter_map(|entity| {
            let surface = entity.mention.text.as_str();
            Some((surface, checker.glossary.wanted(surface, &entity.class)?))
        });
        let glossary: Vec<String> = names
            .chain(terms.iter().copied())
            .map(|(surface, wanted)| format!("Write `{surface}` as `{wanted}`."))
            .collect();
        let mut counted: Vec<(&str, usize)> = Vec::new();
        for name in &draft.names {
            match counted.iter_mut().find(|(text, _)| *text == name.text) {
                Some((_, count)) => *count += 1,
                None => counted.push((name.text.as_str(), 1)),
            }
        }
        for (_, wanted) in terms {
            if !counted.iter().any(|(text, _)| *text == wanted) {
                counted.push((wanted, 1));
            }
        }
        let draft_names = counted.iter().map(|(text, count)| match count {
            1 => format!("- {text}"),
            _ => format!("- {text} ({count} times)"),
        });
        let all = (0..entities.len()).map(line).collect::<Vec<_>>().join("\n");
        vec![
            ("source_language", checker.source_language.to_owned()),
            ("target_language", checker.target_language.to_owned()),
            ("sentence", item.carried.asked.text.clone()),
            ("names", if all.is_empty() { "none".to_owned() } else { all }),
            ("draft", draft.sentence.clone()),
            ("draft_names", draft_names.collect::<Vec<_>>().join("\n")),
            ("missing", wrong.into_iter().map(line).collect::<Vec<_>>().join("\n")),
            ("glossary", glossary.join("\n")),
        ]
    }
}

/// The draft behind an answer, or why the answer is none.
fn answer(kind: Kind, item: &Item, draft: &Draft, record: &Record) -> Result<Draft, String> {
    let entities = &item.carried.asked.entities;
    match kind {
        Kind::Translate => {
            let Translation { sentence, names } = object(record)?;
            let empty = |class: &String| Name { class: class.clone(), text: String::new() };
            let names_of = entities.iter().map(|entity| empty(&entity.class)).collect();
            let mut draft = Draft { sentence: sentence.trim().to_owned(), names: names_of };
            put(&mut draft, names)?;
            Ok(draft)
        }
        Kind::Names => {
            let Names { names } = object(record)?;
            let mut draft = draft.clone();
            // Classes are the source's: only how names are written was asked.
            for (entity, name) in entities.iter().zip(&mut draft.names) {
                name.class = entity.class.clone();
            }
            let names = names.into_iter().map(|given| Given { class: None, ..given }).collect();
            put(&mut draft, names)?;
            Ok(draft)
        }
        Kind::Sentence | Kind::RoundTrip => {
            let Sentence { sentence } = object(record)?;
            Ok(Draft { sentence: sentence.trim().to_owned(), ..draft.clone() })
        }
    }
}

/// Puts the names of an answer in their places.
fn put(draft: &mut Draft, given: Vec<Given>) -> Result<(), String> {
    let mut seen = vec![false; draft.names.len()];
    for Given { id, class, text } in given {
        let Some(name) = id.checked_sub(1).and_then(|index| draft.names.get_mut(index)) else {
            return Err(format!("it has a name {id}, and there are {}", seen.len()));
        };
        if std::mem::replace(&mut seen[id - 1], true) {
            return Err(format!("it has the name {id} twice"));
        }
        name.text = text;
        if let Some(class) = class {
            name.class = class;
        }
    }
    Ok(())
}

/// The JSON object of a reply, whatever stands around it.
fn object<T: DeserializeOwned>(record: &Record) -> Result<T, String> {
    let Some(reply) = &record.reply else { return Err(record.finish.clone()) };
    if record.finish == "length" {
        return Err("it is longer than `max_tokens`".to_owned());
    }
    let start = reply.find('{');
    let end = reply.rfind('}');
    match (start, end) {
        (Some(start), Some(end)) if start < end => {
            serde_json::from_str(&reply[start..=end]).map_err(|error| error.to_string())
        }
        _ => Err("it holds no JSON object".to_owned()),
    }
}

/// How near a sentence that was translated back comes to the source.
fn round_trip(item: &Item, record: &Record, at_least: f64) -> Back {
    match object::<Sentence>(record) {
        Ok(Sentence { sentence }) => {
            let found = similarity(&sentence, &item.carried.asked.text);
            let percent = (found * 100.0).round() as u32;
            match found < at_least {
                true => Back::Other(Fault::RoundTrip { similarity: percent }),
                false => Back::Same,
            }
        }
        Err(_) => Back::Unreadable,
    }
}

fn visit(stage: &Stage, item: &Item, draft: &Draft, faults: Vec<Fault>) -> Visit {
    Visit {
        stage: stage.name.clone(),
        model: stage.model.clone(),
        names: item.carried.asked.entities.len(),
        verbatim: verbatim(draft),
        faults,
    }
}

/// How many names of a draft stand in its sentence.
pub fn verbatim(draft: &Draft) -> usize {
    let stands = |name: &&Name| !name.text.is_empty() && draft.sentence.contains(&name.text);
    draft.names.iter().filter(stands).count()
}
