//! One rank's life.
//!
//! # Layout
//! - [`run`]: read first: phases, steps, evaluation.
//! - [`recipe`]: what is learned, in what order. [`run_dir`]: every path of a run.
//! - [`prepare`]: the recipe's corpora become shards, once [`audit`] has found no leak;
//!   [`effect`]: what the recipe's settings made of them.
//! - [`step`]: one optimizer step; [`optimizer`], [`schedule`]: how weights change.
//! - [`collective`]: sums over ranks; [`bandwidth`]: how fast they are. [`checkpoint`]: state at (phase, step). [`ledger`]: what was
//!   trained on, and whether it is what should have been.
//! - [`requests`]: to stop, or to save and go on. [`whereabouts`]: what a rank is doing; [`fence`]: whether it
//!   may still commit. [`pace`]: how long a step takes here; [`memory`]: what
//!   it holds, and how large it may be; [`verify`]: whether its gradients depend on how it is split.
//! - [`guard`]: what happens when a step goes wrong; [`replay`]: such a step again, sample by sample.
//! - [`during`]: F1 while a phase trains, and whether that ends it.
//! - [`evaluate`]: prompts to predictions; [`extract`]: a checkpoint in use; [`generation`]: how both
//!   are answered; [`serve`]: a model that many ask at once; [`export`]: a checkpoint for other programs. [`metrics`]: what a step reports;
//!   [`tensorboard`], in [`protobuf`]: what is drawn of it.
//!
//! Only this crate knows both text and tensors; only [`run`] decides what happens when.

pub mod audit;
pub mod bandwidth;
pub mod checkpoint;
pub mod collective;
pub mod device;
pub mod during;
pub mod effect;
pub mod error;
pub mod evaluate;
mod exchange;
pub mod export;
pub mod extract;
pub mod fence;
pub mod generation;
pub mod guard;
pub mod ledger;
pub mod memory;
pub mod metrics;
pub mod network;
pub mod objective;
pub mod optimizer;
pub mod pace;
pub mod prepare;
pub mod protobuf;
mod questions;
pub mod recipe;
pub mod replay;
pub mod requests;
pub mod run;
pub mod run_dir;
pub mod schedule;
pub mod serve;
pub mod sharding;
pub mod step;
pub mod tensorboard;
mod transfer;
pub mod verify;
pub mod whereabouts;

pub use error::Error;
pub use recipe::Recipe;
pub use run_dir::RunDir;
