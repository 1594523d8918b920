//! `[slurm]` of a cluster file.

pub mod secret;

use secret::secret_in;
use serde::{Deserialize, Serialize};

/// A cluster with SLURM. Values go to `sbatch` as they are; what is not given, the cluster decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slurm {
    /// The partition to wait in; without it, the cluster's own.
    pub partition: Option<String>,
    /// Who pays.
    pub account: Option<String>,
    /// Quality of service.
    pub qos: Option<String>,
    /// How long one job may take, `HH:MM:SS` or `D-HH:MM:SS`; a run that takes longer goes on in the next.
    pub time: Option<String>,
    /// Features that nodes must have, such as `a100&ib`.
    pub constraint: Option<String>,
    /// Generic resources of each node, such as `gpu:8`.
    pub gres: Option<String>,
    /// Whether nodes are shared with nobody.
    pub exclusive: bool,
    /// Memory of each node, such as `480G`; `0`: all of it.
    pub mem: Option<String>,
    /// A reservation to run in.
    pub reservation: Option<String>,
    /// Nodes to stay away from, such as `node[03,17]`.
    pub exclude: Option<String>,
    /// Seconds before the time limit at which a run is asked to save.
    pub signal_seconds: u64,
    /// Whether the job is put back into the queue when its nodes are taken away, its time is over, or
    /// something passing ended it.
    pub requeue: bool,
    /// In so many jobs of an array data are prepared before the run; 0: the run does it itself.
    pub prepare_shares: usize,
    /// Whether each phase is a job of its own, which waits for the one before it.
    pub chain: bool,
    /// So many tasks of an array, that prepares data or works on a sweep, run at once; 0: as many as there is room
    /// for.
    pub array_limit: usize,
    /// Lines of shell that each job begins with, such as `module load cuda`.
    pub setup: Vec<String>,
    /// More options of `sbatch`, such as `--mail-type=END`.
    pub extra: Vec<String>,
}

/// The least seconds between the signal and the time limit: SLURM looks at limits every half minute.
const LEAST_SIGNAL_SECONDS: u64 = 60;

/// The most that `sbatch --signal` takes.
const MOST_SIGNAL_SECONDS: u64 = 65_535;

/// More shares than any corpus needs, and as many as a usual cluster takes in one array.
const MOST_SHARES: usize = 1000;

/// Options of `sbatch` that scripts set, each with the key that it is set by, where there is one.
const OURS: [(&str, Option<&str>); 26] = [
    ("--partition", Some("partition")),
    ("--account", Some("account")),
    ("--qos", Some("qos")),
    ("--time", Some("time")),
    ("--constraint", Some("constraint")),
    ("--gres", Some("gres")),
    ("--exclusive", Some("exclusive")),
    ("--mem", Some("mem")),
    ("--reservation", Some("reservation")),
    ("--exclude", Some("exclude")),
    ("--signal", Some("signal_seconds")),
    ("--requeue", Some("requeue")),
    ("--no-requeue", Some("requeue")),
    ("--array", Some("prepare_shares")),
    ("--dependency", Some("chain")),
    ("--nodes", None),
    ("--ntasks", None),
    ("--ntasks-per-node", None),
    ("--cpus-per-task", None),
    ("--job-name", None),
    ("--output", None),
    ("--error", None),
    ("--open-mode", None),
    ("--no-kill", None),
    ("--kill-on-invalid-dep", None),
    ("--comment", None),
];

/// Options of `sbatch` after which it says something else than we read, or runs something else.
const FOREIGN: [&str; 7] =
    ["--wait", "--wrap", "--parsable", "--test-only", "--help", "--usage", "--version"];

impl Default for Slurm {
    fn default() -> Self {
        Self {
            partition: None,
            account: None,
            qos: None,
            time: None,
            constraint: None,
            gres: None,
            exclusive: false,
            mem: None,
            reservation: None,
            exclude: None,
            signal_seconds: 180,
            requeue: true,
            prepare_shares: 0,
            chain: false,
            array_limit: 0,
            setup: Vec::new(),
            extra: Vec::new(),
        }
    }
}

