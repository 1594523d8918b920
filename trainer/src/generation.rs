//! Answers to requests, as `[evaluation]` and `extract` ask for them.
//!
//! A request is known by the hash of its ids, of the model and of the settings: equal requests are
//! answered once, what a journal holds is not generated again, and draws depend on the hash, so that
//! neither ranks nor stops change an answer.

mod constraint;
mod journal;
mod stop;

pub(crate) use journal::Journal;
pub use model::generate::{GenerateConfig, Sampling};

use crate::Error;
pub(crate) use constraint::Follow;
use data_pipeline::grammar::Grammar;
use data_pipeline::tokenizer::Tokenizer;
use model::Decoder;
use model::generate::{Answer, Constraint, Request, Sink, generate};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
pub(crate) use stop::StopText;

/// How answers are generated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generation {
    /// Lengths, room and choice of tokens.
    pub config: GenerateConfig,
    /// An answer ends behind the first of these strings; it keeps it.
    pub stop: Vec<String>,
}

/// What a request is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Generation {
    /// Refuses what cannot be.
    pub fn check(&self) -> Result<(), Error> {
        if self.stop.iter().any(String::is_empty) {
            let message = "a stop string is empty, it would end every answer; leave it out";
            return Err(model::Error::Config(message.into()).into());
        }
        Ok(self.config.check()?)
    }

    /// What decides over answers beside model and prompt, as text; empty for the likeliest tokens.
    pub(crate) fn choice(&self) -> String {
        let sampling = match self.config.sampling.temperature {
            // Nothing is drawn: the seed decides nothing.
            0.0 => Sampling { seed: 0, ..self.config.sampling.clone() },
            _ => self.config.sampling.clone(),
        };
        if sampling == Sampling::default() && self.stop.is_empty() {
            return String::new();
        }
        // Numbers and strings always have a JSON form.
        serde_json::to_string(&(sampling, &self.stop)).unwrap_or_default()
    }

    /// The ids that `decoder` ends an answer with.
    pub(crate) fn ends(&self, decoder: &Decoder) -> Vec<u32> {
        self.config.end_ids.clone().unwrap_or_else(|| decoder.config.eos_token_ids())
    }

    /// How many tokens the answer to `request` may have.
    pub(crate) fn most(&self, request: &Request) -> usize {
        request.max_new_tokens.unwrap_or(usize::MAX).min(self.config.max_new_tokens)
    }

    /// Whether the answer to `request` ended only because it was as long as it may be: with as many tokens as
    /// there may be, and not behind a stop string. So an answer of a journal says it, too.
    pub(crate) fn cuts(&self, answer: &[u32], request: &Request, tokenizer: &Tokenizer) -> bool {
        answer.len() >= self.most(request) && {
            let text = tokenizer.decode(answer);
            !self.stop.iter().any(|stop| text.ends_with(stop.as_str()))
        }
    }

    pub(crate) fn key(&self, model: &str, request: &Request) -> Key {
        let mut hasher = Sha256::new();
        let most = self.most(request);
        let head = [model, &self.choice(), &format!("{most}")].join("\n");
        let lengths = [head.len(), request.prefix.len(), request.prompt.len()];
        lengths.iter().for_each(|length| hasher.update((*length as u64).to_le_bytes()));
        hasher.update(head);
        for id in request.prefix.iter().chain(&request.prompt) {
            hasher.update(id.to_le_bytes());
        }
        Key(hasher.finalize().into())
    }
}

impl Key {
    /// Which draws are its own.
    pub(crate) fn stream(&self) -> u64 {
        self.0[..8].iter().fold(0, |stream, byte| (stream << 8) | u64::from(*byte))
    }

    fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The grammar of the answer to a request, by its number.
pub(crate) type Grammars<'a> = &'a dyn Fn(usize) -> Result<Grammar, Error>;

/// A model that answers.
#[derive(Clone, Copy)]
pub(crate) struct Answerer<'a> {
    pub decoder: &'a Decoder,
    /// What its weights are known by.
    pub model: &'a str,
    pub tokenizer: &'a Tokenizer,
    pub generation: &'a Generation,
}

