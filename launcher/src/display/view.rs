//! The terminal view of burn-train, fed with what rank 0 tells.
//!
//! It draws on stdout's other screen from a thread of its own. Lines that would have stayed on the
//! terminal are kept until it closes; the newest is shown. Its keys: `q` asks what to do, of which
//! stopping is what Ctrl-C is elsewhere, and killing what a second one is. Ctrl-C itself works, too.

use crate::display::{duration, short};
use crate::message::Progress;
use burn::data::dataloader::Progress as Done;
use burn_train::Interrupter;
use burn_train::logger::TrainingProgressLogger;
use burn_train::metric::{
    MetricAttributes, MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry,
    SerializedEntry,
};
use burn_train::renderer::tui::TuiMetricsRendererWrapper;
use burn_train::renderer::{MetricState, MetricsRenderer, MetricsRendererTraining};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Lines that are kept for when the view closes; the logs of the ranks have all.
const KEPT: usize = 1000;

const LOSS: &str = "Loss";
const RATE: &str = "Learning rate";
const SPEED: &str = "Tokens/s";
const LEFT: &str = "Time left";
const SAID: &str = "Last line";

/// The view while it is open.
pub(super) struct View {
    /// `None` once the user has killed it, which takes the thread that draws down.
    renderer: Option<TuiMetricsRendererWrapper>,
    interrupter: Interrupter,
    /// The phase, or what else is going on.
    shown: Option<String>,
    lines: VecDeque<String>,
    /// Whether that the view was killed has been told.
    is_told: bool,
}

impl View {
    /// Opens it.
    pub(super) fn new() -> Self {
        let interrupter = Interrupter::new();
        let renderer = TuiMetricsRendererWrapper::new(interrupter.clone(), None);
        let mut view = Self {
            renderer: Some(renderer),
            interrupter,
            shown: None,
            lines: VecDeque::new(),
            is_told: false,
        };
        let numeric = |unit: Option<&str>, higher_is_better| {
            MetricAttributes::Numeric(NumericAttributes {
                unit: unit.map(str::to_owned),
                higher_is_better,
            })
        };
        for (name, attributes) in [
            (LOSS, numeric(None, false)),
            (RATE, numeric(None, true)),
            (SPEED, numeric(Some("tokens/s"), true)),
            (LEFT, MetricAttributes::None),
            (SAID, MetricAttributes::None),
        ] {
            let name = Arc::new(name.to_owned());
            let metric_id = MetricId::new(Arc::clone(&name));
            let definition = MetricDefinition { metric_id, name, description: None, attributes };
            view.draw(|renderer| renderer.register_metric(definition));
        }
        view
    }

    /// Shows a step.
    pub(super) fn step(&mut self, progress: &Progress) {
        let Progress { phase, step, steps, loss, learning_rate, tokens_per_second, eta_seconds } =
            progress;
        self.advance(phase, *step, *steps);
        for (name, value, text) in [
            (LOSS, *loss, format!("{loss:.4}")),
            (RATE, *learning_rate, format!("{learning_rate:.3e}")),
            (SPEED, *tokens_per_second, short(*tokens_per_second)),
        ] {
            self.number(name, value, text);
        }
        self.text(LEFT, duration(*eta_seconds));
    }

    /// Shows that `done` of `total` are done of something.
    pub(super) fn advance(&mut self, what: &str, done: usize, total: usize) {
        let progress = Done::new(done, total, Some("steps".to_owned()));
        if self.shown.as_deref() != Some(what) {
            self.shown = Some(what.to_owned());
            let begin = Done::new(0, total, Some("steps".to_owned()));
            self.draw(|renderer| {
                // Without epochs, the whole is as far as its part.
                renderer.start(0, 0, Some(total), Some(what));
                renderer.start_split("train", &begin);
            });
        }
        self.draw(|renderer| renderer.update_split(&progress));
    }

    /// Keeps a line, and shows it until the next one.
    pub(super) fn line(&mut self, text: &str) {
        if self.renderer.is_none() {
            eprintln!("{text}");
            return;
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(text.to_owned());
        self.text(SAID, text.to_owned());
    }

    /// How often the user has asked to stop since the last call: once, or twice for at once.
    pub(super) fn asked(&mut self) -> usize {
        keep_signals();
        // That it was killed is noticed when something is drawn.
        let newest = self.lines.back().cloned().unwrap_or_default();
        self.text(SAID, newest);
        if self.renderer.is_none() {
            return if std::mem::replace(&mut self.is_told, true) { 0 } else { 2 };
        }
        if self.interrupter.should_stop() {
            self.interrupter.reset();
            return 1;
        }
        0
    }

    /// Closes it; the lines that were kept.
    pub(super) fn close(&mut self) -> Vec<String> {
        let renderer = self.renderer.take();
        // Where it was killed in this moment, there is nothing left to close.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(renderer)));
        std::mem::take(&mut self.lines).into()
    }

    fn number(&mut self, name: &str, value: f64, text: String) {
        let entry = entry(name, text);
        let value = value.is_finite().then_some(NumericEntry::Value(value));
        self.draw(|renderer| renderer.update_train(MetricState::Numeric(entry, value)));
    }

    fn text(&mut self, name: &str, text: String) {
        let entry = entry(name, text);
        self.draw(|renderer| renderer.update_train(MetricState::Generic(entry)));
    }

    /// Draws, as long as there is a view. Its way to end a program is a panic, here and in its thread.
    fn draw(&mut self, work: impl FnOnce(&mut TuiMetricsRendererWrapper)) {
        let Some(mut renderer) = self.renderer.take() else { return };
        match catch_unwind(AssertUnwindSafe(|| work(&mut renderer))) {
            Ok(()) => self.renderer = Some(renderer),
            // It would panic again when it is dropped; the terminal is as it was already.
            Err(_) => std::mem::forget(renderer),
        }
    }
}

fn entry(name: &str, text: String) -> MetricEntry {
    let id = MetricId::new(Arc::new(name.to_owned()));
    MetricEntry::new(id, SerializedEntry::new(text.clone(), text))
}

/// Lets the terminal turn Ctrl-C into a signal, which the view switches off.
fn keep_signals() {
    // SAFETY: `termios` is a C struct for which zero is valid, and both calls touch it alone.
    unsafe {
        let mut settings: libc::termios = std::mem::zeroed();
        if libc::tcgetattr(libc::STDIN_FILENO, &mut settings) == 0
            && settings.c_lflag & libc::ISIG == 0
        {
            settings.c_lflag |= libc::ISIG;
            libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &settings);
        }
    }
}
