//! A question about the method, answered by training the same recipe in several variants.
//!
//! # Layout
//! - [`definition`]: the file that asks, `configs/ablations/NAME.toml`.
//! - [`runs`]: each variant with each seed, a run in a directory of its own; what is done of them.
//! - [`missing`]: what of their data is not there, said before anything begins.
//! - [`children`]: runs as processes of this program.
//! - [`outcome`]: what came of them; [`table`] and [`page`] show it.

pub mod children;
pub mod definition;
pub mod missing;
pub mod outcome;
mod page;
pub mod runs;
mod table;
