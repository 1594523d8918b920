//! Runs that share a machine's memory, where each may use what is free: the CPU without a budget of the recipe's own.
//!
//! What others take right now is no property of a trial. So one that does not fit is tried again alone, and only then
//! something is said of it. Processes of a sweep know of each other's runs by claims: each run at work has one, and so
//! has the one that shall be alone, for which those that have not begun wait. Everyone shows its own claim before it
//! looks for others', so that no two that must not be together miss each other.

use super::claims::{Claim, Claims, boot};
use crate::error::Error;
use sha2::{Digest, Sha256};
use std::path::Path;

/// A run among those on this machine.
#[derive(Debug)]
pub struct Company {
    /// Of the run.
    name: String,
    /// What those who share memory with it have in common.
    memory: String,
    /// Why it shall be alone, if it shall.
    alone: Option<Alone>,
    /// That it is alone, or waits to be.
    place: Option<Claim>,
    /// That it is at work.
    work: Option<Claim>,
    /// Whether there were others when it began.
    met_others: bool,
}

/// How long a run shall be alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alone {
    /// Until it has what it needs: the plan for it looks at what is free.
    AtFirst,
    /// As long as it works: memory ran out where its plan had fitted.
    Always,
}

impl Company {
    /// A run that has not begun.
    pub fn new(name: &str) -> Self {
        let digest = Sha256::digest(format!("{} {}", boot(), group(Path::new("/"))));
        let memory: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self {
            name: name.to_owned(),
            memory,
            alone: None,
            place: None,
            work: None,
            met_others: false,
        }
    }

    /// Lets the run begin, unless it must wait: for one that shall be alone or, where that is itself, for all others.
    pub fn enter(&mut self, claims: &mut Claims) -> Result<bool, Error> {
        let place = format!("alone-{}", self.memory);
        let may = match self.alone {
            Some(_) => {
                if self.place.is_none() {
                    self.place = claims.take(&place)?;
                }
                self.place.is_some() && self.others(claims)?.is_empty()
            }
            None => claims.is_free(&place),
        };
        if !may {
            return Ok(false);
        }
        let Some(work) = claims.take(&format!("{}{}", self.prefix(), self.name))? else {
            return Ok(false);
        };
        self.met_others = !self.others(claims)?.is_empty();
        let may = match self.alone {
            Some(_) => !self.met_others,
            None => claims.is_free(&place),
        };
        self.work = may.then_some(work);
        Ok(may)
    }

    /// The run is not at work any more, and may begin again.
    pub fn leave(&mut self) {
        (self.place, self.work) = (None, None);
    }

    /// The run did not fit, and is to be tried alone.
    pub fn leave_to_be_alone(&mut self, alone: Alone) {
        self.leave();
        self.alone = Some(alone);
    }

    /// Whether the run was alone when it began, so that a plan that did not fit was its own doing.
    pub fn was_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// Whether others were there when it began, or are now.
    pub fn has_others(&self, claims: &mut Claims) -> Result<bool, Error> {
        Ok(self.met_others || !self.others(claims)?.is_empty())
    }

    /// Whether others were there at its beginning or its end, and may have had what it needed.
    pub fn took_some(&self, claims: &mut Claims) -> Result<bool, Error> {
        Ok(self.alone != Some(Alone::Always) && self.has_others(claims)?)
    }

    /// The run has what it needs: others may come.
    pub fn has_settled(&mut self) {
        if self.alone == Some(Alone::AtFirst) {
            self.place = None;
        }
    }

    /// Shows that its owner lives.
    pub fn beat(&mut self) {
        for claim in self.place.iter_mut().chain(&mut self.work) {
            claim.beat();
        }
    }

    /// Other runs that are at work.
    fn others(&self, claims: &mut Claims) -> Result<Vec<String>, Error> {
        let prefix = self.prefix();
        let mut names = claims.held(&prefix)?;
        names.retain(|name| name.strip_prefix(&prefix) != Some(&self.name));
        Ok(names)
    }

    fn prefix(&self) -> String {
        format!("memory-{}-", self.memory)
    }
}

