//! Scripts for `sbatch`: options, a few values, and a body that is the same for every run.

use super::super::{Job, Rendered};
use crate::cluster::{Cluster, Slurm};
use crate::error::{Error, exit};
use std::path::Path;

/// Waits for the driver of a run, and puts the job back into the queue when that is what it needs.
const DRIVE: &str = concat!(include_str!("again.sh"), include_str!("drive.sh"));

/// Prepares one share of the data.
const PREPARE: &str = include_str!("prepare.sh");

/// Waits for one worker of several, and puts its task back into the queue when that is what it needs.
const WORK: &str = concat!(include_str!("again.sh"), include_str!("work.sh"));

/// Name of the script that prepares data.
const PREPARATION: &str = "prepare.sbatch";

/// The scripts of `job`, in the order in which they run.
pub fn scripts(job: &Job) -> Result<Vec<Rendered>, Error> {
    let slurm = &job.cluster.slurm;
    let mut scripts = Vec::new();
    if slurm.prepare_shares > 0 {
        scripts.push(Rendered { file: PREPARATION.to_owned(), text: preparation(job)? });
    }
    let files: Vec<String> = match slurm.chain && job.phases.len() > 1 {
        true => (1..=job.phases.len()).map(|phase| format!("phase-{phase}.sbatch")).collect(),
        false => vec!["job.sbatch".to_owned()],
    };
    for (index, file) in files.iter().enumerate() {
        let text = drive(job, &files[index..], index + 1)?;
        scripts.push(Rendered { file: file.clone(), text });
    }
    Ok(scripts)
}

/// A program that several tasks of an array run, each on a node, and which find out among themselves what there
/// is to do.
#[derive(Clone, Debug)]
pub struct Work<'a> {
    /// Name of the job.
    pub name: String,
    /// Where; what it says of nodes is said of each task.
    pub cluster: &'a Cluster,
    /// How many there are.
    pub tasks: usize,
    /// What each has of generic resources, where the cluster file does not say.
    pub gres: Option<String>,
    /// The folder of logs, absolute.
    pub logs: &'a Path,
    /// The script itself, absolute.
    pub script: &'a Path,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// The script of an array of workers, with all that a run's script has.
pub fn work(work: &Work<'_>) -> Result<String, Error> {
    let slurm = &work.cluster.slurm;
    let mut options = Options::new();
    options.set("job-name", word("the name of the sweep", &work.name)?);
    options.array(0, work.tasks - 1, slurm);
    options.set("nodes", "1");
    options.set("ntasks", "1");
    options.set("cpus-per-task", cpus(work.cluster).to_string());
    options.common(slurm, |_| true);
    if let (None, Some(gres)) = (&slurm.gres, &work.gres) {
        options.set("gres", gres);
    }
    options.behaviour(slurm);
    options.set("open-mode", "append");
    options.set("output", log_in("the folder of logs", work.logs, "worker-%a.log")?);
    options.extra(slurm);
    let mut text = options.text;
    text += "\n# Written by `knowcoder sweep start --array`, which writes it again; changes here are lost.\n";
    let words = work.command.iter().map(|it| Ok(shell(word("the command of a worker", it)?)));
    let words: Vec<String> = words.collect::<Result<_, Error>>()?;
    text += &format!("command=({})\n", words.join(" "));
    let what = "the script";
    text += &format!("script={}\n", shell(word(what, path_text(what, work.script)?)?));
    text += "task=$SLURM_ARRAY_TASK_ID\n";
    text += &format!("may_requeue={}\n", usize::from(slurm.requeue));
    text += &setup(slurm);
    text += WORK;
    Ok(text)
}

/// Options of a script, as `#SBATCH` lines.
struct Options {
    text: String,
}

impl Options {
    fn new() -> Self {
        Self { text: "#!/bin/bash\n".to_owned() }
    }

    fn flag(&mut self, name: &str) {
        self.text += &format!("#SBATCH --{name}\n");
    }

    fn set(&mut self, name: &str, value: impl AsRef<str>) {
        self.text += &format!("#SBATCH --{name}={}\n", quoted(value.as_ref()));
    }

    /// What the cluster file says of every job.
    fn common(&mut self, slurm: &Slurm, all_of: impl Fn(&str) -> bool) {
        for (key, value) in slurm.words().filter(|(key, _)| all_of(key)) {
            self.set(key, value);
        }
    }

    /// Tasks with the numbers `first` to `last`, of which so many run at once as the cluster file allows.
    fn array(&mut self, first: usize, last: usize, slurm: &Slurm) {
        let limit = match slurm.array_limit {
            0 => String::new(),
            limit => format!("%{limit}"),
        };
        self.set("array", format!("{first}-{last}{limit}"));
    }

    /// What becomes of the job when its time is over or its nodes are taken away.
    fn behaviour(&mut self, slurm: &Slurm) {
        if slurm.exclusive {
            self.flag("exclusive");
        }
        self.set("signal", format!("B:USR1@{}", slurm.signal_seconds));
        self.flag(if slurm.requeue { "requeue" } else { "no-requeue" });
    }

    /// What the cluster file adds, behind everything else.
    fn extra(&mut self, slurm: &Slurm) {
        slurm.extra.iter().for_each(|option| self.text += &format!("#SBATCH {}\n", extra(option)));
    }
}