impl Slurm {
    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), String> {
        for (key, value) in self.words() {
            check_word(key, value)?;
        }
        self.check_time()?;
        if let Some(mem) = &self.mem
            && !is_memory(mem)
        {
            return Err(format!(
                "slurm.mem is `{mem}`; it must be a number with K, M, G or T behind it, such as `480G`"
            ));
        }
        if self.prepare_shares > MOST_SHARES {
            let given = self.prepare_shares;
            return Err(format!(
                "slurm.prepare_shares is {given}; it must be between 0 and {MOST_SHARES}"
            ));
        }
        if let Some(line) = self.setup.iter().find(|it| it.contains(['\n', '\r', '\0'])) {
            return Err(format!(
                "slurm.setup has a line with a line break in it, {line:?}; write one string a line"
            ));
        }
        if let Some((line, name)) = self.setup.iter().find_map(|it| Some((it, secret_in(it)?))) {
            // The line itself is not repeated: messages end up in logs.
            let at = self.setup.iter().position(|it| it == line).unwrap_or(0) + 1;
            return Err(format!(
                "slurm.setup, line {at}, has the value of {name}, which looks like a secret; a cluster file is copied \
                 into run directories and scripts: keep it in a file that only you can read, and write \
                 `export {name}=$(cat ~/.config/{})`",
                name.to_lowercase().replace('_', "-")
            ));
        }
        self.extra.iter().try_for_each(|option| check_extra(option))
    }

    /// Values that are one word each, by their keys.
    pub fn words(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { partition, account, qos, time, constraint, gres, mem, .. } = self;
        let words = [
            ("partition", partition),
            ("account", account),
            ("qos", qos),
            ("reservation", &self.reservation),
            ("time", time),
            ("constraint", constraint),
            ("gres", gres),
            ("mem", mem),
            ("exclude", &self.exclude),
        ];
        words.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)))
    }

    fn check_time(&self) -> Result<(), String> {
        let given = self.signal_seconds;
        if !(LEAST_SIGNAL_SECONDS..=MOST_SIGNAL_SECONDS).contains(&given) {
            return Err(format!(
                "slurm.signal_seconds is {given}; it must be between {LEAST_SIGNAL_SECONDS} and \
                 {MOST_SIGNAL_SECONDS}"
            ));
        }
        let Some(time) = &self.time else { return Ok(()) };
        match seconds(time) {
            None => Err(format!(
                "slurm.time is `{time}`; it must be HH:MM:SS or D-HH:MM:SS, such as `24:00:00`"
            )),
            Some(seconds) if seconds <= given => Err(format!(
                "slurm.time is `{time}`, {seconds} seconds, and slurm.signal_seconds is {given}: a job \
                 would be asked to stop before it began; allow it more time"
            )),
            Some(_) => Ok(()),
        }
    }
}

/// Refuses what `sbatch` would read as something else.
fn check_word(key: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("slurm.{key} is empty; leave it out to let the cluster decide"));
    }
    match value.chars().find(|it| it.is_whitespace() || it.is_control()) {
        Some(wrong) => Err(format!(
            "slurm.{key} is {value:?}, with {wrong:?} in it; it must be one word, as `sbatch` takes it"
        )),
        None => Ok(()),
    }
}

/// Refuses what is no option, and options that scripts set themselves.
fn check_extra(option: &str) -> Result<(), String> {
    let name = option.split('=').next().unwrap_or_default();
    if !name.starts_with("--") || name.len() < 4 || name.contains(char::is_whitespace) {
        return Err(format!(
            "slurm.extra has {option:?}; each must be one option of `sbatch` in its long form, such as \
             `--mail-type=END`"
        ));
    }
    if option.contains(char::is_control) {
        return Err(format!("slurm.extra has {option:?}, with a control character in it"));
    }
    if let Some(list) = option.strip_prefix("--export=")
        && let Some(name) = list.split(',').find_map(secret_in)
    {
        return Err(format!(
            "slurm.extra has `--export` with the value of {name}, which looks like a secret; write \
             `export {name}=$(cat FILE)` in slurm.setup, with a file that only you can read"
        ));
    }
    if FOREIGN.contains(&name) {
        return Err(format!("slurm.extra has `{option}`, which cannot be used here; leave it out"));
    }
    // `sbatch` knows an option by the beginning of its name.
    let is_it = |&&(ours, _): &&(&str, Option<&str>)| ours == name || ours.starts_with(name);
    match OURS.iter().find(is_it) {
        Some((ours, Some(key))) => Err(format!(
            "slurm.extra has `{option}`, but `{ours}` is set by slurm.{key}; set that instead"
        )),
        Some((ours, None)) => Err(format!(
            "slurm.extra has `{option}`, but `{ours}` follows from the cluster and the run; leave it out"
        )),
        None => Ok(()),
    }
}

