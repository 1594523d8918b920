//! `knowcoder doctor`: whether this machine, or a whole cluster, has what a run needs.

use super::Answer;
use super::run::{cluster_of, run_dir_of};
use crate::cli;
use crate::cluster::{Backend, Cluster};
use crate::doctor::{self, Asked, Host, Row, State};
use crate::error::{Error, exit};
use crate::preflight::calibration::Calibration;
use crate::preflight::{self, Level, Report, Wanted};
use serde_json::json;
use std::path::PathBuf;
use trainer::device::inventory::{Inventory, Places};
use trainer::device::{BUILT, kernels};
use trainer::{Recipe, RunDir};

/// Looks at everything and says what to do; what it writes for a moment it removes.
pub fn doctor(args: &cli::Doctor) -> Result<Answer, Error> {
    if args.calibrate {
        return calibrate(args);
    }
    let cluster = match &args.cluster {
        Some(path) => Some(cluster_of(Some(path))?),
        None => None,
    };
    let recipe = args.recipe.as_deref().map(|path| Recipe::load(path, &[])).transpose()?;
    let device = device(args, recipe.as_ref());
    let report = preflight(args, cluster.as_ref(), recipe.as_ref(), &device)?;
    // Of other machines only their agents can say something.
    let is_here = cluster.as_ref().is_none_or(|it| it.backend == Backend::Local);
    let inventory = is_here.then(|| Places::of_this_machine().take());
    let gpus = inventory.as_ref().map_or(0, |it| it.gpus.len());
    let ranks = ranks(cluster.as_ref(), &device, gpus);
    let rows = match &inventory {
        Some(inventory) => rows(args, cluster.as_ref(), &device, ranks, inventory),
        None => Vec::new(),
    };
    let has_all = rows.iter().all(|row| row.state != State::Missing);
    let may_begin = report.as_ref().is_none_or(|it| it.level() != Level::Fail);
    let json = json!({
        "device": device,
        "ready": has_all && may_begin,
        "ranks": ranks.0,
        "rows": rows,
        "gpus": inventory.map(|it| it.gpus).unwrap_or_default(),
        "preflight": report.as_ref().map(Report::json),
    });
    let tables =
        [is_here.then(|| doctor::table(&rows, &device)), report.as_ref().map(Report::text)];
    let text = tables.into_iter().flatten().collect::<Vec<_>>().join("\n");
    let code = if has_all && may_begin { exit::DONE } else { exit::BACKEND };
    Ok(Answer { text, json, code })
}

/// What all nodes together can do, where a cluster or a recipe is named.
fn preflight(
    args: &cli::Doctor,
    cluster: Option<&Cluster>,
    recipe: Option<&Recipe>,
    device: &str,
) -> Result<Option<Report>, Error> {
    if cluster.is_none() && recipe.is_none() {
        return Ok(None);
    }
    let cluster = cluster.cloned().unwrap_or_else(Cluster::of_this_machine);
    let run_dir = match (recipe, &args.run_dir) {
        (Some(recipe), given) => run_dir_of(given.as_deref(), recipe),
        (None, given) => RunDir::new(given.clone().unwrap_or_else(|| PathBuf::from("runs"))),
    };
    let mut wanted = Wanted::of(&cluster, device, recipe, &run_dir)?;
    // Whoever starts ranks by other means has said where rank 0 is to listen.
    let port = std::env::var("MASTER_PORT").ok();
    wanted.port = port.and_then(|it| it.parse().ok());
    if preflight::is_outside(&cluster) {
        return preflight::outside(&cluster, run_dir.root(), wanted, recipe).map(Some);
    }
    preflight::over(&cluster, run_dir.root(), wanted).map(Some)
}

/// Ranks on this machine and the threads of each. Without a file: a rank for each GPU, or what a run starts by
/// itself.
fn ranks(cluster: Option<&Cluster>, device: &str, gpus: usize) -> (usize, usize) {
    match cluster {
        Some(cluster) => (cluster.ranks, cluster.threads_per_rank),
        None if device == "cuda" => (gpus.max(1), 1),
        None => {
            let cluster = Cluster::of_this_machine();
            (cluster.ranks, cluster.threads_per_rank)
        }
    }
}

/// What this machine has.
fn rows(
    args: &cli::Doctor,
    cluster: Option<&Cluster>,
    device: &str,
    (ranks, threads_per_rank): (usize, usize),
    inventory: &Inventory,
) -> Vec<Row> {
    let asked = Asked {
        carrier: cluster.map(|cluster| cluster.collective).unwrap_or_default(),
        run_dir: args.run_dir.clone().unwrap_or_else(|| PathBuf::from("runs")),
        kernels: kernels::folder(),
        visible: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
        device: device.to_owned(),
        ranks,
        threads_per_rank,
    };
    doctor::rows(&asked, inventory, &Host::of_this_machine(&asked))
}

/// Measures this machine and keeps what was found.
fn calibrate(args: &cli::Doctor) -> Result<Answer, Error> {
    let device = device(args, None);
    let runs = args.run_dir.clone().unwrap_or_else(|| PathBuf::from("runs"));
    let mut found = Calibration::measure(&device, &runs)?;
    if let Some(path) = &args.cluster {
        let cluster = cluster_of(Some(path))?;
        let wanted = Wanted::of(&cluster, &device, None, &RunDir::new(&runs))?;
        let report = preflight::over(&cluster, &runs, wanted)?;
        report.refusal().map_or(Ok(()), Err)?;
        found.sums = report.best_sums();
    }
    let usual = || Calibration::path(args.run_dir.as_deref());
    let path = args.calibration.clone().unwrap_or_else(usual);
    found.save(&path)?;
    let text = format!("{}kept in {}\n", found.text(), path.display());
    Ok(Answer::new(text, json!({"file": path, "calibration": found})))
}

/// The device that is asked for, or that the recipe computes on, or that the build was made for.
fn device(args: &cli::Doctor, recipe: Option<&Recipe>) -> String {
    let of_recipe = recipe.map(|recipe| recipe.run.device.as_str());
    let built = |name: &&&str| BUILT.contains(*name);
    let usual = ["cuda", "wgpu", "flex"].iter().find(built).copied().unwrap_or("flex");
    args.device.as_deref().or(of_recipe).unwrap_or(usual).to_owned()
}
