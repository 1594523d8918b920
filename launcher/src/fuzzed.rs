//! Bytes of a stranger, given to every reader of this crate as they would come: files that a user writes,
//! files of a run, lines of other processes, what a cluster's programs say, bodies of requests.
//!
//! Nothing here may fail. An error is a right answer; a panic, an endless loop or memory without bound is
//! a bug. `fuzz/targets` calls [`run`] under a fuzzer; the tests below on stable Rust, with all seeds, with
//! bytes near them, and with every input that a bug was found with.

mod cluster;
mod run_dir;
mod serve;
mod sweep;
#[cfg(test)]
mod tests;

/// The targets of this crate; those of data-pipeline stand in `fuzz/src/entry.rs`.
pub const TARGETS: [&str; 15] = [
    "ablation",
    "ablation-state",
    "chat",
    "cluster",
    "completion",
    "events",
    "extract",
    "hostlist",
    "kubectl",
    "report",
    "slurm-jobs",
    "stderr",
    "sweep",
    "sweep-log",
    "wire",
];

/// What parts the files of an input.
const CUT: &str = "\n%%\n";

/// The ways to read what a target is given, and whether each took anything from it.
pub type Understood = Vec<(String, bool)>;

/// Gives `bytes` to the target called `name`.
pub fn run(name: &str, bytes: &[u8]) -> Understood {
    let text = String::from_utf8_lossy(bytes);
    let took = match name {
        "ablation" => run_dir::ablation(bytes),
        "ablation-state" => run_dir::ablation_state(bytes),
        "chat" | "completion" | "extract" => serve::body(name, bytes),
        "cluster" => cluster::file(&text),
        "events" => run_dir::events(&text),
        "hostlist" => cluster::hostlist(&text),
        "kubectl" => cluster::kubectl(bytes),
        "report" => run_dir::report(&text),
        "slurm-jobs" => return cluster::slurm_jobs(&text),
        "stderr" => cluster::stderr(&text),
        "sweep" => sweep::definition(&text),
        "sweep-log" => sweep::log(bytes),
        "wire" => return cluster::wire(&text),
        _ => panic!("no target is called `{name}`"),
    };
    vec![(name.to_owned(), took)]
}

/// The files of an input; those that it leaves out are empty.
fn files<const N: usize>(text: &str) -> [String; N] {
    let mut parts = text.splitn(N, CUT).peekable();
    [(); N].map(|()| {
        let part = parts.next().unwrap_or_default();
        // The line end belongs to the file as much as to the cut.
        let end = if parts.peek().is_some() && !part.is_empty() { "\n" } else { "" };
        format!("{part}{end}")
    })
}

/// A folder of this thread's, with these files in it and no others.
fn with_files<T>(
    files: &[(&str, &[u8])],
    work: impl FnOnce(&std::path::Path) -> T,
) -> std::io::Result<T> {
    // Where memory can hold them: they are written anew for each input.
    let folder = tempfile::tempdir()?;
    for (name, bytes) in files {
        let path = folder.path().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, bytes)?;
    }
    Ok(work(folder.path()))
}

/// The same; what keeps files from being written is no find.
fn read_files<T>(files: &[(&str, &[u8])], work: impl FnOnce(&std::path::Path) -> T) -> T {
    match with_files(files, work) {
        Ok(found) => found,
        Err(error) => panic!("the input cannot be put into a folder of temporary files: {error}"),
    }
}

/// The folder of configurations, seen from a test or a fuzzer.
fn configs() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs")
}
