//! The program from the outside.

#![allow(clippy::unwrap_used)]

mod audit;
mod bad_input;
mod chat;
mod cli;
mod fetch;
mod full_disk;
mod memory;
mod parallel;
mod program;
mod resume;
mod shares;
mod world;
