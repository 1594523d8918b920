//! `knowcoder extract`: the use of a model, one JSON object a text.
//!
//! Texts stream: as many are in work as the model has rows, each answer is printed as soon as it and those
//! before it are done, and no more are read than that. Ctrl-C gives up what is in work; what was printed
//! are whole lines.

mod inputs;

use super::{Answer, reading};
use crate::cli;
use crate::display::Display;
use crate::error::{Error, exit};
use crate::interrupt;
use data_pipeline::predictions::json as object;
use data_pipeline::{Schema, shots};
use inputs::Input;
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use trainer::extract::{Asking, Extractor, Found, Progress, Reader, Trouble};
use trainer::generation::{GenerateConfig, Generation, Sampling};
use trainer::serve::{Failure, Thread};

/// Texts in work or waiting for those before them: what memory must hold.
const AHEAD: usize = 64;
/// Between two looks at whether Ctrl-C was pressed.
const LOOK: Duration = Duration::from_millis(50);

/// Without an answer for so long, it is said how far the text is.
const QUIET: Duration = Duration::from_secs(10);

/// The answer to a text.
type Done = Result<Value, Stop>;

/// Why there is none.
enum Stop {
    /// An input that cannot be read.
    Input(Error),
    /// A text that was not answered.
    Text(Trouble),
}

/// Extracts from the texts of the command line, from files, or from each line of stdin.
///
/// Answers are printed as they come, or with `in_one_piece` returned.
pub fn extract(args: &cli::Extract, in_one_piece: bool) -> Result<Answer, Error> {
    inputs::check(args)?;
    let generation = generation(&args.generation);
    generation.check()?;
    let schema = Schema::load(&args.schema)?;
    let shots = match &args.shots {
        Some(path) => shots::read(path, args.task, &args.language, &schema)?,
        None => Vec::new(),
    };
    let asking = Asking {
        schema,
        task: args.task,
        language: args.language.clone(),
        shots,
        pieces: args.pieces,
        constrained: args.constrained,
        window: args.window,
        overlap: args.overlap,
    };
    asking.check()?;
    let mut display = Display::new();
    let (checkpoint, device) = (&args.checkpoint, &args.device);
    let (extractor, thread) =
        Extractor::open(checkpoint, device, generation, usize::MAX, &mut reading(&mut display))?;
    let trained_with = extractor.trained_with_shots();
    if trained_with > 0 && asking.shots.is_empty() {
        display.line(&format!(
            "the checkpoint was trained with {trained_with} demonstrations a class and sees none \
             here; --shots FILE.jsonl gives it some"
        ));
    }
    let stop = interrupt::stop_flag().map_err(|error| {
        Error::new(exit::TRANSIENT, format!("failed to listen to signals: {error}"))
    })?;
    let progress = Arc::<Progress>::default();
    let answers = start(args.clone(), extractor.clone(), (asking, progress.clone()), stop);
    let mut printer = Printer::new(display, inputs::count(args), in_one_piece, progress);
    let outcome = printer.print(answers, stop);
    printer.display.finish();
    match outcome {
        Ok(()) => {
            extractor.engine().stop();
            thread.join()?;
            Ok(Answer::new("", Value::Array(printer.documents)))
        }
        Err(error) => {
            extractor.engine().cut();
            Err(reason(error, thread, printer.count))
        }
    }
}

/// Why printing ended early.
enum Ended {
    /// Ctrl-C.
    Stopped,
    /// What was next has no answer.
    At(Stop),
    /// Answers cannot be printed.
    Printing(io::Error),
}

/// As the verb says it.
fn reason(ended: Ended, thread: Thread, count: usize) -> Error {
    match ended {
        Ended::Stopped => Error::new(
            exit::STOPPED,
            format!("stopped behind the answers to {count} texts; those in work are given up"),
        ),
        Ended::Printing(error) => {
            Error::new(exit::TRANSIENT, format!("failed to write to stdout: {error}"))
        }
        Ended::At(Stop::Input(error)) => error,
        // Where the model cannot go on, its own error says why.
        Ended::At(Stop::Text(Trouble::Failed(Failure::Ended))) => match thread.join() {
            Err(error) => error.into(),
            Ok(()) => Error::new(exit::BUG, "the model ended before its texts"),
        },
        // The same text would have none the next time either.
        Ended::At(Stop::Text(Trouble::Grammar(message))) => {
            Error::new(exit::DATA, format!("text {}: {message}", count + 1))
                .hint("leave out --constrained, or divide the text or the schema")
        }
        Ended::At(Stop::Text(trouble)) => Error::new(exit::TRANSIENT, trouble.to_string()),
    }
}

/// Reads inputs on one thread and answers them on others; gives the answers in the order of the inputs.
fn start(
    args: cli::Extract,
    extractor: Extractor,
    (asking, progress): (Asking, Arc<Progress>),
    stop: &'static AtomicBool,
) -> Receiver<Receiver<Done>> {
    let (order, answers) = sync_channel::<Receiver<Done>>(AHEAD);
    let (work, jobs) = sync_channel::<(Input, SyncSender<Done>)>(AHEAD);
    let workers = extractor.generation().config.rows;
    let (jobs, shared) = (Arc::new(Mutex::new(jobs)), Arc::new((extractor, asking)));
    for _ in 0..workers {
        let (jobs, shared, progress) = (jobs.clone(), shared.clone(), progress.clone());
        std::thread::spawn(move || {
            let mut reader = Reader::new(&shared.0, &shared.1).counting(progress);
            loop {
                let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((input, sender)) = job else { return };
                let found = reader.read(&[input.text()], None, stop);
                let done = found.map(|mut found| document(input, found.pop().unwrap_or_default()));
                // Fails where nobody prints any more.
                let _ = sender.send(done.map_err(Stop::Text));
            }
        });
    }
    std::thread::spawn(move || {
        for input in inputs::inputs(&args) {
            let (sender, receiver) = sync_channel(1);
            // In this order: the answer is waited for even if nobody works on it any more.
            if order.send(receiver).is_err() {
                return;
            }
            match input {
                Ok(input) => {
                    if work.send((input, sender)).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    // Fails where nobody prints any more.
                    let _ = sender.send(Err(Stop::Input(error)));
                    return;
                }
            }
        }
    });
    answers
}

