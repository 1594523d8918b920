//! How long things take, how many launches, and how often the host waits.

use crate::{Failure, counters};
use burn::tensor::Device;
use serde_json::{Value, json};
use std::time::Instant;

/// Before anything counts: compiling and searching for kernels, then settling.
const WARM: usize = 3;

/// Waits until the device has nothing left to do.
pub fn wait(device: &Device) -> Result<(), Failure> {
    device.sync().map_err(|error| format!("the device failed: {error:?}").into())
}

/// Marks the ends of phases.
pub struct Marks<'a> {
    device: &'a Device,
    last: Instant,
    seconds: Vec<f64>,
}

impl Marks<'_> {
    /// A phase ends here, once the device has done what it was given.
    pub fn mark(&mut self) -> Result<(), Failure> {
        wait(self.device)?;
        self.seconds.push(self.last.elapsed().as_secs_f64());
        self.last = Instant::now();
        Ok(())
    }
}

/// `work` again and again; it marks its phases, one for each name.
///
/// Medians and so on of each phase and, if there are several, of all together.
pub fn phases(
    device: &Device,
    rounds: usize,
    names: &[&str],
    work: &mut dyn FnMut(&mut Marks<'_>) -> Result<(), Failure>,
) -> Result<Value, Failure> {
    let mut all: Vec<Vec<f64>> = Vec::new();
    let (mut first, mut launches, mut waits) = (0.0, None, None);
    for round in 0..WARM + rounds.max(1) {
        wait(device)?;
        let before = counters::launches().zip(counters::waits());
        let mut marks = Marks { device, last: Instant::now(), seconds: Vec::new() };
        work(&mut marks)?;
        match round {
            0 => first = marks.seconds.iter().sum(),
            _ if round < WARM => {}
            _ => all.push(marks.seconds),
        }
        if let Some((then, now)) = before.zip(counters::launches().zip(counters::waits())) {
            // The clock's own waits end the phases.
            let own = names.len() as u64;
            (launches, waits) = (Some(now.0 - then.0), Some((now.1 - then.1).saturating_sub(own)));
        }
    }
    let mut found = json!({
        "rounds": all.len(), "first_seconds": first, "launches": launches, "waits": waits,
    });
    for (i, name) in names.iter().enumerate() {
        found[*name] = spread(all.iter().map(|one| one[i]).collect());
    }
    if names.len() > 1 {
        found["seconds"] = spread(all.iter().map(|one| one.iter().sum()).collect());
    }
    Ok(found)
}

/// Median, tenth and ninetieth percentile, and the best.
pub fn spread(mut seconds: Vec<f64>) -> Value {
    seconds.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * seconds.len().saturating_sub(1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        seconds.get(low).zip(seconds.get(high)).map(|(a, b)| a + (b - a) * place.fract())
    };
    json!({"median": at(0.5), "p10": at(0.1), "p90": at(0.9), "best": at(0.0)})
}

/// The median of what [`phases`] found under `name`.
pub fn median(found: &Value, name: &str) -> f64 {
    found[name]["median"].as_f64().unwrap_or(f64::NAN)
}
