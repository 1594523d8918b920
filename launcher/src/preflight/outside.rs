//! What can be said of a run on a cluster from outside: of nodes that it does not have yet, nothing.

use super::{Depth, Finding, Here, Level, Report, Wanted, examine};
use crate::backend::{self, Job, slurm};
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
        let is_ours = || slurm::are_passed_on(&cluster.slurm, "NOFILE");
        findings.extend(of_jobs(from_here(&run_dir, &wanted)?, is_ours));
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
    Ok(report?.findings)
}

/// What of this machine's findings holds for jobs, too: those of files, and what would end a run. Limits are those of
/// jobs only where `are_passed_on`.
fn of_jobs(findings: Vec<Finding>, are_passed_on: impl FnOnce() -> bool) -> Vec<Finding> {
    let of_files = ["shared", "writable", "disk", "checkpoint"];
    let (limits, others): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|it| it.check == "limits");
    let mut kept: Vec<Finding> = others
        .into_iter()
        .filter(|it| of_files.contains(&it.check.as_str()) || it.level == Level::Fail)
        .collect();
    // The scheduler is asked only where it matters.
    let odd = limits.iter().any(|it| it.level != Level::Pass);
    if odd && are_passed_on() {
        let here = |it: Finding| Finding {
            line: format!("{}; SLURM gives jobs the limits of this shell", it.line),
            way: it
                .way
                .map(|way| format!("{way}; before the run is handed over, or in slurm.setup")),
            ..it
        };
        kept.extend(limits.into_iter().map(here));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn limits_of_a_login_node_are_those_of_jobs_where_they_are_passed_on() {
        let fail = |check: &str, line: &str| Finding {
            way: Some("raise it: `ulimit -n 1024`".to_owned()),
            ..Finding::fail(check, line)
        };
        let findings = vec![
            Finding::pass("disk", "1.0 TiB free"),
            Finding::pass("program", "the same"),
            fail("writable", "permission denied"),
            fail("limits", "64 open files a process, 134 are needed"),
        ];
        let told = |are_passed_on: bool| {
            let kept = of_jobs(findings.clone(), || are_passed_on);
            kept.iter().map(|it| format!("{}: {}\n", it.check, it.line)).collect::<String>()
        };
        expect![[r#"
            disk: 1.0 TiB free
            writable: permission denied
        "#]]
        .assert_eq(&told(false));
        expect![[r#"
            disk: 1.0 TiB free
            writable: permission denied
            limits: 64 open files a process, 134 are needed; SLURM gives jobs the limits of this shell
        "#]]
        .assert_eq(&told(true));
        // Where all is well nobody is asked.
        let well = vec![Finding::pass("limits", "files suffice")];
        assert_eq!(of_jobs(well, || panic!("asked")), []);
    }
}