/// `HH:MM:SS` or `D-HH:MM:SS` in seconds.
pub fn seconds(time: &str) -> Option<u64> {
    let (days, clock) = match time.split_once('-') {
        Some((days, clock)) => (number(days, 4)?, clock),
        None => (0, time),
    };
    let mut parts = clock.split(':');
    let hours = number(parts.next()?, 4)?;
    let [minutes, seconds] = [parts.next()?, parts.next()?].map(|part| number(part, 2));
    let (minutes, seconds) = (minutes?, seconds?);
    let is_clock = parts.next().is_none() && minutes < 60 && seconds < 60;
    let is_day = days == 0 || hours < 24;
    (is_clock && is_day).then_some(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let is_number = !text.is_empty() && text.len() <= digits;
    (is_number && text.bytes().all(|it| it.is_ascii_digit())).then(|| text.parse().ok())?
}

fn is_memory(text: &str) -> bool {
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T']);
    text.len() - digits.len() <= 1 && number(digits, 12).is_some()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    /// What is said of a section with these lines.
    fn check(lines: &str, expected: Expect) {
        let slurm: Slurm = toml::from_str(lines).unwrap();
        expected.assert_eq(&slurm.check().err().unwrap_or_else(|| "right".to_owned()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_a_sentence() {
        check("", expect!["right"]);
        check(
            "partition = \"a100\"\ntime = \"2-00:00:00\"\nconstraint = \"a100&ib\"\nmem = \"0\"\n\
             extra = [\"--mail-type=END\", \"--switches=1\"]\nsetup = [\"module load cuda\"]",
            expect!["right"],
        );
        check(
            "partition = \"a100 \\n--uid=0\"",
            expect![[
                r#"slurm.partition is "a100 \n--uid=0", with ' ' in it; it must be one word, as `sbatch` takes it"#
            ]],
        );
        check(
            "account = \"\"",
            expect!["slurm.account is empty; leave it out to let the cluster decide"],
        );
        check(
            "time = \"24:00\"",
            expect!["slurm.time is `24:00`; it must be HH:MM:SS or D-HH:MM:SS, such as `24:00:00`"],
        );
        check(
            "time = \"00:03:00\"",
            expect![
                "slurm.time is `00:03:00`, 180 seconds, and slurm.signal_seconds is 180: a job would be asked to stop before it began; allow it more time"
            ],
        );
        check(
            "signal_seconds = 30",
            expect!["slurm.signal_seconds is 30; it must be between 60 and 65535"],
        );
        check(
            "mem = \"480 GB\"",
            expect![[
                r#"slurm.mem is "480 GB", with ' ' in it; it must be one word, as `sbatch` takes it"#
            ]],
        );
        check(
            "mem = \"480GB\"",
            expect![
                "slurm.mem is `480GB`; it must be a number with K, M, G or T behind it, such as `480G`"
            ],
        );
        check(
            "prepare_shares = 5000",
            expect!["slurm.prepare_shares is 5000; it must be between 0 and 1000"],
        );
        check(
            "setup = [\"a\\nb\"]",
            expect![[
                r#"slurm.setup has a line with a line break in it, "a\nb"; write one string a line"#
            ]],
        );
    }

    #[test]
    fn a_secret_stands_in_no_cluster_file() {
        check(
            "setup = [\"module load cuda\", \"export WANDB_API_KEY=abc123\"]",
            expect![
                "slurm.setup, line 2, has the value of WANDB_API_KEY, which looks like a secret; a cluster file is copied into run directories and scripts: keep it in a file that only you can read, and write `export WANDB_API_KEY=$(cat ~/.config/wandb-api-key)`"
            ],
        );
        for line in [
            "HF_TOKEN=hf_abc",
            "export A=1 HF_TOKEN='hf_abc'",
            "export \"HF_TOKEN=hf_abc\"",
            "module load x; declare -x my_password=\"p w\"",
            "set -a && S3_SECRET_ACCESS_KEY=abc && set +a",
        ] {
            let slurm = Slurm { setup: vec![line.to_owned()], ..Slurm::default() };
            let refused = slurm.check().unwrap_err();
            assert!(refused.contains("looks like a secret"), "{line}: {refused}");
            assert!(!refused.contains("abc") && !refused.contains("p w"), "{refused}");
        }
        for line in [
            "source ~/.config/keys",
            "export HF_TOKEN=$(cat ~/.config/hf-token)",
            "export HF_TOKEN=\"$(cat /run/keys/hf)\"",
            "export HF_TOKEN=`cat key`",
            "export HF_TOKEN=$MY_TOKEN",
            "export HF_TOKEN_PATH=/run/keys/hf",
            "export HF_TOKEN=",
            "export MAX_TOKENS=4096 TOKENIZERS_PARALLELISM=false",
            "echo ready # HF_TOKEN=abc is in the keyring",
            "export OMP_NUM_THREADS=8",
        ] {
            let slurm = Slurm { setup: vec![line.to_owned()], ..Slurm::default() };
            assert_eq!(slurm.check(), Ok(()), "{line}");
        }
        check(
            "extra = [\"--export=ALL,HF_TOKEN=abc\"]",
            expect![
                "slurm.extra has `--export` with the value of HF_TOKEN, which looks like a secret; write `export HF_TOKEN=$(cat FILE)` in slurm.setup, with a file that only you can read"
            ],
        );
        check("extra = [\"--export=ALL,HF_TOKEN,A=1\"]", expect!["right"]);
    }

    #[test]
    fn further_options_neither_repeat_ours_nor_change_what_sbatch_does() {
        check(
            "extra = [\"--partition=b\"]",
            expect![
                "slurm.extra has `--partition=b`, but `--partition` is set by slurm.partition; set that instead"
            ],
        );
        check(
            "extra = [\"--node=4\"]",
            expect![
                "slurm.extra has `--node=4`, but `--nodes` follows from the cluster and the run; leave it out"
            ],
        );
        check(
            "extra = [\"-N4\"]",
            expect![[
                r#"slurm.extra has "-N4"; each must be one option of `sbatch` in its long form, such as `--mail-type=END`"#
            ]],
        );
        check(
            "extra = [\"--wait\"]",
            expect!["slurm.extra has `--wait`, which cannot be used here; leave it out"],
        );
        check(
            "extra = [\"--licenses=a\\n#SBATCH --uid=0\"]",
            expect![[
                r##"slurm.extra has "--licenses=a\n#SBATCH --uid=0", with a control character in it"##
            ]],
        );
    }

    #[test]
    fn times_are_read_in_two_forms_only() {
        for (text, expected) in [
            ("00:10:00", Some(600)),
            ("24:00:00", Some(86_400)),
            ("100:00:01", Some(360_001)),
            ("1-00:00:00", Some(86_400)),
            ("3-12:30:05", Some(304_205)),
            ("60", None),
            ("10:00", None),
            ("1-24:00:00", None),
            ("00:60:00", None),
            ("-00:10:00", None),
            ("00:10:+1", None),
            ("00:10:00:00", None),
            ("", None),
            ("UNLIMITED", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_written_section_is_read_back() {
        let slurm = Slurm {
            partition: Some("a100".to_owned()),
            time: Some("2-00:00:00".to_owned()),
            exclusive: true,
            setup: vec!["module load \"cuda\"".to_owned()],
            ..Slurm::default()
        };
        let text = toml::to_string(&slurm).unwrap();
        assert_eq!(toml::from_str::<Slurm>(&text).unwrap(), slurm);
    }
}
