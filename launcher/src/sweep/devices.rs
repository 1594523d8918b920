//! What the runs of a process compute on: GPUs of their own, or a share of the cores.
//!
//! A process that works on a sweep claims GPUs for as long as it works, so that another one on the same machine takes
//! others. A claim names a GPU as `CUDA_VISIBLE_DEVICES` does, and those who see the same GPUs under the same names: a
//! job of a scheduler and a container were given GPUs that are theirs already.

use super::claims::{Claim, Claims, PATIENCE, host, machine};
use super::trial::Setting;
use crate::cluster::{Backend, Cluster};
use crate::error::{Error, exit};
use data_pipeline::predictions::replace_among_others;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use trainer::device::cuda::Places;

/// Between two tries for GPUs whose owner may be dead.
const PAUSE: Duration = Duration::from_millis(500);

/// GPUs, or hosts with theirs, that are ours until this is dropped.
#[derive(Debug, Default)]
pub struct Devices {
    /// What each slot is given as `CUDA_VISIBLE_DEVICES`; nothing where there is nothing to be given.
    slots: Vec<String>,
    claims: Vec<Claim>,
}

/// What can be claimed, and how much of it one run needs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stock {
    /// As `CUDA_VISIBLE_DEVICES` has them, or names of hosts.
    names: Vec<String>,
    /// Who knows them by these names.
    scope: String,
    /// For one run.
    each: usize,
    /// What they are.
    what: &'static str,
}

