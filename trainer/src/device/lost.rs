//! Tasks of a GPU's threads that are lost: whoever starts the process says what becomes of it then.
//!
//! CubeCL catches a panic there, logs it and goes on, and what the task should have computed is whatever the
//! memory held. Its log is the only place that tells.

use model::runtime::LOST_TASK;
use std::sync::OnceLock;

/// What is done when a task is lost, with CubeCL's line about it; called on the thread of the panic.
pub type Lost = fn(&str);

static LOST: OnceLock<Lost> = OnceLock::new();

/// Calls `lost` for each task that is lost from now on; everything else that crates log is dropped.
///
/// `false` if the process has another logger, or was told already: then nobody hears.
pub fn hear(lost: Lost) -> bool {
    let is_first = LOST.set(lost).is_ok() && log::set_logger(&Listener).is_ok();
    if is_first {
        log::set_max_level(log::LevelFilter::Warn);
    }
    is_first
}

struct Listener;

impl log::Log for Listener {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with(LOST_TASK)
    }

    fn log(&self, record: &log::Record<'_>) {
        if let Some(lost) = LOST.get().filter(|_| self.enabled(record.metadata())) {
            lost(&record.args().to_string());
        }
    }

    fn flush(&self) {}
}
