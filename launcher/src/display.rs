//! What the terminal shows while a run goes on, all of it on stderr.
//!
//! On a terminal, one bar at the bottom and the ranks' lines above it; elsewhere, a plain line
//! every ten seconds, so that a log of a night stays readable. `view` is another screen, if asked for.

#[cfg(feature = "tui")]
mod view;

use crate::error::{Error, exit};
use crate::message::{
    EarlyStop, Evaluated, Evaluation, Incident, Loading, Memory, Message, Progress, Resumed,
    Skipped,
};
use crate::plan::bytes_text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use trainer::device::Facts;

/// Between two plain lines about the same thing.
const PLAIN: Duration = Duration::from_secs(10);

/// Where it is shown.
enum Screen {
    Terminal(ProgressBar),
    #[cfg(feature = "tui")]
    View(Box<view::View>),
    Plain(Box<dyn Write>),
}

/// The picture of a run.
pub struct Display {
    screen: Screen,
    /// What the last progress was about, and when it was shown.
    shown: Option<(String, Instant)>,
}

impl Display {
    /// On stderr, as a bar if that is a terminal.
    pub fn new() -> Self {
        let screen = if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The bar takes what the rest leaves: nothing wraps at 80 columns.
            let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            Screen::Terminal(bar)
        } else {
            Screen::Plain(Box::new(io::stderr()))
        };
        Self { screen, shown: None }
    }

    /// The terminal view of burn-train, if stdout is a terminal and this build has it.
    pub fn view() -> Self {
        #[cfg(feature = "tui")]
        if io::stdout().is_terminal() {
            return Self { screen: Screen::View(Box::new(view::View::new())), shown: None };
        }
        Self::new()
    }

    /// Refuses a view that this build does not have.
    pub fn check_view() -> Result<(), Error> {
        if cfg!(feature = "tui") {
            return Ok(());
        }
        Err(Error::new(exit::BACKEND, "--tui: this build has no terminal view")
            .hint("build it with `--features tui`, or leave --tui out"))
    }

    /// How often the user has asked by the view's keys to stop, since the last call.
    pub fn asked(&mut self) -> usize {
        #[cfg(feature = "tui")]
        if let Screen::View(view) = &mut self.screen {
            return view.asked();
        }
        0
    }

    /// As plain lines into `writer`.
    #[cfg(test)]
    pub fn plain(writer: impl Write + 'static) -> Self {
        Self { screen: Screen::Plain(Box::new(writer)), shown: None }
    }

    /// Shows a line that stays.
    pub fn line(&mut self, text: &str) {
        match &mut self.screen {
            // A bar that is not drawn yet swallows lines.
            Screen::Terminal(bar) if self.shown.is_some() => bar.println(text),
            Screen::Terminal(_) => eprintln!("{text}"),
            #[cfg(feature = "tui")]
            Screen::View(view) => view.line(text),
            // Who closed stderr does not want to hear about it.
            Screen::Plain(writer) => drop(writeln!(writer, "{text}")),
        }
    }

    /// Shows how far the run is.
    pub fn report(&mut self, message: &Message, now: Instant) {
        #[cfg(feature = "tui")]
        if let (Screen::View(view), Message::Progress(progress)) = (&mut self.screen, message) {
            view.step(progress);
            return;
        }
        match message {
            Message::Progress(progress) => {
                let Progress { phase, step, steps, .. } = progress;
                self.advance(phase, *step, *steps, &speed(progress), now);
            }
            Message::Device(Facts { device, name, memory, kernels, cublaslt, .. }) => {
                let kernels = match kernels {
                    Some(file) => format!("its kernels are kept in {}", file.display()),
                    None => "its kernels are not kept".to_owned(),
                };
                let products = match cublaslt {
                    Some(library) => format!("cuBLASLt {library}"),
                    None => "without cuBLASLt: its products will be slow".to_owned(),
                };
                let memory = bytes_text(*memory);
                self.line(&format!("{device} is {name} ({memory}); {products}; {kernels}"));
            }
            Message::Loading(Loading { megabytes, of }) => {
                self.advance("reading the model (MB)", *megabytes as usize, *of as usize, "", now);
            }
            Message::Evaluation(Evaluation { dataset, done, total }) => {
                self.advance(&format!("answering {dataset}"), *done, *total, "", now);
            }
            Message::Evaluated(Evaluated { phase, step, f1 }) => {
                let each: Vec<String> =
                    f1.iter().map(|(language, f1)| format!("{language} {f1:.1}")).collect();
                let each = match each.is_empty() {
                    true => "nothing is annotated in what was asked".to_owned(),
                    false => each.join(", "),
                };
                self.line(&format!("{phase}: F1 after step {step}: {each}"));
            }
            Message::EarlyStop(EarlyStop { phase, step, best, f1, weights }) => {
                self.line(&format!(
                    "{phase}: ends after step {step}: the worst language was best after step {best} \
                     (F1 {f1:.1}); the weights of step {weights} go on"
                ));
            }
            Message::Resumed(Resumed { phase, step }) => {
                self.line(&format!("continuing in phase `{phase}` after step {step}"));
            }
            Message::Memory(Memory { phase, predicted, measured }) => {
                self.line(&held(phase, *predicted, *measured));
            }
            Message::Skipped(Skipped { reason }) => {
                self.line(&format!("warning: a checkpoint is left out: {reason}"));
            }
            Message::Incident(Incident { phase, step, sentence, course, path, .. }) => {
                let course = match course.as_str() {
                    "skip" => "it changes nothing",
                    "rewind" => "the run goes back and leaves it out",
                    _ => "the run ends",
                };
                self.line(&format!(
                    "warning: phase `{phase}`, step {step}: {sentence}; {course}, see `{path}`"
                ));
            }
            Message::Checkpoint(_) | Message::Failure(_) | Message::Where(_) => {}
        }
    }

    /// Shows that `done` of `total` are done of something.
    pub fn advance(&mut self, what: &str, done: usize, total: usize, detail: &str, now: Instant) {
        let is_new = self.shown.as_ref().is_none_or(|(shown, _)| shown != what);
        match &mut self.screen {
            Screen::Terminal(bar) => {
                if is_new {
                    bar.set_prefix(clipped(what, 40));
                    bar.set_length(total as u64);
                }
                bar.set_message(detail.to_owned());
                bar.set_position(done as u64);
                self.shown = Some((what.to_owned(), now));
            }
            #[cfg(feature = "tui")]
            Screen::View(view) => view.advance(what, done, total),
            Screen::Plain(writer) => {
                let is_due = self.shown.as_ref().is_none_or(|(_, at)| now >= *at + PLAIN);
                // That nothing is done yet is worth a line only if it lasts.
                if (is_new && done > 0) || (!is_new && is_due) || done == total {
                    let comma = if detail.is_empty() { "" } else { ", " };
                    drop(writeln!(writer, "{what}: {done} of {total}{comma}{detail}"));
                    self.shown = Some((what.to_owned(), now));
                } else if is_new {
                    self.shown = Some((what.to_owned(), now));
                }
            }
        }
    }

    /// Takes the bar away; lines stay.
    pub fn finish(&mut self) {
        if let Screen::Terminal(bar) = &self.screen {
            bar.finish_and_clear();
        }
        #[cfg(feature = "tui")]
        if let Screen::View(view) = &mut self.screen {
            for line in view.close() {
                eprintln!("{line}");
            }
        }
        self.shown = None;
    }
}