/// A text with what was found in it.
fn document(input: Input, found: Found) -> Value {
    let objects: Vec<Value> = found.objects.iter().map(object).collect();
    let (objects, flaws) = (Value::Array(objects), json!(found.flaws));
    match input {
        Input::Text(text) => json!({"text": text, "objects": objects, "flaws": flaws}),
        Input::File(file, text) => {
            json!({"file": file, "text": text, "objects": objects, "flaws": flaws})
        }
        Input::Line(line) => line.answered(objects, flaws),
    }
}

/// What becomes of answers.
struct Printer {
    display: Display,
    /// How many there will be, where that is known and worth showing.
    total: Option<usize>,
    in_one_piece: bool,
    documents: Vec<Value>,
    count: usize,
    /// How far texts are that take long.
    progress: Arc<Progress>,
    /// When something was last said of it.
    heard: Instant,
}

impl Printer {
    fn new(
        display: Display,
        total: Option<usize>,
        in_one_piece: bool,
        progress: Arc<Progress>,
    ) -> Self {
        // On a terminal, answers show by themselves how far they are.
        let total = total.filter(|_| in_one_piece || !io::stdout().is_terminal());
        let (documents, heard) = (Vec::new(), Instant::now());
        Self { display, total, in_one_piece, documents, count: 0, progress, heard }
    }

    /// Says how far a text is that takes long, now and then.
    fn wait(&mut self) {
        let (answered, asked) = self.progress.counts();
        // While prompts of one text are answered, those of others are too; what waits for input is silent.
        if self.heard.elapsed() >= QUIET && answered < asked {
            self.display.line(&standing(answered, asked));
            self.heard = Instant::now();
        }
    }

    /// Prints answers until there are no more.
    fn print(&mut self, answers: Receiver<Receiver<Done>>, stop: &AtomicBool) -> Result<(), Ended> {
        loop {
            // Where nothing is asked, nothing takes long.
            let Some(answer) = next(&answers, stop, &mut || self.heard = Instant::now())? else {
                return Ok(());
            };
            // A worker that is gone has said why: it has panicked.
            let Some(done) = next(&answer, stop, &mut || self.wait())? else {
                return Err(Ended::At(Stop::Text(Trouble::Failed(Failure::Ended))));
            };
            let document = done.map_err(|why| match why {
                Stop::Text(Trouble::Gone) => Ended::Stopped,
                why => Ended::At(why),
            })?;
            self.count += 1;
            self.heard = Instant::now();
            if let Some(total) = self.total {
                self.display.advance("extracting", self.count, total, "", Instant::now());
            }
            if self.in_one_piece {
                self.documents.push(document);
                continue;
            }
            let mut stdout = io::stdout();
            match stdout.write_all(format!("{document}\n").as_bytes()).and_then(|()| stdout.flush())
            {
                Ok(()) => {}
                // Whoever closed the pipe, as `head` does, has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    // What is in work is given up, as by Ctrl-C, but nothing is wrong.
                    stop.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                Err(error) => return Err(Ended::Printing(error)),
            }
        }
    }
}

/// How far texts in work are.
fn standing(answered: usize, asked: usize) -> String {
    format!("{answered} of {asked} prompts are answered; a long text has many")
}

/// What comes next, with an eye on Ctrl-C; none if nothing does. While it waits, it calls `waits`.
fn next<T>(
    receiver: &Receiver<T>,
    stop: &AtomicBool,
    waits: &mut dyn FnMut(),
) -> Result<Option<T>, Ended> {
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(next) => return Ok(Some(next)),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => {
                return Err(Ended::Stopped);
            }
            Err(RecvTimeoutError::Timeout) => waits(),
        }
    }
}

fn generation(args: &cli::GenerationArgs) -> Generation {
    let sampling = Sampling {
        temperature: args.temperature,
        top_k: args.top_k,
        top_p: args.top_p,
        min_p: args.min_p,
        repetition_penalty: args.repetition_penalty,
        seed: args.seed,
    };
    let config = GenerateConfig {
        max_new_tokens: args.max_new_tokens,
        budget_tokens: args.budget_tokens,
        sampling,
        ..GenerateConfig::default()
    };
    Generation { config, stop: args.stop.clone() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn who_waits_looks_around() {
        let (sender, receiver) = sync_channel(1);
        let stop = AtomicBool::new(false);
        let mut waited = 0;
        let mut sender = Some(sender);
        let mut waits = || {
            waited += 1;
            if waited == 3 {
                sender.take().unwrap().send("done").unwrap();
            }
        };
        let Ok(next) = next(&receiver, &stop, &mut waits) else { panic!("stopped") };
        assert_eq!((next, waited), (Some("done"), 3));
        assert_eq!(standing(3, 45), "3 of 45 prompts are answered; a long text has many");
    }
}
