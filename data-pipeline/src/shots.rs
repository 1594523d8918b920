//! Training text that prompts show: demonstrations, and mentions as examples of classes.
//!
//! What a prompt shows of a test is known before it is asked. So all of this comes from one split
//! of training text, without the sentences that are, or are nearly, ones of a test; it is a function
//! of that text and a seed.
//!
//! # Layout
//! - `training`: the text, and what is taken out of it.
//! - `pool`: which of its sentences demonstrate given classes.
//! - `examples`: its most frequent mentions; `leaks`: examples of schema files that only tests have.
//! - `shown`: classes with what the settings ask for.
//! - `file`: demonstrations that a person wrote down.

mod examples;
mod file;
mod leaks;
mod pool;
mod shown;
#[cfg(test)]
mod tests;
mod training;

pub use examples::exemplified;
pub use file::read;
pub use leaks::{Leak, Schemas};
pub use pool::{Asked, Pool};
pub use shown::{ShownSchema, shows_mentions};
pub use training::{Origin, Training};
