//! `knowcoder doctor`: whether this machine has what a run needs.

use super::Answer;
use super::run::cluster_of;
use crate::cli;
use crate::cluster::Cluster;
use crate::doctor::{self, Asked, Host, State};
use crate::error::{Error, exit};
use serde_json::json;
use std::path::PathBuf;
use trainer::device::inventory::Places;
use trainer::device::{BUILT, kernels};

/// Looks at everything and says what to do; changes nothing.
pub fn doctor(args: &cli::Doctor) -> Result<Answer, Error> {
    let cluster = match &args.cluster {
        Some(path) => Some(cluster_of(Some(path))?),
        None => None,
    };
    let inventory = Places::of_this_machine().take();
    let device = args.device.clone().unwrap_or_else(|| default_device().to_owned());
    // Without a file: a rank for each GPU, or what a run starts by itself.
    let (ranks, threads_per_rank) = match &cluster {
        Some(cluster) => (cluster.ranks, cluster.threads_per_rank),
        None if device == "cuda" => (inventory.gpus.len().max(1), 1),
        None => {
            let cluster = Cluster::of_this_machine();
            (cluster.ranks, cluster.threads_per_rank)
        }
    };
    let carrier = cluster.as_ref().map(|cluster| cluster.collective).unwrap_or_default();
    let asked = Asked {
        carrier,
        run_dir: args.run_dir.clone().unwrap_or_else(|| PathBuf::from("runs")),
        kernels: kernels::folder(),
        visible: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
        device,
        ranks,
        threads_per_rank,
    };
    let rows = doctor::rows(&asked, &inventory, &Host::of_this_machine(&asked));
    let is_ready = rows.iter().all(|row| row.state != State::Missing);
    let json = json!({
        "device": asked.device,
        "ready": is_ready,
        "ranks": asked.ranks,
        "rows": rows,
        "gpus": inventory.gpus,
    });
    let code = if is_ready { exit::DONE } else { exit::BACKEND };
    Ok(Answer { text: doctor::table(&rows, &asked.device), json, code })
}

/// The device that the build was made for.
fn default_device() -> &'static str {
    let built = |name: &&&str| BUILT.contains(*name);
    ["cuda", "wgpu", "flex"].iter().find(built).copied().unwrap_or("flex")
}
