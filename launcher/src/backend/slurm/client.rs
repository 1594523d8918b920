//! SLURM's own programs, asked with a deadline: one that waits for a controller that does not answer
//! must not make us wait.

use crate::cluster::Slurm;
use crate::cluster::slurm::secret::is_secret;
use crate::error::{Error, exit};
use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take. They give up by themselves after some ten seconds, if at all.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// More than any program of theirs says about the jobs of one person.
const MOST: u64 = 64 * 1024 * 1024;

/// What a program said.
pub struct Said {
    /// Whether it ended well.
    pub ok: bool,
    /// Its answer.
    pub stdout: String,
    /// Its complaints.
    pub stderr: String,
}

/// Asks a program of SLURM.
pub fn ask<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Result<Said, Error> {
    ask_within(program, arguments, PATIENCE)
}

/// Asks a program of SLURM that may take no longer than `patience`.
pub fn ask_within<S: AsRef<OsStr>>(
    program: &str,
    arguments: &[S],
    patience: Duration,
) -> Result<Said, Error> {
    let mut command = Command::new(program);
    command.args(arguments);
    within(program, command, patience)
}

/// Asks `sbatch`, which sends the environment along: without secrets, and without what would overrule
/// the script.
pub fn submit<S: AsRef<OsStr>>(arguments: &[S], slurm: &Slurm) -> Result<String, Error> {
    let mut command = Command::new("sbatch");
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| !goes_along(name, slurm)) {
            command.env_remove(name);
        }
    }
    let said = within("sbatch", command, PATIENCE)?;
    match said.ok {
        true => Ok(said.stdout),
        false => Err(refusal(&said.stderr, slurm)),
    }
}

/// Whether a variable may reach a job.
fn goes_along(name: &str, slurm: &Slurm) -> bool {
    // A job's environment is kept by the controller, and on some clusters in the accounting database.
    if is_secret(name) {
        return false;
    }
    if let Some(option) = name.strip_prefix("SBATCH_") {
        // A site's or a person's own choice, where the file has none.
        return match option {
            "PARTITION" => slurm.partition.is_none(),
            "ACCOUNT" => slurm.account.is_none(),
            "QOS" => slurm.qos.is_none(),
            "RESERVATION" => slurm.reservation.is_none(),
            "CONSTRAINT" => slurm.constraint.is_none(),
            _ => false,
        };
    }
    // Of a job that we may be in ourselves.
    if name == "KNOWCODER_FOLLOWS" {
        return false;
    }
    !name.starts_with("SLURM_") || matches!(name, "SLURM_CONF" | "SLURM_CLUSTERS" | "SLURM_JWT")
}

/// Runs a program to its end, or to ours.
fn within(program: &str, mut command: Command, patience: Duration) -> Result<Said, Error> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Error::new(
            exit::BACKEND,
            format!("`{program}` is not on this machine, but the cluster file says SLURM"),
        )
        .hint(
            "run the same command where SLURM's programs are, such as a login node of the cluster",
        ),
        _ => Error::new(exit::TRANSIENT, format!("failed to run `{program}`: {error}")),
    };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended: Result<Option<Said>, Error> = std::thread::scope(|scope| {
        let [stdout, stderr] =
            [scope.spawn(move || read(stdout)), scope.spawn(move || read(stderr))];
        let status = wait(&mut child, patience).map_err(failed)?;
        let [stdout, stderr] = [stdout, stderr].map(|it| it.join().unwrap_or_default());
        Ok(status.map(|status| Said { ok: status.success(), stdout, stderr }))
    });
    ended?.ok_or_else(|| {
        Error::new(
            exit::TRANSIENT,
            format!("`{program}` gave no answer within {} s and was ended", patience.as_secs()),
        )
        .hint("`scontrol ping` says whether SLURM's controller is there; try again when it is")
    })
}