impl Answerer<'_> {
    /// The answers to `requests`, in their order; what `journal` has is taken from there, what is new
    /// is added as soon as it is complete.
    ///
    /// `progress` hears how many are answered, and says whether to go on; if not, there are none.
    pub(crate) fn answers(
        &self,
        requests: &[Request],
        journal: Option<&mut Journal>,
        progress: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Vec<Vec<u32>>>, Error> {
        self.all_answers(requests, None, journal, progress)
    }

    /// As [`Self::answers`], each held to its grammar, which is asked for when the answer begins. Equal
    /// requests have equal grammars.
    pub(crate) fn held_answers(
        &self,
        requests: &[Request],
        grammars: Grammars<'_>,
        journal: Option<&mut Journal>,
        progress: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Vec<Vec<u32>>>, Error> {
        self.all_answers(requests, Some(grammars), journal, progress)
    }

    fn all_answers(
        &self,
        requests: &[Request],
        grammars: Option<Grammars<'_>>,
        journal: Option<&mut Journal>,
        progress: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Vec<Vec<u32>>>, Error> {
        self.generation.check()?;
        // What is held to a grammar has other answers, and so another journal and other draws.
        let model = match grammars {
            Some(_) => format!("{}\nconstrained", self.model),
            None => self.model.to_owned(),
        };
        let keys: Vec<Key> =
            requests.iter().map(|request| self.generation.key(&model, request)).collect();
        let mut asked: HashMap<Key, usize> = HashMap::new();
        keys.iter().for_each(|key| *asked.entry(*key).or_default() += 1);
        let mut known: HashMap<Key, Vec<u32>> = HashMap::new();
        let (mut open, mut new): (Vec<Key>, Vec<Request>) = Default::default();
        let mut numbers = Vec::new();
        let mut seen = HashSet::new();
        for (number, (key, request)) in keys.iter().zip(requests).enumerate() {
            if !seen.insert(*key) {
                continue;
            }
            match journal.as_ref().and_then(|journal| journal.answer(key)) {
                Some(ids) => {
                    known.insert(*key, ids.to_vec());
                }
                None => {
                    open.push(*key);
                    numbers.push(number);
                    new.push(Request { stream: Some(key.stream()), ..request.clone() });
                }
            }
        }
        let done = known.keys().map(|key| asked[key]).sum();
        if done > 0 && !progress(done) {
            return Ok(None);
        }
        let texts = if self.generation.stop.is_empty() { 0 } else { new.len() };
        let texts = vec![StopText::default(); texts];
        let mut keeper = Keeper {
            answerer: *self,
            open: &open,
            asked: &asked,
            numbers: &numbers,
            limits: new.iter().map(|request| self.generation.most(request)).collect(),
            grammars,
            known,
            journal,
            texts,
            done,
            progress,
            error: None,
        };
        let flow = generate(self.decoder, &new, &self.generation.config, &mut keeper)?;
        let Keeper { known, error, .. } = keeper;
        match (error, flow) {
            (Some(error), _) => Err(error),
            (None, ControlFlow::Break(())) => Ok(None),
            (None, ControlFlow::Continue(())) => {
                Ok(Some(keys.iter().map(|key| known[key].clone()).collect()))
            }
        }
    }
}

impl Answerer<'_> {
    /// What ends an answer, for this model.
    fn ends(&self) -> Vec<u32> {
        self.generation.ends(self.decoder)
    }
}

/// Keeps answers as they come.
struct Keeper<'a> {
    answerer: Answerer<'a>,
    /// Of what is generated.
    open: &'a [Key],
    /// How many requests have the same key.
    asked: &'a HashMap<Key, usize>,
    /// The first request of each key, of what is generated, and how long its answer may be.
    numbers: &'a [usize],
    limits: Vec<usize>,
    grammars: Option<Grammars<'a>>,
    known: HashMap<Key, Vec<u32>>,
    journal: Option<&'a mut Journal>,
    texts: Vec<StopText>,
    done: usize,
    progress: &'a mut dyn FnMut(usize) -> bool,
    error: Option<Error>,
}