impl Devices {
    /// Claims what so many runs at a time need; none where `stop` was set meanwhile.
    pub fn reserve(
        setting: &Setting,
        slots: usize,
        claims: &mut Claims,
        stop: &AtomicBool,
    ) -> Result<Option<Self>, Error> {
        let Some(stock) = stock(setting)? else { return Ok(Some(Self::default())) };
        stock.check(slots)?;
        // Those who are silent are dead for sure after so long; who lives on has what it has.
        let patience = Instant::now() + PATIENCE + 2 * PAUSE;
        loop {
            if let Some(taken) = stock.take(slots, claims)? {
                let is_local = setting.cluster.backend == Backend::Local;
                let slots = if is_local { stock.share(&taken, slots) } else { Vec::new() };
                let claims = taken.into_iter().map(|(_, claim)| claim).collect();
                return Ok(Some(Self { slots, claims }));
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if Instant::now() >= patience || stock.are_surely_taken(slots, claims) {
                return Err(stock.taken(slots, claims));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// `CUDA_VISIBLE_DEVICES` of a slot.
    pub fn of(&self, slot: usize) -> Option<String> {
        self.slots.get(slot).cloned()
    }

    /// Shows that their owner lives; whether all of them still are ours, as far as is known.
    pub fn beat(&mut self) -> bool {
        // Each of them, even behind one that is lost.
        self.claims.iter_mut().fold(true, |all, claim| claim.beat() && all)
    }
}

/// Refuses more runs at a time than there are GPUs for.
pub fn check(setting: &Setting, slots: usize) -> Result<(), Error> {
    stock(setting)?.map_or(Ok(()), |stock| stock.check(slots))
}

/// What the runs of a sweep would take from each other; none where they take nothing.
fn stock(setting: &Setting) -> Result<Option<Stock>, Error> {
    let Cluster { backend, ranks, ssh, .. } = &setting.cluster;
    if setting.sweep.recipe_with(&[])?.run.device != "cuda" {
        return Ok(None);
    }
    match backend {
        Backend::Local => {
            let found = Places::of_this_machine().find(0);
            let found = found.map_err(|message| Error::new(exit::BACKEND, message))?;
            let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
            let names = names(visible.as_deref(), found.gpus.len());
            let given = ["SLURM_JOB_ID", "NVIDIA_VISIBLE_DEVICES"]
                .map(|name| std::env::var(name).unwrap_or_default());
            let scope = scope(&host(), &format!("{} {}", machine(), given.join(" ")));
            Ok(Some(Stock { names, scope, each: *ranks, what: "GPU" }))
        }
        // A run uses all hosts, and of each the first GPUs.
        Backend::Ssh => {
            let host = |host: &String| host.rsplit('@').next().unwrap_or_default().to_owned();
            let mut names: Vec<String> = ssh.hosts.iter().map(host).collect();
            names.sort();
            names.dedup();
            let each = names.len();
            Ok(Some(Stock { names, scope: "host".to_owned(), each, what: "host" }))
        }
        // The queue gives each its own.
        Backend::Slurm | Backend::Kubernetes => Ok(None),
    }
}

/// The GPUs that we may use, as the variable has them.
fn names(visible: Option<&str>, count: usize) -> Vec<String> {
    match visible.map(str::trim).filter(|it| !it.is_empty()) {
        Some(list) => list.split(',').map(|it| it.trim().to_owned()).take(count).collect(),
        None => (0..count).map(|number| number.to_string()).collect(),
    }
}

/// A name for all who see the same GPUs.
fn scope(host: &str, view: &str) -> String {
    let digest = Sha256::digest(view);
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("gpu-{host}-{short}")
}

impl Stock {
    fn check(&self, slots: usize) -> Result<(), Error> {
        let Self { names, each, what, .. } = self;
        let (needed, there) = (slots * each, names.len());
        if needed <= there {
            return Ok(());
        }
        let message = match self.what {
            "host" => format!(
                "{slots} runs at a time need {slots} times the {there} host(s) of the cluster file: each run computes on \
                 the first GPUs of all of them"
            ),
            _ => format!(
                "{slots} run(s) at a time with {each} rank(s) each need {needed} {what}s, but there are {there} here"
            ),
        };
        let fit = there / (*each).max(1);
        Err(Error::new(exit::DECLARATION, message).hint(match fit {
            0 => "let CUDA_VISIBLE_DEVICES name more GPUs, or give the cluster file fewer ranks"
                .to_owned(),
            fit => format!("at most {fit} run(s) fit at a time: lower `parallel`, or --slots"),
        }))
    }

    /// The name of the claim on one of them.
    fn claim(&self, name: &str) -> String {
        let safe = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        format!("{}-{}", self.scope, name.chars().map(safe).collect::<String>())
    }

    /// Claims enough of them, or none.
    fn take(
        &self,
        slots: usize,
        claims: &mut Claims,
    ) -> Result<Option<Vec<(String, Claim)>>, Error> {
        // Two that take some at a time would keep them from each other.
        let _one_at_a_time = claims.wait(&format!("taking-{}", self.scope), || {})?;
        let mut taken = Vec::new();
        for name in &self.names {
            // The first try buries a dead owner, the second comes after it.
            for _ in 0..2 {
                if taken.len() == slots * self.each {
                    break;
                }
                if let Some(claim) = claims.take(&self.claim(name))? {
                    taken.push((name.clone(), claim));
                    break;
                }
            }
        }
        Ok((taken.len() == slots * self.each).then_some(taken))
    }

    /// What each slot gets of what was taken.
    fn share(&self, taken: &[(String, Claim)], slots: usize) -> Vec<String> {
        let names: Vec<&str> = taken.iter().map(|(name, _)| name.as_str()).collect();
        let parts = names.chunks(self.each.max(1)).take(slots);
        parts.map(|part| part.join(",")).collect()
    }

    /// Whether too few are left without those whose owners live for sure.
    fn are_surely_taken(&self, slots: usize, claims: &Claims) -> bool {
        let is_taken = |name: &&String| claims.is_surely_held(&self.claim(name));
        let taken = self.names.iter().filter(is_taken).count();
        self.names.len() - taken < slots * self.each
    }

    fn taken(&self, slots: usize, claims: &mut Claims) -> Error {
        let Self { names, each, what, .. } = self;
        let free = names.iter().filter(|name| claims.is_free(&self.claim(name))).count();
        let message = format!(
            "{slots} run(s) at a time with {} {what}(s) each need {} {what}(s), but other workers of this sweep leave {free} \
             of {} free",
            each,
            slots * each,
            names.len()
        );
        Error::new(exit::TRANSIENT, message)
            .hint("start fewer workers or --slots on this machine, or wait for the others")
    }
}

/// A setting in which the ranks of so many runs at a time have no more threads than this machine has cores; with what
/// is to be said of it.
pub fn share_cores(setting: Setting, slots: usize) -> Result<(Setting, Option<String>), Error> {
    let Cluster { backend, ranks, threads_per_rank, .. } = setting.cluster;
    let on_cores = setting.sweep.recipe_with(&[])?.run.device == "flex";
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads(cores, slots * ranks, threads_per_rank);
    if backend != Backend::Local || !on_cores || threads == threads_per_rank {
        return Ok((setting, None));
    }
    let cluster = Cluster { threads_per_rank: threads, ..setting.cluster };
    let folder = setting.folder.submit();
    std::fs::create_dir_all(&folder).map_err(data_pipeline::Error::write(&folder))?;
    // Workers that share the cores alike write the same.
    let file = folder.join(format!("threads-{ranks}x{threads}.toml"));
    replace_among_others(&file, cluster.to_toml().as_bytes())?;
    let note = format!(
        "{slots} run(s) at a time with {ranks} rank(s) share {cores} core(s): {threads} thread(s) for each rank, not \
         {threads_per_rank}"
    );
    Ok((Setting { cluster, cluster_file: Some(file), ..setting }, Some(note)))
}

/// Threads of each of so many ranks at a time.
fn threads(cores: usize, ranks: usize, asked: usize) -> usize {
    asked.min((cores / ranks.max(1)).max(1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn stock(count: usize, each: usize) -> Stock {
        Stock { names: names(None, count), scope: "gpu-a".to_owned(), each, what: "GPU" }
    }

    fn taken(stock: &Stock, slots: usize, claims: &mut Claims) -> Option<Devices> {
        let taken = stock.take(slots, claims).unwrap()?;
        let slots = stock.share(&taken, slots);
        Some(Devices { slots, claims: taken.into_iter().map(|it| it.1).collect() })
    }

    #[test]
    fn gpus_are_those_of_the_variable() {
        assert_eq!(names(None, 2), ["0", "1"]);
        assert_eq!(names(Some(""), 1), ["0"]);
        assert_eq!(names(Some("3, GPU-a,7"), 3), ["3", "GPU-a", "7"]);
        // Behind one that is not there the driver shows none.
        assert_eq!(names(Some("3,9,7"), 1), ["3"]);
    }

    #[test]
    fn workers_on_one_machine_have_gpus_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut claims = Claims::open(folder.path()).unwrap();
        let mut others = Claims::open(folder.path()).unwrap();
        let stock = stock(5, 2);
        let mut first = taken(&stock, 1, &mut claims).unwrap();
        let second = taken(&stock, 1, &mut others).unwrap();
        assert_eq!((first.of(0), first.of(1)), (Some("0,1".to_owned()), None));
        assert_eq!(second.of(0), Some("2,3".to_owned()));
        assert!(first.beat());
        // One is left, and a third would need two: it takes none, and both numbers are told.
        assert!(taken(&stock, 1, &mut others).is_none());
        assert!(stock.are_surely_taken(1, &others));
        expect!["1 run(s) at a time with 2 GPU(s) each need 2 GPU(s), but other workers of this sweep leave 1 of 5 free"]
            .assert_eq(&stock.taken(1, &mut others).message);
        drop(first);
        assert_eq!(taken(&stock, 1, &mut others).unwrap().of(0), Some("0,1".to_owned()));
    }

    #[test]
    fn runs_of_one_process_have_gpus_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut claims = Claims::open(folder.path()).unwrap();
        let devices = taken(&stock(4, 2), 2, &mut claims).unwrap();
        assert_eq!(devices.slots, ["0,1", "2,3"]);
        drop(devices);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn gpus_of_a_worker_that_was_killed_are_free() {
        let folder = tempfile::tempdir().unwrap();
        let mut claims = Claims::open(folder.path()).unwrap();
        let stock = stock(1, 1);
        let devices = taken(&stock, 1, &mut claims).unwrap();
        // As if another process with our number had had them.
        let path = folder.path().join(stock.claim("0")).join("owner.json");
        let mut owner: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        owner["born"] = serde_json::json!(1);
        std::fs::write(&path, owner.to_string()).unwrap();
        assert!(!stock.are_surely_taken(1, &claims));
        assert!(taken(&stock, 1, &mut claims).is_some());
        drop(devices);
    }

    #[test]
    fn more_runs_than_gpus_are_refused_with_both_numbers() {
        let refused = |count, each, slots, expected: Expect| {
            let error = stock(count, each).check(slots).unwrap_err();
            assert_eq!(error.code, exit::DECLARATION);
            expected.assert_eq(&error.to_string());
        };
        assert_eq!(stock(4, 2).check(2), Ok(()));
        refused(
            3,
            1,
            4,
            expect![[r#"
                error: 4 run(s) at a time with 1 rank(s) each need 4 GPUs, but there are 3 here
                hint: at most 3 run(s) fit at a time: lower `parallel`, or --slots"#]],
        );
        refused(
            1,
            2,
            1,
            expect![[r#"
                error: 1 run(s) at a time with 2 rank(s) each need 2 GPUs, but there are 1 here
                hint: let CUDA_VISIBLE_DEVICES name more GPUs, or give the cluster file fewer ranks"#]],
        );
        let hosts = Stock {
            names: vec!["a".to_owned(), "b".to_owned()],
            scope: "host".to_owned(),
            each: 2,
            what: "host",
        };
        let error = hosts.check(2).unwrap_err();
        expect!["2 runs at a time need 2 times the 2 host(s) of the cluster file: each run computes on the first GPUs of all of them"]
            .assert_eq(&error.message);
        assert_eq!(hosts.check(1), Ok(()));
    }

    #[test]
    fn claims_of_other_machines_and_jobs_have_other_names() {
        let names = [
            scope("a", "boot 1"),
            scope("b", "boot 1"),
            scope("a", "boot 2"),
            scope("a", "boot 1 job"),
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name}");
        }
        assert_eq!(stock(1, 1).claim("MIG-GPU/1:0"), "gpu-a-MIG_GPU_1_0");
    }

    #[test]
    fn threads_are_divided_and_never_more_than_asked_for() {
        assert_eq!(threads(16, 4, 8), 4);
        assert_eq!(threads(16, 4, 2), 2);
        assert_eq!(threads(2, 4, 8), 1);
    }
}
