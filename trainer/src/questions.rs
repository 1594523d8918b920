//! What is asked about a sentence: one prompt, or several where one would be too long.
//!
//! Evaluation and `extract` ask here. Classes are divided as in training; the answers to the parts
//! become one answer, and what was asked in which part stays visible. Nothing is ever cut: a sentence
//! that is too long even beside a single class is not asked, and that is said. Prompt and answer together are
//! no longer than what the model reads: where prompts leave little room, the classes are divided further, and
//! an answer ends where the room does.

#[cfg(test)]
mod tests;

use crate::Error;
use data_pipeline::grammar::{Grammar, Template};
use data_pipeline::parts::{merged, parts};
use data_pipeline::predictions::Part;
use data_pipeline::prompt::{self, Example, PromptConfig, extraction, with_shots};
use data_pipeline::tokenizer::Tokenizer;
use data_pipeline::{Class, Instance, Schema, Sentence, Task};
use model::generate::Request;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Turns sentences into requests.
pub(crate) struct Asker<'a> {
    schema: &'a Schema,
    tokenizer: &'a Tokenizer,
    prompt: &'a PromptConfig,
    /// Tokens that the model reads, the answer's among them: a prompt must be shorter.
    limit: usize,
    /// Tokens of an answer for which a prompt leaves room, if its classes can be divided so.
    room: usize,
    /// The ids of prefixes: few differ.
    prefixes: HashMap<String, Vec<u32>>,
    /// The demonstrations for classes and a sentence.
    shots: Shots<'a>,
    /// With demonstrations, a prompt is at most so long.
    with_answer: usize,
    /// What grammars share, by task, classes and language: few differ.
    templates: RefCell<Templates<'a>>,
}

/// What grammars share.
type Templates<'a> = HashMap<(Task, Vec<String>, String), Rc<Template<'a>>>;

/// Demonstrations by task, classes and the sentence that is asked about.
type Shots<'a> = Box<dyn Fn(Task, &[&Class], &Sentence) -> Vec<Example> + 'a>;

/// What is asked about one sentence.
pub(crate) struct Question<'a> {
    task: Task,
    /// The classes of each prompt; without any, the sentence is too long or nothing is asked.
    parts: Vec<Vec<&'a Class>>,
    /// The prompts, in the same order.
    pub requests: Vec<Request>,
    /// How long the longest prompt with a single class is, if that is too long.
    too_long: Option<usize>,
    /// If a prompt had no room for all demonstrations: for how many, and of how many.
    pub fewer_shots: Option<(usize, usize)>,
}

/// What came of a question.
pub(crate) struct Reply {
    pub answer: String,
    pub predicted: Vec<Instance>,
    pub flaws: Vec<String>,
    pub prompt_tokens: usize,
    pub answer_tokens: usize,
    pub parts: Vec<Part>,
}

impl<'a> Asker<'a> {
    /// Asks about classes of `schema` in prompts shorter than `limit`.
    pub(crate) fn new(
        schema: &'a Schema,
        tokenizer: &'a Tokenizer,
        prompt: &'a PromptConfig,
        limit: usize,
    ) -> Self {
        let shots: Shots = Box::new(|_, _, _| Vec::new());
        Self {
            schema,
            tokenizer,
            prompt,
            limit,
            room: 1,
            prefixes: HashMap::new(),
            shots,
            with_answer: limit,
            templates: RefCell::default(),
        }
    }

    /// Shows demonstrations, as many as leave a prompt at most `with_answer` tokens long.
    pub(crate) fn with_shots(self, with_answer: usize, shots: Shots<'a>) -> Self {
        Self { shots, with_answer, ..self }
    }

    /// Leaves room for answers of `most` tokens, or for a quarter of what the model reads if that is less.
    pub(crate) fn with_answers_of(self, most: usize) -> Self {
        Self { room: most.min(self.limit / 4).max(1), ..self }
    }

    /// The longest prompt that leaves room for an answer.
    pub(crate) fn most(&self) -> usize {
        self.limit.saturating_sub(self.room)
    }

    /// The question that offers `classes` for `sentence`, in as few parts as fit; without classes
    /// nothing is asked, and the reply is empty.
    pub(crate) fn ask(
        &mut self,
        task: Task,
        sentence: &Sentence,
        classes: &[&'a Class],
    ) -> Question<'a> {
        if classes.is_empty() {
            // Nothing that could be found: the answer is known to be empty.
            let (parts, requests) = (Vec::new(), Vec::new());
            return Question { task, parts, requests, too_long: None, fewer_shots: None };
        }
        let (most, longest) = (self.most(), self.limit.saturating_sub(1));
        let mut divided = |most: usize| {
            parts(classes, &mut |part| length(&self.request(task, sentence, part, &[])) <= most)
        };
        // Little room for an answer is better than no question.
        let Some(found) = divided(most).or_else(|| divided(longest)) else {
            let single = |class: &&'a Class| length(&self.request(task, sentence, &[*class], &[]));
            let longest = classes.iter().map(single).max().unwrap_or_default();
            return Question {
                task,
                parts: Vec::new(),
                requests: Vec::new(),
                too_long: Some(longest),
                fewer_shots: None,
            };
        };
        let mut fewer_shots = None;
        let mut requests = Vec::new();
        for part in &found {
            let (request, fewer) = self.with_demonstrations(task, sentence, part);
            requests.push(request);
            fewer_shots = fewer_shots.or(fewer);
        }
        let parts = found.into_iter().map(|part| part.to_vec()).collect();
        Question { task, parts, requests, too_long: None, fewer_shots }
    }