impl Keeper<'_> {
    fn tell(&mut self) -> ControlFlow<()> {
        if self.error.is_some() {
            return ControlFlow::Break(());
        }
        if (self.progress)(self.done) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

impl Sink for Keeper<'_> {
    fn answer(&mut self, request: usize, answer: Answer) -> ControlFlow<()> {
        let key = self.open[request];
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.add(&key, &answer.ids)
        {
            self.error = Some(error);
            return ControlFlow::Break(());
        }
        self.known.insert(key, answer.ids);
        self.done += self.asked[&key];
        self.tell()
    }

    fn progress(&mut self, _: usize) -> ControlFlow<()> {
        self.tell()
    }

    fn stops(&mut self, request: usize, answer: &[u32]) -> bool {
        let Answerer { tokenizer, generation, .. } = self.answerer;
        match (self.texts.get_mut(request), answer.last()) {
            (Some(text), Some(id)) => {
                text.ends_with(*id, &generation.stop, |ids| tokenizer.decode(ids))
            }
            _ => false,
        }
    }

    fn constraint(&mut self, request: usize) -> Option<Box<dyn Constraint>> {
        match self.grammars?(self.numbers[request]) {
            Ok(grammar) => {
                let Answerer { tokenizer, .. } = self.answerer;
                let (limit, ends) = (self.limits[request], self.answerer.ends());
                Some(Box::new(Follow::new(&grammar, tokenizer, limit, &ends)))
            }
            Err(error) => {
                // The step at hand is the last one.
                self.error.get_or_insert(error);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use burn::tensor::Device;
    use model::DecoderConfig;
    use model::init::Init;

    fn decoder() -> Decoder {
        let config = DecoderConfig {
            vocab_size: 300,
            hidden_size: 32,
            intermediate_size: 48,
            num_hidden_layers: 2,
            initializer_range: 0.2,
            ..DecoderConfig::baichuan2_tiny()
        };
        Decoder::init(&config, Init::Normal, 7, &Device::flex())
    }

    fn tokenizer() -> Tokenizer {
        let text = "results = [ Person City Ann lives in Bonn ]";
        Tokenizer::train(&[text.to_owned(), text.to_owned()], 300).unwrap()
    }

    fn requests() -> Vec<Request> {
        // The second and the last are equal.
        let prompt = |i: u32| Request::new(vec![5, 6, 7], vec![9 + i % 5, 20, 30 + i % 5]);
        (0..7).map(prompt).collect()
    }

    fn generation() -> Generation {
        let sampling = Sampling { temperature: 1.0, seed: 4, ..Sampling::default() };
        let config = GenerateConfig {
            max_new_tokens: 20,
            rows: 3,
            sampling,
            end_ids: Some(Vec::new()),
            ..GenerateConfig::default()
        };
        Generation { config, stop: Vec::new() }
    }

    #[test]
    fn an_answer_is_cut_at_its_longest_and_not_behind_a_stop_string() {
        let tokenizer = tokenizer();
        let ids = tokenizer.encode("lives in Bonn ]");
        let mut generation = generation();
        generation.config.max_new_tokens = ids.len();
        let request = Request::new(vec![5], vec![6]);
        assert!(generation.cuts(&ids, &request, &tokenizer));
        assert!(!generation.cuts(&ids[1..], &request, &tokenizer));
        // What the request has room for counts where that is less.
        let short = Request { max_new_tokens: Some(ids.len() - 1), ..request.clone() };
        assert!(generation.cuts(&ids[..ids.len() - 1], &short, &tokenizer));
        assert!(!generation.cuts(&ids[..ids.len() - 2], &short, &tokenizer));
        generation.stop = vec!["]".to_owned()];
        assert!(!generation.cuts(&ids, &request, &tokenizer));
    }

    #[test]
    fn equal_requests_have_equal_answers_and_all_are_counted() {
        let (decoder, tokenizer, generation) = (decoder(), tokenizer(), generation());
        let answerer = Answerer {
            decoder: &decoder,
            model: "m",
            tokenizer: &tokenizer,
            generation: &generation,
        };
        let mut told = Vec::new();
        let mut progress = |done| {
            told.push(done);
            true
        };
        let requests = requests();
        let found = answerer.answers(&requests, None, &mut progress).unwrap().unwrap();
        assert_eq!((found[0].clone(), found[1].clone()), (found[5].clone(), found[6].clone()));
        assert_ne!(found[0], found[1]);
        assert!(told.is_sorted() && told.last() == Some(&7), "{told:?}");
        // Another model draws otherwise, another order does not.
        let turned: Vec<Request> = requests.iter().rev().cloned().collect();
        let again = answerer.answers(&turned, None, &mut |_| true).unwrap().unwrap();
        assert_eq!(again.into_iter().rev().collect::<Vec<_>>(), found);
        let other = Answerer { model: "n", ..answerer };
        assert_ne!(other.answers(&requests, None, &mut |_| true).unwrap().unwrap(), found);
    }

    #[test]
    fn what_was_answered_before_a_stop_is_not_generated_again() {
        let (decoder, tokenizer, generation) = (decoder(), tokenizer(), generation());
        let answerer = Answerer {
            decoder: &decoder,
            model: "m",
            tokenizer: &tokenizer,
            generation: &generation,
        };
        let requests = requests();
        let whole = answerer.answers(&requests, None, &mut |_| true).unwrap().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a-en.jsonl");
        let mut journal = Journal::open(&path, 0).unwrap();
        let stopped = answerer.answers(&requests, Some(&mut journal), &mut |done| done < 2);
        assert_eq!(stopped.unwrap(), None);
        drop(journal);
        // Another rank goes on; what it finds it does not generate.
        let mut journal = Journal::open(&path, 1).unwrap();
        let mut first = None;
        let mut progress = |done| {
            first.get_or_insert(done);
            true
        };
        let again = answerer.answers(&requests, Some(&mut journal), &mut progress);
        assert_eq!(again.unwrap().unwrap(), whole);
        assert!(first.is_some_and(|done| (2..7).contains(&done)), "{first:?}");
        // With all in the journal nothing is generated at all.
        let mut journal = Journal::open(&path, 0).unwrap();
        let mut told = Vec::new();
        let mut progress = |done| {
            told.push(done);
            true
        };
        let again = answerer.answers(&requests, Some(&mut journal), &mut progress);
        assert_eq!(again.unwrap().unwrap(), whole);
        assert_eq!(told, [7]);
    }

    #[test]
    fn an_answer_ends_behind_a_stop_string() {
        let (decoder, tokenizer) = (decoder(), tokenizer());
        let mut free = generation();
        // Draws would change with the settings; the likeliest tokens do not.
        free.config.sampling = Sampling::default();
        let answerer =
            Answerer { decoder: &decoder, model: "m", tokenizer: &tokenizer, generation: &free };
        let requests = requests();
        let whole = answerer.answers(&requests, None, &mut |_| true).unwrap().unwrap();
        let said = |id: &u32| tokenizer.decode(&[*id]);
        let mut later = whole.iter().flat_map(|ids| &ids[3..]).map(said);
        let stop = later.find(|text| !text.is_empty() && !text.contains('\u{fffd}')).unwrap();
        let stopping = Generation { stop: vec!["never said".into(), stop.clone()], ..free.clone() };
        let answerer = Answerer { generation: &stopping, ..answerer };
        let found = answerer.answers(&requests, None, &mut |_| true).unwrap().unwrap();
        assert_ne!(found, whole);
        for (found, whole) in found.iter().zip(&whole) {
            let stops = |count: &usize| tokenizer.decode(&whole[..*count]).contains(&stop);
            let count = (1..=whole.len()).find(stops).unwrap_or(whole.len());
            assert_eq!(found, &whole[..count]);
        }
        let error = Generation { stop: vec![String::new()], ..free }.check().unwrap_err();
        assert!(error.to_string().contains("a stop string is empty"), "{error}");
    }

    #[test]
    fn old_receipts_hold_for_the_likeliest_tokens() {
        let mut generation = Generation::default();
        assert_eq!(generation.choice(), "");
        generation.config.sampling.seed = 9;
        assert_eq!(generation.choice(), "");
        generation.config.sampling.temperature = 0.5;
        assert!(generation.choice().contains("\"temperature\":0.5"));
    }
}