/// What a phase held, beside what was planned.
fn held(phase: &str, predicted: u64, measured: u64) -> String {
    let (held, planned) = (bytes_text(measured), bytes_text(predicted));
    format!("memory of `{phase}`: {held} a rank at most, {planned} planned")
}

/// `text`, cut to so many characters.
fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// `loss 1.234, 12.3k tok/s, 3 min left`.
fn speed(progress: &Progress) -> String {
    let mut text = format!("loss {:.3}", progress.loss);
    if progress.tokens_per_second > 0.0 {
        text.push_str(&format!(", {} tok/s", short(progress.tokens_per_second)));
    }
    if progress.step < progress.steps && progress.eta_seconds > 0.0 {
        text.push_str(&format!(", {} left", duration(progress.eta_seconds)));
    }
    text
}

/// A number of at most five characters: `950`, `12.3k`, `4.56M`.
pub fn short(number: f64) -> String {
    for (limit, unit) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if number >= limit {
            let value = number / limit;
            let digits = if value >= 100.0 {
                0
            } else if value >= 10.0 {
                1
            } else {
                2
            };
            return format!("{value:.digits$}{unit}");
        }
    }
    format!("{number:.0}")
}

/// `45 s`, `3 min`, `1 h 05 min`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5999 => format!("{} min", (seconds + 30) / 60),
        6000..=359_999 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    pub struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn step(phase: &str, step: usize) -> Message {
        Message::Progress(Progress {
            phase: phase.to_owned(),
            step,
            steps: 400,
            loss: 1.23456,
            learning_rate: 1e-3,
            tokens_per_second: 12_345.0,
            eta_seconds: 4000.0,
        })
    }

    #[test]
    fn plain_lines_come_now_and_then_and_at_the_end() {
        let written = Shared::default();
        let mut display = Display::plain(written.clone());
        let begin = Instant::now();
        for (message, at) in [
            (step("alignment", 0), 0),
            (step("alignment", 1), 0),
            (step("alignment", 2), 1),
            (step("alignment", 3), 11),
            (step("alignment", 400), 12),
            (step("instruction", 1), 13),
            (
                Message::Evaluation(Evaluation { dataset: "wnut17".to_owned(), done: 8, total: 9 }),
                14,
            ),
        ] {
            display.report(&message, begin + Duration::from_secs(at));
        }
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        expect_test::expect![[r#"
            alignment: 3 of 400, loss 1.235, 12.3k tok/s, 67 min left
            alignment: 400 of 400, loss 1.235, 12.3k tok/s
            instruction: 1 of 400, loss 1.235, 12.3k tok/s, 67 min left
            answering wnut17: 8 of 9
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn the_bar_keeps_room_at_80_columns() {
        let Message::Progress(progress) = step("schema-understanding", 99_999) else { return };
        let slowest = Progress { steps: 100_000, eta_seconds: 3.6e6, loss: 11.5, ..progress };
        let taken = format!("{}  99999/100000 {}", slowest.phase, speed(&slowest)).len();
        assert!(taken <= 76, "{taken}");
    }

    #[test]
    fn numbers_are_short() {
        for (number, expected) in [
            (0.0, "0"),
            (950.0, "950"),
            (12_345.0, "12.3k"),
            (4_560_000.0, "4.56M"),
            (2e11, "200G"),
        ] {
            assert_eq!(short(number), expected);
        }
        for (seconds, expected) in
            [(45.2, "45 s"), (180.0, "3 min"), (3900.0, "65 min"), (6300.0, "1 h 45 min")]
        {
            assert_eq!(duration(seconds), expected);
        }
    }
}