    /// How many tokens the prompt has that offers `classes` for `sentence` without demonstrations.
    pub(crate) fn length(&mut self, task: Task, sentence: &Sentence, classes: &[&Class]) -> usize {
        length(&self.request(task, sentence, classes, &[]))
    }

    /// The prompt with as many demonstrations as have room, and how many of how many that is if it
    /// is not all of them.
    fn with_demonstrations(
        &mut self,
        task: Task,
        sentence: &Sentence,
        classes: &[&Class],
    ) -> (Request, Option<(usize, usize)>) {
        let shots = (self.shots)(task, classes, sentence);
        let mut room = shots.len();
        loop {
            let request = self.request(task, sentence, classes, &shots[..room]);
            if room == 0 || length(&request) <= self.with_answer {
                return (request, (room < shots.len()).then_some((room, shots.len())));
            }
            room /= 2;
        }
    }

    fn request(
        &mut self,
        task: Task,
        sentence: &Sentence,
        classes: &[&Class],
        shots: &[Example],
    ) -> Request {
        let example = extraction(self.schema, classes, task, sentence, self.prompt);
        let example = with_shots(example, shots, self.prompt);
        let tokenizer = self.tokenizer;
        let prefix = match self.prefixes.get(&example.prefix) {
            Some(known) => known.clone(),
            None => {
                let ids = tokenizer.encode(&example.prefix);
                self.prefixes.insert(example.prefix, ids.clone());
                ids
            }
        };
        let request = Request::new(prefix, tokenizer.encode(&example.prompt));
        // What is too long is not asked: its answer may as well have a token.
        let left = self.limit.saturating_sub(length(&request)).max(1);
        Request { max_new_tokens: Some(left), ..request }
    }

    /// The answers to one request of `question` that can be read; the arguments are those of
    /// [`Self::reply`].
    pub(crate) fn grammar(
        &self,
        question: &Question<'a>,
        request: usize,
        sentence: &Sentence,
        pieces: bool,
    ) -> Result<Grammar, Error> {
        let Question { task, parts, .. } = question;
        let classes = parts.get(request).map_or(&[][..], Vec::as_slice);
        let names = classes.iter().map(|class| class.name.clone()).collect();
        let key = (*task, names, sentence.language.clone());
        let mut templates = self.templates.borrow_mut();
        let template = templates.entry(key).or_insert_with(|| {
            let language = &sentence.language;
            Rc::new(Template::new(self.prompt, self.schema, classes, *task, language))
        });
        Ok(template.grammar(sentence, pieces)?)
    }

    /// What the generated `answers`, one for each request of `question`, say about `sentence`;
    /// `pieces` says whether a mention may be in pieces.
    pub(crate) fn reply(
        &self,
        question: &Question<'_>,
        sentence: &Sentence,
        pieces: bool,
        answers: &[Vec<u32>],
    ) -> Reply {
        let Question { task, parts, requests, too_long, .. } = question;
        if let Some(length) = too_long {
            return Reply::not_asked(*length, self.limit);
        }
        let read = |answer: &str, offered: &[&Class]| {
            let read =
                prompt::read(answer, self.schema, offered, *task, sentence, self.prompt, pieces);
            let flaws: Vec<String> = read.flaws.iter().map(|flaw| flaw.message.clone()).collect();
            (read.instances, flaws)
        };
        let texts: Vec<String> = answers.iter().map(|ids| self.tokenizer.decode(ids)).collect();
        let prompt_tokens = requests.iter().map(length).sum();
        let answer_tokens = answers.iter().map(Vec::len).sum();
        if let [text] = texts.as_slice() {
            let (predicted, flaws) = read(text, &self.schema.of_task(*task));
            let (answer, parts) = (text.clone(), Vec::new());
            return Reply { answer, predicted, flaws, prompt_tokens, answer_tokens, parts };
        }
        let (found, flaws): (Vec<_>, Vec<_>) =
            texts.iter().zip(parts).map(|(text, offered)| read(text, offered)).unzip();
        let part = |number: usize| Part {
            classes: parts[number].iter().map(|class| class.name.clone()).collect(),
            answer: texts[number].clone(),
            prompt_tokens: length(&requests[number]),
            answer_tokens: answers[number].len(),
        };
        Reply {
            answer: texts.join("\n"),
            predicted: merged(found),
            flaws: flaws.concat(),
            prompt_tokens,
            answer_tokens,
            parts: (0..texts.len()).map(part).collect(),
        }
    }
}

impl Question<'_> {
    /// Whether there is nothing to ask, because the sentence is too long.
    pub(crate) fn is_too_long(&self) -> bool {
        self.too_long.is_some()
    }
}

impl Reply {
    fn not_asked(length: usize, limit: usize) -> Self {
        let flaw = format!(
            "not asked: the text has {length} tokens beside a single class, the model reads {limit}; divide the text"
        );
        Self {
            answer: String::new(),
            predicted: Vec::new(),
            flaws: vec![flaw],
            prompt_tokens: 0,
            answer_tokens: 0,
            parts: Vec::new(),
        }
    }
}

fn length(request: &Request) -> usize {
    request.prefix.len() + request.prompt.len()
}