/// The script that drives a run to the end of phase number `phase`, or to its own end if `files`, which
/// begin with it, are one.
fn drive(job: &Job, files: &[String], phase: usize) -> Result<String, Error> {
    let cluster = &job.cluster;
    let slurm = &cluster.slurm;
    let is_last = files.len() == 1;
    let name = match job.phases.get(phase - 1) {
        Some(phase) if slurm.chain && job.phases.len() > 1 => format!("{}.{phase}", job.name),
        _ => job.name.clone(),
    };
    let mut options = Options::new();
    options.set("job-name", word("the name of the run", &name)?);
    options.set("nodes", (cluster.nodes + cluster.spares).to_string());
    options.set("ntasks-per-node", "1");
    options.set("cpus-per-task", cpus(cluster).to_string());
    options.common(slurm, |_| true);
    options.behaviour(slurm);
    // Without a node the job goes on: what is to be done is ours to say.
    options.flag("no-kill");
    options.set("kill-on-invalid-dep", "yes");
    options.set("open-mode", "append");
    options.set("output", logs(job, "slurm-%j.log")?);
    options.extra(slurm);
    let mut text = options.text;
    text += &values(job)?;
    let only = match is_last {
        true => String::new(),
        false => format!("--through-phase {phase}"),
    };
    let later: Vec<String> =
        files.iter().map(|file| format!("\"$run_dir/submit/{file}\"")).collect();
    text += &format!("only=({only})\nscripts=({})\n", later.join(" "));
    let faults = &cluster.faults;
    text += &format!("max_failures={}\nwindow={}\n", faults.max_failures, faults.window);
    text += &format!("may_requeue={}\n", usize::from(slurm.requeue));
    text += &format!("exclude={}\n", shell(slurm.exclude.as_deref().unwrap_or_default()));
    text += &setup(slurm);
    text += DRIVE;
    Ok(text)
}

/// The script that prepares the data in shares.
fn preparation(job: &Job) -> Result<String, Error> {
    let slurm = &job.cluster.slurm;
    let mut options = Options::new();
    let name = format!("{}.prepare", job.name);
    options.set("job-name", word("the name of the run", &name)?);
    options.array(1, slurm.prepare_shares, slurm);
    options.set("nodes", "1");
    options.set("ntasks", "1");
    options.set("cpus-per-task", cpus(&job.cluster).to_string());
    // Data need no GPUs, and no whole node.
    options.common(slurm, |key| !matches!(key, "gres" | "mem"));
    options.flag(if slurm.requeue { "requeue" } else { "no-requeue" });
    options.set("open-mode", "append");
    options.set("output", logs(job, "prepare-%A-%a.log")?);
    let mut text = options.text;
    text += &values(job)?;
    text += &format!("shares={}\n", slurm.prepare_shares);
    text += &setup(slurm);
    text += PREPARE;
    Ok(text)
}

/// Processors of each node.
fn cpus(cluster: &Cluster) -> usize {
    cluster.ranks_per_node() * cluster.threads_per_rank
}

/// What both bodies need to know.
fn values(job: &Job) -> Result<String, Error> {
    let mut text =
        "\n# Written by `knowcoder submit`, which writes it again; changes here are lost.\n"
            .to_owned();
    for (name, what, path) in [
        ("run_dir", "the run directory", &job.run_dir),
        ("data_root", "the data root", &job.data_root),
        ("program", "the program", &job.program),
    ] {
        text += &format!("{name}={}\n", shell(word(what, path_text(what, path)?)?));
    }
    Ok(text)
}

fn setup(slurm: &Slurm) -> String {
    match slurm.setup.is_empty() {
        true => String::new(),
        false => format!("\n# From the cluster file.\n{}\n", slurm.setup.join("\n")),
    }
}

/// A file below the logs of a run, in which only the marks of `name` are marks to SLURM.
fn logs(job: &Job, name: &str) -> Result<String, Error> {
    log_in("the run directory", &job.run_dir.join("logs"), name)
}

/// The same in a folder; `what` it, or what it lies in, is.
fn log_in(what: &str, folder: &Path, name: &str) -> Result<String, Error> {
    let folder = word(what, path_text(what, folder)?)?;
    Ok(format!("{}/{name}", folder.replace('%', "%%")))
}

fn path_text<'a>(what: &str, path: &'a Path) -> Result<&'a str, Error> {
    path.to_str().ok_or_else(|| {
        let message = format!("{what} is `{}`, which is not UTF-8", path.display());
        Error::new(exit::DECLARATION, message)
            .hint("SLURM needs a path of plain letters; rename it")
    })
}

/// Refuses what would end a line of a script.
fn word<'a>(what: &str, text: &'a str) -> Result<&'a str, Error> {
    // A backslash would be SLURM's own way to take away the meaning of a mark.
    match text.chars().find(|it| it.is_control() || *it == '\\') {
        None => Ok(text),
        Some(wrong) => {
            let message = format!("{what} is {text:?}, with {wrong:?} in it");
            Err(Error::new(exit::DECLARATION, message)
                .hint("a script for SLURM cannot hold that; choose another name"))
        }
    }
}

/// A value as `#SBATCH` lines take it.
fn quoted(value: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_@%+:,./-".contains(it);
    match value.chars().all(is_plain) && !value.is_empty() {
        true => value.to_owned(),
        false => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// An option of the cluster file, its value quoted if it needs that.
fn extra(option: &str) -> String {
    match option.split_once('=') {
        Some((name, value)) => format!("{name}={}", quoted(value)),
        None => option.to_owned(),
    }
}

/// A word as the shell takes it.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