/// The nearest control group above us that limits memory, of the system whose files lie below `root`; empty where none
/// does. Tasks of a queue, and containers, have one each: what others use there is not missing here.
fn group(root: &Path) -> String {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    let limits = |file: &str| {
        // Version 1 writes no limit as a number that no machine has.
        read(file).trim().parse::<u64>().is_ok_and(|bytes| bytes < 1 << 60)
    };
    let nearest = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, own) = (parts.next()?, parts.next()?);
        let (mount, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            it if it.split(',').any(|it| it == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let mut above = Path::new(own).ancestors().filter_map(Path::to_str);
        let found = above.find(|it| limits(&format!("{mount}{it}/{file}")))?;
        // The root of a system has no limit: this is the root of a container, and all of them call theirs so.
        let space = std::fs::read_link(root.join("proc/self/ns/cgroup")).unwrap_or_default();
        Some(match (found, controllers) {
            ("/", "") => space.to_string_lossy().into_owned(),
            ("/", _) => format!("{} {own}", space.display()),
            (found, _) => found.to_owned(),
        })
    };
    read("proc/self/cgroup").lines().find_map(nearest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Three processes that share a folder.
    fn processes() -> (tempfile::TempDir, [Claims; 3]) {
        let folder = tempfile::tempdir().unwrap();
        let claims = [0, 1, 2].map(|_| Claims::open(folder.path()).unwrap());
        (folder, claims)
    }

    #[test]
    fn who_does_not_fit_waits_for_runs_of_other_processes_and_is_alone_then() {
        let (folder, [mut here, mut there, mut third]) = processes();
        let (mut large, mut small, mut late) =
            (Company::new("0-5"), Company::new("1-5"), Company::new("2-5"));
        assert!(small.enter(&mut there).unwrap());
        assert!(large.enter(&mut here).unwrap(), "they may try beside each other");
        assert!(large.has_others(&mut here).unwrap() && !large.was_alone());
        large.leave_to_be_alone(Alone::AtFirst);
        assert!(!large.enter(&mut here).unwrap(), "the other one is still at work");
        assert!(!late.enter(&mut third).unwrap(), "or it would wait for ever");
        small.leave();
        assert!(!small.enter(&mut there).unwrap(), "who was there before comes behind it, too");
        assert!(large.enter(&mut here).unwrap());
        assert!(large.was_alone() && !large.has_others(&mut here).unwrap());
        assert!(!late.enter(&mut third).unwrap());
        large.has_settled();
        assert!(late.enter(&mut third).unwrap());
        drop((large, small, late));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn two_that_must_be_alone_come_one_after_the_other() {
        let (_folder, [mut here, mut there, _]) = processes();
        let (mut first, mut second) = (Company::new("0-5"), Company::new("1-5"));
        first.leave_to_be_alone(Alone::Always);
        second.leave_to_be_alone(Alone::AtFirst);
        assert!(first.enter(&mut here).unwrap());
        assert!(!second.enter(&mut there).unwrap());
        first.has_settled();
        assert!(!second.enter(&mut there).unwrap(), "memory ran out at work: it stays alone");
        drop(first);
        assert!(second.enter(&mut there).unwrap());
    }

    #[test]
    fn those_share_memory_whom_the_same_group_limits() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(group(root), "", "a system without groups");
        write("proc/self/cgroup", "0::/slurm/job_7/step_0\n");
        write("sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max\n");
        assert_eq!(group(root), "", "nothing is limited");
        write("sys/fs/cgroup/slurm/job_7/memory.max", "8589934592\n");
        write("sys/fs/cgroup/slurm/memory.max", "17179869184\n");
        assert_eq!(group(root), "/slurm/job_7");
        // The first version, whose largest number is no limit.
        write("proc/self/cgroup", "5:cpu:/a\n4:hugetlb,memory:/b/c\n");
        write("sys/fs/cgroup/memory/b/c/memory.limit_in_bytes", "9223372036854771712\n");
        write("sys/fs/cgroup/memory/b/memory.limit_in_bytes", "1000000\n");
        assert_eq!(group(root), "/b");
        // A container, which sees its own group as the root.
        write("proc/self/cgroup", "0::/\n");
        write("sys/fs/cgroup/memory.max", "1000000\n");
        std::fs::create_dir_all(root.join("proc/self/ns")).unwrap();
        std::os::unix::fs::symlink("cgroup:[42]", root.join("proc/self/ns/cgroup")).unwrap();
        assert_eq!(group(root), "cgroup:[42]");
    }

    #[test]
    fn the_dead_keep_nobody_waiting() {
        let (folder, [mut here, mut there, _]) = processes();
        let (mut dead, mut large) = (Company::new("0-5"), Company::new("1-5"));
        assert!(dead.enter(&mut there).unwrap());
        large.leave_to_be_alone(Alone::AtFirst);
        assert!(!large.enter(&mut here).unwrap());
        // As if another process with our number had had it.
        let path = folder.path().join(format!("{}0-5/owner.json", dead.prefix()));
        let mut owner: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        owner["born"] = 1.into();
        std::fs::write(&path, owner.to_string()).unwrap();
        assert!(large.enter(&mut here).unwrap());
    }
}
