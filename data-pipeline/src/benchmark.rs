//! What papers report, as tables, and where our numbers stand in them.
//!
//! `configs/benchmarks/NAME.toml` declares a table: its cells, each a test set with its split and task,
//! and what others report for them, with source and scorer. Our rows are filled from what runs have
//! been asked; where nothing was, the cell says so. A number of ours never stands beside one of theirs
//! without what keeps the two from being compared: another scorer, a part of the test set, other classes.
//!
//! - `declaration`: the file and what is refused of it.
//! - `table`: published rows, ours, and differences; means only of what is complete.
//! - `text`, `markdown`: the table at a terminal, in a document.

mod declaration;
mod markdown;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub use declaration::{Average, Benchmark, Cell, Layout, Published, UNKNOWN};
pub use markdown::markdown;
pub use table::{Entry, Filled, Kind, Note, Row, Run, Table};
pub use text::text;
