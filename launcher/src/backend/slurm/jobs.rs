//! Jobs as SLURM's programs tell of them: several versions of their JSON, and plain text where there is
//! none.
//!
//! Numbers are plain up to version 22.05 and objects with `set` and `number` since 23.02; states are words
//! up to 23.02 and lists of words since 23.11; `sacct` puts into objects what `squeue` has plain.

use super::super::{QueueState, Stage};
use serde::Deserialize;

/// What comments of jobs begin with that go on with another job's work.
pub const FOLLOWS: &str = "knowcoder follows ";

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// Its own number.
    pub id: u64,
    /// Number of the array that it is part of.
    pub array: Option<u64>,
    /// SLURM's words for its state, the main one first.
    pub states: Vec<String>,
    /// Why it is in that state; empty: it is not said.
    pub reason: String,
    /// How often it began again.
    pub restarts: usize,
    /// What it ended with.
    pub code: Option<i64>,
    /// The job whose work it goes on with.
    pub follows: Option<u64>,
}

#[derive(Deserialize)]
struct Document {
    jobs: Vec<Written>,
}

/// A job as any version writes it.
#[derive(Deserialize)]
struct Written {
    job_id: Number,
    job_state: Option<States>,
    state: Option<Accounted>,
    state_reason: Option<String>,
    restart_cnt: Option<Number>,
    array_job_id: Option<Number>,
    array: Option<Array>,
    exit_code: Option<Code>,
    comment: Option<Comment>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(i64),
    Object {
        #[serde(default = "yes")]
        set: bool,
        number: i64,
    },
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum States {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Accounted {
    current: States,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Array {
    job_id: Number,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    /// As `wait` gives it.
    Raw(i64),
    /// The same since 23.02.
    Number {
        number: i64,
    },
    /// Since 23.11.
    Object {
        return_code: Number,
    },
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Comment {
    Plain(String),
    Object { job: Option<String> },
    Other(serde::de::IgnoredAny),
}

fn yes() -> bool {
    true
}

impl Number {
    fn get(&self) -> Option<i64> {
        match self {
            Self::Plain(number) | Self::Object { set: true, number } => Some(*number),
            Self::Object { set: false, .. } | Self::Other(_) => None,
        }
    }

    /// A number of a job; 0 is none.
    fn id(&self) -> Option<u64> {
        self.get().and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0)
    }
}

impl States {
    fn words(self) -> Vec<String> {
        match self {
            Self::One(word) => vec![word],
            Self::Many(words) => words,
        }
    }
}

impl Written {
    fn read(self) -> Option<Job> {
        let accounted = self.state.map(|it| (it.current.words(), it.reason));
        let (states, reason) = match (self.job_state, accounted) {
            (Some(states), _) => (states.words(), self.state_reason),
            (None, Some(accounted)) => accounted,
            (None, None) => return None,
        };
        let code = match self.exit_code {
            Some(Code::Raw(status)) | Some(Code::Number { number: status }) => Some(status >> 8),
            Some(Code::Object { return_code }) => return_code.get(),
            Some(Code::Other(_)) | None => None,
        };
        let comment = match self.comment {
            Some(Comment::Plain(text)) | Some(Comment::Object { job: Some(text) }) => text,
            _ => String::new(),
        };
        let array = self.array_job_id.or(self.array.map(|it| it.job_id));
        Some(Job {
            id: self.job_id.id()?,
            array: array.and_then(|it| it.id()),
            states,
            reason: said(&reason.unwrap_or_default()),
            restarts: self.restart_cnt.and_then(|it| it.get()).unwrap_or(0).max(0) as usize,
            code,
            follows: follows(&comment),
        })
    }
}

/// What stands for nothing said.
fn said(text: &str) -> String {
    match text.trim() {
        "None" | "(null)" | "N/A" => String::new(),
        text => text.to_owned(),
    }
}

fn follows(comment: &str) -> Option<u64> {
    comment.trim().strip_prefix(FOLLOWS)?.parse().ok()
}

/// The jobs of `squeue --json` or `sacct --json`; `None`: that is no such document.
pub fn of_json(text: &str) -> Option<Vec<Job>> {
    let document: Document = serde_json::from_str(text).ok()?;
    let jobs: Vec<Job> = document.jobs.into_iter().filter_map(Written::read).collect();
    // `sacct` also tells of what a job was before it was requeued.
    let is_newest = |job: &&Job| {
        !job.states.iter().any(|it| it == "REQUEUED")
            || jobs.iter().filter(|other| other.id == job.id).count() == 1
    };
    Some(jobs.iter().filter(is_newest).cloned().collect())
}

/// How `squeue -o` is asked for what [`of_lines`] reads.
pub const LINE: &str = "%A|%F|%T|%r|%k";

/// The jobs of `squeue -h -o` [`LINE`].
pub fn of_lines(text: &str) -> Vec<Job> {
    let read = |line: &str| {
        let mut fields = line.splitn(5, '|');
        let id = fields.next()?.trim().parse().ok()?;
        let array = fields.next()?.trim().parse().ok().filter(|array| *array != id);
        let states = vec![fields.next()?.trim().to_owned()];
        let reason = said(fields.next()?);
        let follows = follows(fields.next()?);
        Some(Job { id, array, states, reason, follows, ..Job::default() })
    };
    text.lines().filter_map(read).collect()
}

/// The jobs of `scontrol -o show job`.
pub fn of_fields(text: &str) -> Vec<Job> {
    let read = |line: &str| {
        let field = |name: &str| {
            line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let code = field("ExitCode").and_then(|it| it.split(':').next()?.parse().ok());
        Some(Job {
            id: field("JobId")?.parse().ok()?,
            array: field("ArrayJobId").and_then(|it| it.parse().ok()),
            states: vec![field("JobState")?.to_owned()],
            reason: said(field("Reason").unwrap_or_default()),
            restarts: field("Restarts").and_then(|it| it.parse().ok()).unwrap_or(0),
            code,
            follows: None,
        })
    };
    text.lines().filter_map(read).collect()
}

/// How `sacct -n -P -X` is asked for what [`of_accounts`] reads.
pub const ACCOUNT: &str = "--format=JobIDRaw,JobID,State,ExitCode";

/// The jobs of `sacct -n -P -X` with [`ACCOUNT`].
pub fn of_accounts(text: &str) -> Vec<Job> {
    let read = |line: &str| {
        let mut fields = line.split('|');
        let id = fields.next()?.parse().ok()?;
        let array = fields.next()?.split_once('_').and_then(|(array, _)| array.parse().ok());
        // `CANCELLED by 1000`
        let states = vec![fields.next()?.split(' ').next()?.to_owned()];
        let code = fields.next().and_then(|it| it.split(':').next()?.parse().ok());
        Some(Job { id, array, states, code, ..Job::default() })
    };
    text.lines().filter_map(read).collect()
}

impl Job {
    /// Whether it is, or is part of, the job with this number.
    pub fn is(&self, id: u64) -> bool {
        self.id == id || self.array == Some(id)
    }

    /// In our words.
    pub fn stage(&self) -> Stage {
        let has = |word: &str| self.states.iter().any(|it| it == word);
        if has("REQUEUED") || has("REQUEUE_FED") || has("REQUEUE_HOLD") {
            return Stage::Waiting;
        }
        if has("COMPLETING") {
            return Stage::Running;
        }
        match self.states.first().map_or("", String::as_str) {
            "PENDING" | "RESV_DEL_HOLD" | "SPECIAL_EXIT" => Stage::Waiting,
            "RUNNING" | "CONFIGURING" | "SUSPENDED" | "STOPPED" | "SIGNALING" | "STAGE_OUT"
            | "RESIZING" => Stage::Running,
            "COMPLETED" => Stage::Done,
            "BOOT_FAIL" | "CANCELLED" | "DEADLINE" | "FAILED" | "NODE_FAIL" | "OUT_OF_MEMORY"
            | "PREEMPTED" | "TIMEOUT" | "REVOKED" | "LAUNCH_FAILED" | "RECONFIG_FAIL" => {
                Stage::Failed
            }
            _ => Stage::Unknown,
        }
    }

    /// In SLURM's words.
    fn words(&self) -> String {
        let states = self.states.join("+");
        match (self.reason.as_str(), self.stage(), self.code) {
            (_, Stage::Failed, Some(code)) if code != 0 => {
                format!("job {}: {states} (exit code {code})", self.id)
            }
            ("", _, _) => format!("job {}: {states}", self.id),
            (reason, _, _) => format!("job {}: {states} ({reason})", self.id),
        }
    }
}

/// How far the jobs `ids` of one run are, and those that go on with their work.
pub fn state(ids: &[u64], jobs: &[Job]) -> QueueState {
    let mut own: Vec<&Job> =
        ids.iter().flat_map(|id| jobs.iter().filter(|job| job.is(*id))).collect();
    let mut followers: Vec<&Job> =
        jobs.iter().filter(|job| job.follows.is_some_and(|id| ids.contains(&id))).collect();
    followers.sort_by_key(|job| job.id);
    if let Some(first) = followers.first() {
        // What failed before it was followed was gone on with; so was what failed among those that follow.
        let last = followers.last().map_or(first.id, |job| job.id);
        own.retain(|job| job.stage() != Stage::Failed);
        followers.retain(|job| job.stage() != Stage::Failed || job.id == last);
        own.extend(followers);
    }
    let restarts = own.iter().map(|job| job.restarts).sum();
    let of = |stage: Stage| own.iter().find(|job| job.stage() == stage);
    // One that runs comes before all; one that failed keeps those behind it from ever beginning.
    for stage in [Stage::Running, Stage::Failed, Stage::Waiting] {
        if let Some(job) = of(stage) {
            return QueueState { stage, words: job.words(), restarts };
        }
    }
    match own.last() {
        // Jobs are forgotten in the order of their ends: where the last is done, so are all.
        Some(job) if ids.last().is_none_or(|id| job.is(*id)) || job.follows.is_some() => {
            QueueState { stage: job.stage(), words: job.words(), restarts }
        }
        _ => QueueState {
            stage: Stage::Unknown,
            words: "SLURM does not know the job any more".to_owned(),
            restarts,
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn recorded(name: &str) -> Vec<Job> {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/slurm");
        of_json(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
    }

    fn show(jobs: &[Job], ids: &[u64]) -> String {
        let state = state(ids, jobs);
        let QueueState { stage, words, restarts } = state;
        format!("{stage:?} | {words} | {restarts}")
    }

    fn check(jobs: &[Job], ids: &[u64], expected: Expect) {
        expected.assert_eq(&show(jobs, ids));
    }

    /// Numbers 14 to 21 are: a preparation of two of which the second failed, a run that waits for it,
    /// a run that was requeued, its second phase, one that is done, one that ended with 76, one that was
    /// cancelled, and the first of the preparation.
    #[test]
    fn every_version_of_squeue_is_read_alike() {
        for version in ["v0.0.38", "v0.0.39", "v0.0.40", "v0.0.41"] {
            let jobs = recorded(&format!("squeue-{version}.json"));
            let show = |ids: &[u64]| show(&jobs, ids);
            assert_eq!(show(&[14, 15]), "Failed | job 14: FAILED (exit code 1) | 0", "{version}");
            assert_eq!(show(&[16, 17]), "Running | job 16: RUNNING | 1", "{version}");
            assert_eq!(show(&[17]), "Waiting | job 17: PENDING (Dependency) | 0", "{version}");
            assert_eq!(show(&[18]), "Done | job 18: COMPLETED | 0", "{version}");
            assert_eq!(show(&[19]), "Failed | job 19: FAILED (exit code 76) | 0", "{version}");
            assert_eq!(
                show(&[99]),
                "Unknown | SLURM does not know the job any more | 0",
                "{version}"
            );
            // Job 3 is forgotten, and job 16 follows it.
            assert_eq!(show(&[3]), "Running | job 16: RUNNING | 1", "{version}");
        }
    }

    #[test]
    fn every_version_of_sacct_is_read_alike() {
        for version in ["v0.0.38", "v0.0.40", "v0.0.41"] {
            let jobs = recorded(&format!("sacct-{version}.json"));
            let stage = |id: u64| state(&[id], &jobs).stage;
            assert_eq!(jobs.iter().filter(|job| job.id == 16).count(), 1, "{version}");
            assert_eq!(stage(16), Stage::Running, "{version}");
            assert_eq!(stage(18), Stage::Done, "{version}");
            assert_eq!(stage(19), Stage::Failed, "{version}");
            assert_eq!(stage(20), Stage::Failed, "{version}");
            assert_eq!(stage(14), Stage::Failed, "{version}: a part of the array failed");
        }
    }

    #[test]
    fn without_json_text_is_read() {
        let jobs = of_lines(
            "15|15|PENDING|DependencyNeverSatisfied|(null)\n14|14|RUNNING|None|\n\
             22|14|PENDING|Resources|\n16|16|RUNNING|None|knowcoder follows 3\nnonsense\n",
        );
        check(&jobs, &[15], expect!["Waiting | job 15: PENDING (DependencyNeverSatisfied) | 0"]);
        check(&jobs, &[14], expect!["Running | job 14: RUNNING | 0"]);
        check(&jobs, &[3], expect!["Running | job 16: RUNNING | 0"]);
        let jobs = of_fields(
            "JobId=16 JobName=demo UserId=ann(1000) JobState=RUNNING Reason=None Requeue=1 Restarts=1 ExitCode=0:0\n\
             JobId=14 ArrayJobId=14 ArrayTaskId=2 JobState=FAILED Reason=NonZeroExitCode Restarts=0 ExitCode=1:0\n",
        );
        check(&jobs, &[16], expect!["Running | job 16: RUNNING | 1"]);
        check(&jobs, &[14], expect!["Failed | job 14: FAILED (exit code 1) | 0"]);
        let jobs =
            of_accounts("20|20|CANCELLED by 0|0:0\n21|14_1|COMPLETED|0:0\n14|14_2|FAILED|76:0\n");
        check(&jobs, &[20], expect!["Failed | job 20: CANCELLED | 0"]);
        // What `why` explains keeps its word.
        for word in ["TIMEOUT", "PREEMPTED", "NODE_FAIL", "OUT_OF_MEMORY"] {
            let jobs = of_accounts(&format!("30|30|{word}|0:0\n"));
            assert_eq!(show(&jobs, &[30]), format!("Failed | job 30: {word} | 0"));
        }
        check(&jobs, &[14], expect!["Failed | job 14: FAILED (exit code 76) | 0"]);
    }

    #[test]
    fn who_follows_takes_the_place_of_who_failed() {
        let job = |id, state: &str, follows| Job {
            id,
            states: vec![state.to_owned()],
            follows,
            ..Job::default()
        };
        let mut jobs = vec![
            job(5, "COMPLETED", None),
            job(6, "FAILED", None),
            job(7, "CANCELLED", None),
            job(8, "FAILED", Some(6)),
            job(9, "CANCELLED", Some(6)),
            job(10, "RUNNING", Some(6)),
            job(11, "PENDING", Some(6)),
        ];
        check(&jobs, &[5, 6, 7], expect!["Running | job 10: RUNNING | 0"]);
        jobs[5].states = vec!["COMPLETED".to_owned()];
        check(&jobs, &[5, 6, 7], expect!["Waiting | job 11: PENDING | 0"]);
        jobs[6].states = vec!["COMPLETED".to_owned()];
        check(&jobs, &[5, 6, 7], expect!["Done | job 11: COMPLETED | 0"]);
    }

    #[test]
    fn other_texts_are_no_documents() {
        for text in ["", "{}", "[]", "squeue: unrecognized option '--json'", "{\"jobs\": 1}"] {
            assert!(of_json(text).is_none(), "{text}");
        }
        assert_eq!(of_json("{\"jobs\":[]}"), Some(Vec::new()));
        // Shapes that nobody has seen yet leave the job without what they say.
        let text =
            r#"{"jobs":[{"job_id":7,"job_state":["RUNNING"],"restart_cnt":"two","exit_code":[]}]}"#;
        check(&of_json(text).unwrap(), &[7], expect!["Running | job 7: RUNNING | 0"]);
    }
}
