//! The program from the outside.

#![allow(clippy::unwrap_used)]

mod cli;
