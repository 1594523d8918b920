//! The program from the outside.

#![allow(clippy::unwrap_used)]

mod audit;
mod bad_input;
mod chat;
mod cli;
mod during;
mod export;
mod fetch;
mod full_disk;
mod inspect;
mod memory;
mod parallel;
mod places;
mod program;
mod resume;
#[cfg(feature = "object-store")]
mod s3;
mod shares;
#[cfg(feature = "object-store")]
mod store;
mod verify;
mod world;
