//! The program from the outside.

#![allow(clippy::unwrap_used)]

mod ablate;
mod audit;
mod bad_input;
mod budget;
mod chat;
mod checkpoints;
mod cli;
mod constrained;
mod doctor;
mod during;
mod export;
mod extract;
mod faults;
mod fetch;
mod full_disk;
mod hosts;
mod incidents;
mod inspect;
mod jobs;
mod kubernetes;
mod ledger;
mod memory;
mod paper;
mod parallel;
mod places;
mod planted;
mod pods;
mod precision;
mod preflight;
mod pretended;
mod program;
mod ranks;
mod recovery;
mod reproduce;
mod resume;
#[cfg(feature = "object-store")]
mod s3;
mod sensitivity;
mod serve;
mod shares;
mod slurm;
mod ssh;
mod stops;
#[cfg(feature = "object-store")]
mod store;
mod sweep;
mod tables;
mod verify;
mod world;
