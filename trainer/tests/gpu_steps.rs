//! What the example `gpu_steps` computes itself, and how it takes failures.
#![allow(dead_code, missing_docs)]

#[path = "../examples/gpu_steps/failures.rs"]
mod failures;
#[path = "../examples/gpu_steps/host.rs"]
mod host;

/// As in the example.
type Failure = Box<dyn std::error::Error>;
