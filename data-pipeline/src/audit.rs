//! What training data and benchmarks have in common, and where corpora contradict each other.
//!
//! A score on a sentence that was trained on says nothing, and a name is no protection: one corpus
//! is often the translation, the copy or the re-annotation of another. So texts are compared, not
//! files: equal after normalisation (`normal`), nearly equal (shingles, MinHash), and equal by way
//! of a translation that a parallel corpus knows.
//!
//! # Layout
//! - `normal`: what is left of a text when writing is taken off; `shingles`: its parts.
//! - `index`: which texts are near each other, without comparing all with all; `near`: whether one is
//!   near a given set.
//! - `overlap`: whose texts meet whose, and how; `watch`: the same of benchmarks only, while training
//!   data of any size passes; `conflicts`: one mention under several classes.

mod conflicts;
mod index;
mod near;
mod normal;
mod overlap;
mod shingles;
#[cfg(test)]
mod tests;
mod watch;

pub use conflicts::{Conflict, Conflicts};
pub(crate) use near::{Known, Print};
pub(crate) use normal::normal;
pub use overlap::{Bridge, Kind, Match, Overlap, Role, Texts, overlaps};
pub use watch::Watch;

/// From this share of common shingles on, two texts are near duplicates.
pub const THRESHOLD: f64 = 0.7;