/// The end of `child`; `None`: it came to no end and was killed.
fn wait(child: &mut Child, patience: Duration) -> std::io::Result<Option<ExitStatus>> {
    let end = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn read(from: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is what there is to show.
    let _ = from.map(|from| from.take(MOST).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What to say when a program that only looks or ends jobs fails.
pub fn failure(program: &str, stderr: &str) -> Error {
    let lower = stderr.to_lowercase();
    if let Some(error) = unreachable(&lower) {
        return error;
    }
    if lower.contains("denied") || lower.contains("permission") {
        return Error::new(exit::BACKEND, "SLURM does not let you do that to this job")
            .hint("only who submitted a job, or an operator, may change it");
    }
    Error::new(exit::BACKEND, format!("`{program}` failed: {}", last_line(stderr)))
}

/// What to say when the controller cannot be asked at all.
fn unreachable(lower: &str) -> Option<Error> {
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if has(&["unable to contact", "connection refused", "socket timed out", "zero bytes were"]) {
        let error = Error::new(exit::TRANSIENT, "SLURM's controller does not answer");
        return Some(error.hint("`scontrol ping` says whether it is there; try again when it is"));
    }
    if has(&["temporarily unable", "resource temporarily"]) {
        let error = Error::new(exit::TRANSIENT, "SLURM takes no jobs at the moment");
        return Some(error.hint("try again in a minute"));
    }
    if has(&["munge", "authentication"]) {
        let error = Error::new(exit::BACKEND, "SLURM does not know who you are: munge fails here");
        return Some(error.hint("`munge -n | unmunge` shows it; an administrator can mend it"));
    }
    let unconfigured = ["unable to process configuration", "could not establish a configuration"];
    has(&unconfigured).then(|| {
        let message = "SLURM's programs are on this machine, but no configuration of a cluster";
        Error::new(exit::BACKEND, message)
            .hint("submit from a login node of the cluster, or set SLURM_CONF")
    })
}

/// What to say when `sbatch` refuses a script.
pub fn refusal(stderr: &str, slurm: &Slurm) -> Error {
    let lower = stderr.to_lowercase();
    if let Some(error) = unreachable(&lower) {
        return error;
    }
    let named = |key: &str, value: &Option<String>| match value {
        Some(value) => format!("slurm.{key} is `{value}`"),
        None => format!("the cluster file has no slurm.{key}"),
    };
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let declaration =
        |message: String, hint: &str| Error::new(exit::DECLARATION, message).hint(hint);
    if has(&["submit limit", "submitjob", "submit_limit"]) {
        return Error::new(exit::TRANSIENT, "SLURM takes no more jobs from you: the queue is full")
            .hint("`squeue --me` lists yours; submit again when one has ended");
    }
    if has(&["invalid account"]) {
        let given = named("account", &slurm.account);
        return declaration(
            format!("{given}, and SLURM does not take that on this partition"),
            "`sacctmgr show associations user=$USER` lists your accounts; set slurm.account",
        );
    }
    if has(&["partition"]) && has(&["invalid", "no partition"]) {
        return declaration(
            format!("{}, and SLURM knows no such partition", named("partition", &slurm.partition)),
            "`sinfo -s` lists the partitions; set slurm.partition",
        );
    }
    if has(&["qos"]) {
        return declaration(
            format!("{}, and SLURM refuses that: {}", named("qos", &slurm.qos), last_line(stderr)),
            "`sacctmgr show qos` lists what there is and its limits",
        );
    }
    if has(&["reservation"]) {
        return declaration(
            format!("{}, and SLURM refuses that now", named("reservation", &slurm.reservation)),
            "`scontrol show reservations` lists them with their times and users",
        );
    }
    if has(&["feature", "constraint"]) {
        return declaration(
            format!("{}, and no node has that", named("constraint", &slurm.constraint)),
            "`sinfo -o '%N %f'` lists the features of nodes",
        );
    }
    if has(&["generic resource", "gres"]) {
        return declaration(
            format!("{}, and SLURM does not know that", named("gres", &slurm.gres)),
            "`sinfo -o '%N %G'` lists what nodes have",
        );
    }
    if has(&["node name"]) {
        return declaration(
            format!(
                "{}, and SLURM does not know one of these nodes",
                named("exclude", &slurm.exclude)
            ),
            "`sinfo -N` lists the nodes",
        );
    }
    // Said before the sentence about nodes, which is said of it too.
    if has(&["memory specification"]) {
        return declaration(
            format!("{}, and no node has that much", named("mem", &slurm.mem)),
            "`sinfo -o '%N %m'` lists the memory of nodes in MB",
        );
    }
    if has(&["time limit", "--time"]) {
        return declaration(
            format!("{}, and this partition does not allow that", named("time", &slurm.time)),
            "`sinfo -o '%P %l'` lists the longest times",
        );
    }
    if has(&["node configuration is not available", "node count specification"]) {
        return declaration(
            "no nodes of this partition have what the cluster file asks for".to_owned(),
            "`sinfo -o '%P %D %c %m %G'` lists nodes, CPUs, memory and GPUs; see cluster.nodes, spares, \
             ranks and threads_per_rank, slurm.gres and mem",
        );
    }
    if has(&["denied", "permission", "not permitted"]) {
        return Error::new(exit::BACKEND, "SLURM does not let you submit this job")
            .hint("an administrator can say which accounts, partitions and limits are yours");
    }
    Error::new(exit::BACKEND, format!("`sbatch` refused the job: {}", last_line(stderr)))
        .hint("the script is in the run directory, below submit/")
}

/// The last thing that was said is what ended it; before it come warnings.
fn last_line(stderr: &str) -> &str {
    let line =
        stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
    let line = line.split_once("error: ").map_or(line, |(_, rest)| rest);
    line.trim().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn check(stderr: &str, code: u8, expected: Expect) {
        let slurm = Slurm {
            partition: Some("a100".to_owned()),
            gres: Some("gpu:8".to_owned()),
            time: Some("9-00:00:00".to_owned()),
            ..Slurm::default()
        };
        let error = refusal(stderr, &slurm);
        expected.assert_eq(&format!("{} | {}", error.message, error.hint.unwrap_or_default()));
        assert_eq!(error.code, code, "{stderr}");
    }

    #[test]
    fn a_refusal_of_sbatch_becomes_a_sentence_with_a_way_out() {
        check(
            "sbatch: error: invalid partition specified: a100\nsbatch: error: Batch job submission failed: Invalid partition name specified",
            64,
            expect![
                "slurm.partition is `a100`, and SLURM knows no such partition | `sinfo -s` lists the partitions; set slurm.partition"
            ],
        );
        check(
            "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
            64,
            expect![
                "the cluster file has no slurm.account, and SLURM does not take that on this partition | `sacctmgr show associations user=$USER` lists your accounts; set slurm.account"
            ],
        );
        check(
            "sbatch: error: Batch job submission failed: Requested node configuration is not available",
            64,
            expect![
                "no nodes of this partition have what the cluster file asks for | `sinfo -o '%P %D %c %m %G'` lists nodes, CPUs, memory and GPUs; see cluster.nodes, spares, ranks and threads_per_rank, slurm.gres and mem"
            ],
        );
        check(
            "sbatch: error: Memory specification can not be satisfied\nsbatch: error: Batch job submission failed: Requested node configuration is not available",
            64,
            expect![
                "the cluster file has no slurm.mem, and no node has that much | `sinfo -o '%N %m'` lists the memory of nodes in MB"
            ],
        );
        check(
            "sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
            64,
            expect![
                "slurm.time is `9-00:00:00`, and this partition does not allow that | `sinfo -o '%P %l'` lists the longest times"
            ],
        );
        check(
            "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
            75,
            expect![
                "SLURM takes no more jobs from you: the queue is full | `squeue --me` lists yours; submit again when one has ended"
            ],
        );
        check(
            "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
            75,
            expect![
                "SLURM's controller does not answer | `scontrol ping` says whether it is there; try again when it is"
            ],
        );
        check(
            "sbatch: error: Batch job submission failed: Some new thing",
            69,
            expect![
                "`sbatch` refused the job: Batch job submission failed: Some new thing | the script is in the run directory, below submit/"
            ],
        );
    }

    #[test]
    fn a_program_that_does_not_answer_is_ended() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let begun = Instant::now();
        let error = within("squeue", command, Duration::from_millis(200)).err().unwrap();
        assert_eq!(error.code, exit::TRANSIENT);
        assert_eq!(error.message, "`squeue` gave no answer within 0 s and was ended");
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = ask("no-such-program-of-slurm", &["--json"]).err().unwrap();
        assert_eq!(error.code, exit::BACKEND);
        assert!(error.message.starts_with("`no-such-program-of-slurm` is not on this machine"));
    }

    #[test]
    fn secrets_and_overrules_stay_here() {
        let own = Slurm { partition: Some("a100".to_owned()), ..Slurm::default() };
        for (name, expected) in [
            ("PATH", true),
            ("HF_HOME", true),
            ("SLURM_CONF", true),
            ("SBATCH_ACCOUNT", true),
            ("SBATCH_PARTITION", false),
            ("SBATCH_WAIT", false),
            ("SLURM_JOB_ID", false),
            ("KNOWCODER_FOLLOWS", false),
            ("HF_TOKEN", false),
            ("WANDB_API_KEY", false),
            ("aws_secret_access_key", false),
        ] {
            assert_eq!(goes_along(name, &own), expected, "{name}");
        }
    }
}
