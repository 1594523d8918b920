//! What can be said of a run on a cluster from outside: of nodes that it does not have yet, nothing.

use super::{Depth, Finding, Here, Level, Report, Wanted, examine};
use crate::backend::{self, Job};
use crate::cluster::{Backend, Cluster};
use crate::error::{Error, exit};
use std::path::Path;
use std::time::{Duration, Instant};
use trainer::Recipe;

/// Whether `cluster` gives nodes to jobs, and this process is in none.
pub fn is_outside(cluster: &Cluster) -> bool {
    let is_unset = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
    match cluster.backend {
        Backend::Local | Backend::Ssh => false,
        Backend::Slurm => is_unset("SLURM_JOB_NODELIST"),
        Backend::Kubernetes => is_unset("JOB_COMPLETION_INDEX"),
    }
}

/// Asks the scheduler about a run in `run_dir`, and looks at the directory from here where this machine sees it.
pub fn outside(
    cluster: &Cluster,
    run_dir: &Path,
    wanted: Wanted,
    recipe: Option<&Recipe>,
) -> Result<Report, Error> {
    let started = Instant::now();
    let run_dir = std::path::absolute(run_dir).map_err(data_pipeline::Error::read(run_dir))?;
    let transient = |what: &str, error: std::io::Error| {
        Error::new(exit::TRANSIENT, format!("failed to {what}: {error}"))
    };
    let program =
        std::env::current_exe().map_err(|error| transient("find the program itself", error))?;
    let folder =
        tempfile::tempdir().map_err(|error| transient("make a temporary folder", error))?;
    let job = Job {
        name: recipe.map_or_else(|| "preflight".to_owned(), |it| it.run.name.clone()),
        run_dir: run_dir.clone(),
        data_root: run_dir.clone(),
        program,
        cluster: cluster.clone(),
        phases: recipe
            .map_or_else(Vec::new, |it| it.phase.iter().map(|it| it.name.clone()).collect()),
    };
    let mut findings = Vec::new();
    for outlook in backend::queue(cluster).outlook(&job, folder.path()) {
        findings.push(match outlook.found {
            Ok(line) => Finding::pass(outlook.check, line),
            Err(error) => {
                Finding { way: error.hint, ..Finding::fail(outlook.check, error.message) }
            }
        });
    }
    // Pods see other paths than this machine.
    if cluster.backend == Backend::Slurm {
        findings.extend(from_here(&run_dir, &wanted)?);
    }
    let line = "what nodes have is looked at within the job, before the run begins";
    findings.push(Finding::pass("nodes", line));
    Ok(Report::from_outside(wanted, findings, started.elapsed()))
}

/// The run's directory as this machine sees it: on a login node it is that of the nodes.
fn from_here(run_dir: &Path, wanted: &Wanted) -> Result<Vec<Finding>, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            Error::new(exit::TRANSIENT, format!("failed to start the preflight: {error}"))
        })?;
    // What this machine computes with says nothing of the nodes.
    let wanted = Wanted { device: "flex".to_owned(), memory: Vec::new(), ..wanted.clone() };
    let names = ["this machine".to_owned()];
    let report =
        runtime.block_on(examine(&mut Here, &names, (run_dir, Depth::Quick), wanted, None));
    runtime.shutdown_timeout(Duration::from_secs(1));
    let of_files = ["shared", "writable", "disk", "checkpoint"];
    let findings = report?.findings.into_iter();
    Ok(findings
        .filter(|it| of_files.contains(&it.check.as_str()) || it.level == Level::Fail)
        .collect())
}
