//! A preflight of a whole cluster, from whatever starts it.

use super::{Ask, Depth, Here, Report, Site, Wanted, files, gather};
use crate::cluster::{Backend, Cluster};
use crate::drive;
use crate::error::{Error, exit};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use trainer::RunDir;

/// Looks at all nodes of `cluster` for a run in `run_dir`, which need not exist.
pub fn over(cluster: &Cluster, run_dir: &Path, wanted: Wanted) -> Result<Report, Error> {
    match cluster.backend {
        // Ranks that could sum are started by agents.
        Backend::Local if cluster.ranks + cluster.spares == 1 => here(run_dir, wanted),
        _ => drive::look(cluster, run_dir, wanted),
    }
}

/// This process is the only node.
fn here(run_dir: &Path, wanted: Wanted) -> Result<Report, Error> {
    let transient =
        |error| Error::new(exit::TRANSIENT, format!("failed to start the preflight: {error}"));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(transient)?;
    let names = ["local-0".to_owned()];
    let report =
        runtime.block_on(examine(&mut Here, &names, (run_dir, Depth::Whole), wanted, None));
    // A check that hangs must not keep us.
    runtime.shutdown_timeout(Duration::from_secs(1));
    report
}

/// Asks the nodes called `names` through `ask`, judges, and keeps the result of a whole preflight where there is a
/// run.
///
/// `toward` is an address that all nodes reach, such as the coordinator's: it tells each which of its own
/// addresses leads to others.
pub async fn examine(
    ask: &mut impl Ask,
    names: &[String],
    (run_dir, depth): (&Path, Depth),
    wanted: Wanted,
    toward: Option<&str>,
) -> Result<Report, Error> {
    let run_dir = std::path::absolute(run_dir).map_err(data_pipeline::Error::read(run_dir))?;
    // Checkpoints may lie on a disk of their own, and it is theirs that counts.
    let folder = there(&RunDir::new(&run_dir).checkpoints());
    let nonce = nonce()?;
    let site = Site { names, run_dir: &run_dir, folder: &folder, toward, nonce: &nonce, depth };
    let started = Instant::now();
    let nodes = gather(ask, site, &wanted).await;
    let report = Report::new(wanted, nodes, started.elapsed());
    if depth == Depth::Whole {
        report.save(&run_dir)?;
    }
    Ok(report)
}

/// The path itself, or what of it is there.
pub fn there(path: &Path) -> PathBuf {
    path.ancestors().find(|it| it.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

/// What tells this preflight from all others.
pub(super) fn nonce() -> Result<String, Error> {
    let mut bytes = [0; 16];
    let random = File::open("/dev/urandom").and_then(|mut it| it.read_exact(&mut bytes));
    random.map_err(data_pipeline::Error::read(Path::new("/dev/urandom")))?;
    Ok(files::hex(&bytes))
}
