//! SLURM: nodes of an allocation as seen from inside it, and the queue as seen from outside.

mod client;
mod hostlist;
mod jobs;
mod limits;
mod notice;
mod outlook;
mod script;

pub use limits::are_passed_on;
pub use script::{Work, work};

use super::{Job, Nodes, Notice, Outlook, QueueState, Rendered, Stage};
use crate::cluster::{Cluster, Slurm};
use crate::error::{Error, exit};
use crate::standing::past::Past;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// The nodes of the allocation that this process is in.
pub struct Allocation {
    interface: Option<String>,
    slurm: Slurm,
    run_dir: PathBuf,
}

/// How long the controller may take to say why a job is to stop: when SLURM ends a job, half a minute is all
/// there is.
const BRIEF: Duration = Duration::from_secs(5);

/// What the script writes down of the signals that it was sent.
const SIGNALS: [&str; 3] = ["USR1", "TERM", "INT"];

impl Allocation {
    /// As `cluster` says.
    pub fn new(cluster: &Cluster, run_dir: &Path) -> Self {
        let Cluster { interface, slurm, .. } = cluster.clone();
        Self { interface, slurm, run_dir: run_dir.to_owned() }
    }
}

/// Puts nodes that were cordoned behind all others: among the spares, where there are any.
fn last(mut names: Vec<String>, cordoned: &[String]) -> Vec<String> {
    names.sort_by_key(|name| cordoned.contains(name));
    names
}

impl Nodes for Allocation {
    fn names(&self) -> Result<Vec<String>, Error> {
        let list = variable("SLURM_JOB_NODELIST").ok_or_else(outside)?;
        let names = hostlist::expand(&list).map_err(|message| {
            Error::new(exit::BACKEND, format!("SLURM_JOB_NODELIST: {message}"))
        })?;
        let past = Past::read(&self.run_dir.join("events.jsonl"));
        Ok(last(names, &past.cordoned()))
    }

    /// Every address, under the one that other nodes of the allocation know.
    fn listen(&self) -> Result<(IpAddr, String), Error> {
        let everywhere = Ipv4Addr::UNSPECIFIED.into();
        if let Some(interface) = &self.interface {
            let address = address_of(interface)?;
            return Ok((everywhere, address.to_string()));
        }
        if let Some(address) = variable("SLURM_LAUNCH_NODE_IPADDR") {
            return Ok((everywhere, address));
        }
        let name = variable("SLURMD_NODENAME").ok_or_else(outside)?;
        // SLURM itself reaches the node there; its name need not be one that anything else knows.
        let said = client::ask("scontrol", &["-o", "show", "node", &name]);
        let said = said.map_or_else(|_| String::new(), |said| said.stdout);
        let address = said.split_whitespace().find_map(|it| it.strip_prefix("NodeAddr="));
        Ok((everywhere, address.map_or(name, str::to_owned)))
    }

    /// A step of its own on the node. It shares the node's processors with others, so that a step that
    /// hangs on a lost node keeps nobody out; and it does not say how many it wants, since then it would
    /// get no GPUs.
    fn agent(&self, node: &str, program: &Path) -> Result<Option<Command>, Error> {
        let mut command = Command::new("srun");
        command
            .args(["--overlap", "--nodes=1", "--ntasks=1", "--nodelist", node])
            // What we write to it reaches the agent, and so does the end of it.
            .args(["--input=0", "--unbuffered"])
            .args(["--kill-on-bad-exit=1", "--wait=5", "--mpi=none", "--export=ALL"])
            // One task would be bound to one processor, and all ranks of the node with it.
            .arg("--cpu-bind=none")
            .arg(program)
            .arg("agent")
            // Whoever sets it means other steps: with a number of its own ours would not have all processors.
            .env_remove("SRUN_CPUS_PER_TASK");
        Ok(Some(command))
    }

    fn is_home(&self, node: &str) -> bool {
        variable("SLURMD_NODENAME").as_deref() == Some(node)
    }

    /// The script of the job wrote down which signal came; the controller knows the rest.
    fn notice(&self) -> Option<Notice> {
        let job = variable("SLURM_JOB_ID")?;
        let path = self.run_dir.join("submit").join("notice");
        // It is asked more than once, and what we wrote there ourselves is no signal.
        let kept = path.with_extension("signal");
        let read = |path: &Path| {
            let text = std::fs::read_to_string(path).ok()?;
            Some(text.trim().to_owned()).filter(|it| SIGNALS.contains(&it.as_str()))
        };
        let signal = read(&path).or_else(|| read(&kept));
        if let Some(signal) = &signal {
            let _ = std::fs::write(&kept, signal);
        }
        let signal = signal.as_deref();
        let said = client::ask_within("scontrol", &["-o", "show", "job", &job], BRIEF);
        let said = said.map_or_else(|_| String::new(), |said| said.stdout);
        let restarts = variable("SLURM_RESTART_COUNT").and_then(|it| it.parse().ok());
        let sight =
            notice::Sight { job: &job, restarts: restarts.unwrap_or(0), signal, said: &said };
        let notice = sight.notice(&self.slurm)?;
        // For the script, which puts the job back and tells why; without it, it does what it knows.
        let wish = if notice.comes_back && sight.is_left_to_us() { " requeue" } else { "" };
        let _ = std::fs::write(&path, format!("{}{wish}\n", notice.kind));
        Some(notice)
    }

    /// The signal goes the whole way: from the controller to the script, which asks the driver.
    fn warn(&self) -> bool {
        let Some(job) = variable("SLURM_JOB_ID") else { return false };
        // Nodes must be heard meanwhile.
        std::thread::spawn(move || {
            let said = client::ask("scancel", &["--signal=USR1", "--batch", &job]);
            match said {
                Ok(said) if said.ok => {}
                Ok(said) => tracing::warn!("a drill fails: `scancel`: {}", said.stderr.trim()),
                Err(error) => tracing::warn!("a drill fails: {}", error.message),
            }
        });
        true
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn outside() -> Error {
    Error::new(exit::BACKEND, "the cluster file says SLURM, but this is no allocation of SLURM's")
        .hint("`knowcoder submit` asks SLURM for one and starts the run in it")
}

/// The IPv4 address of a network interface of this machine.
fn address_of(interface: &str) -> Result<Ipv4Addr, Error> {
    let mut names = Vec::new();
    // SAFETY: the list is freed once, after its last use; its pointers are looked at before they are
    // followed, and an address of the family AF_INET is a `sockaddr_in`.
    unsafe {
        let mut list = std::ptr::null_mut();
        if libc::getifaddrs(&mut list) != 0 {
            let error = std::io::Error::last_os_error();
            let message = format!("failed to list the network interfaces: {error}");
            return Err(Error::new(exit::TRANSIENT, message));
        }
        let mut next: *const libc::ifaddrs = list;
        let mut found = None;
        while let Some(entry) = next.as_ref() {
            next = entry.ifa_next;
            let Some(address) = entry.ifa_addr.as_ref() else { continue };
            if i32::from(address.sa_family) != libc::AF_INET {
                continue;
            }
            let name = std::ffi::CStr::from_ptr(entry.ifa_name).to_string_lossy().into_owned();
            if name == interface {
                let address = entry.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned();
                found.get_or_insert(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)));
            }
            names.push(name);
        }
        libc::freeifaddrs(list);
        if let Some(address) = found {
            return Ok(address);
        }
    }
    names.dedup();
    let message = format!(
        "cluster.interface is `{interface}`, which has no IPv4 address on this node; those that have: {}",
        names.join(", ")
    );
    Err(Error::new(exit::DECLARATION, message).hint("`ip -4 address` lists them"))
}

/// The queue, from wherever its programs are.
pub struct Queue {
    slurm: Slurm,
}

/// Reasons for which a job waits that no waiting mends, and what to do.
const HOPELESS: [(&str, &str, &str); 3] = [
    (
        "PartitionTimeLimit",
        "the job asks for more time than its partition ever gives",
        "set slurm.time; `sinfo -o '%P %l'` lists the longest times",
    ),
    (
        "PartitionNodeLimit",
        "the job asks for more nodes than its partition ever gives",
        "see cluster.nodes and spares; `sinfo -o '%P %D'` lists how many there are",
    ),
    (
        "PartitionConfig",
        "no nodes of the partition have what the cluster file asks for",
        "`sinfo -o '%P %D %c %m %G'` lists nodes, CPUs, memory and GPUs; see cluster.nodes, spares, ranks and \
         threads_per_rank, slurm.gres and mem",
    ),
];

/// After so long SLURM has looked at a new job and says why it waits.
const FIRST_LOOK: Duration = Duration::from_millis(1500);

impl Queue {
    /// As `cluster` says.
    pub fn new(cluster: &Cluster) -> Self {
        Self { slurm: cluster.slurm.clone() }
    }

    /// Hands one script over, behind the job `after`.
    fn hand_over(&self, script: &Path, after: Option<&str>) -> Result<String, Error> {
        let mut arguments = vec!["--parsable".into()];
        if let Some(after) = after {
            arguments.push(format!("--dependency=afterok:{after}").into());
        }
        arguments.push(script.as_os_str().to_owned());
        let said = client::submit(&arguments, &self.slurm)?;
        // Behind a semicolon stands the cluster, where there are several.
        let id = said.trim().lines().last().unwrap_or("").split(';').next().unwrap_or("");
        match id.parse::<u64>() {
            Ok(_) => Ok(id.to_owned()),
            Err(_) => Err(Error::new(
                exit::BACKEND,
                format!("`sbatch` took `{}` but named no job: {said:?}", script.display()),
            )
            .hint("`squeue --me` lists your jobs")),
        }
    }

    /// Hands over a script that is no run's; returns the number of its job.
    pub fn give(&self, script: &Path) -> Result<String, Error> {
        let id = self.hand_over(script, None)?;
        self.refuse_hopeless(std::slice::from_ref(&id))?;
        Ok(id)
    }

    /// Takes a job back that would wait for ever.
    fn refuse_hopeless(&self, ids: &[String]) -> Result<(), Error> {
        let Some(first) = ids.first() else { return Ok(()) };
        std::thread::sleep(FIRST_LOOK);
        // The jobs are handed over: that nobody can be asked about them is no reason to lose them.
        let Ok(said) = client::ask("squeue", &["-h", "-j", first, "-o", "%r"]) else {
            return Ok(());
        };
        let reason = said.stdout.lines().next().unwrap_or_default().trim();
        match HOPELESS.iter().find(|(name, ..)| *name == reason) {
            None => Ok(()),
            Some((name, why, hint)) => {
                end(ids, &[])?;
                let message = format!("{why} ({name}); it was taken back");
                Err(Error::new(exit::DECLARATION, message).hint(*hint))
            }
        }
    }

    /// All that SLURM knows of these jobs and of those that follow them.
    fn look(&self, ids: &[u64]) -> Result<Vec<jobs::Job>, Error> {
        let mut seen = queued()?;
        seen.retain(|job| {
            ids.iter().any(|id| job.is(*id)) || job.follows.is_some_and(|id| ids.contains(&id))
        });
        for &id in ids {
            // The controller remembers what ended minutes ago, accounting, where it is, everything.
            for source in [remembered, accounted] {
                if !seen.iter().any(|job| job.is(id)) {
                    seen.extend(source(id));
                }
            }
        }
        Ok(seen)
    }
}

/// The jobs of this user that wait or run.
fn queued() -> Result<Vec<jobs::Job>, Error> {
    let said = client::ask("squeue", &["--me", "--json"])?;
    if let Some(jobs) = jobs::of_json(&said.stdout) {
        return Ok(jobs);
    }
    let said = client::ask("squeue", &["--me", "-h", "-r", "-o", jobs::LINE])?;
    match said.ok {
        true => Ok(jobs::of_lines(&said.stdout)),
        false => Err(client::failure("squeue", &said.stderr)),
    }
}

/// What the controller knows of one job; it forgets what ended some minutes ago.
fn remembered(id: u64) -> Vec<jobs::Job> {
    let said = client::ask("scontrol", &["-o", "show", "job", &id.to_string()]);
    said.map_or_else(|_| Vec::new(), |said| jobs::of_fields(&said.stdout))
}

/// What accounting knows of one job; nothing, where there is no accounting.
fn accounted(id: u64) -> Vec<jobs::Job> {
    let id = id.to_string();
    let ask = |arguments: &[&str]| client::ask("sacct", arguments).ok().filter(|said| said.ok);
    let json = ask(&["-j", &id, "--json"]).and_then(|said| jobs::of_json(&said.stdout));
    json.or_else(|| {
        let said = ask(&["-n", "-P", "-X", "-j", &id, jobs::ACCOUNT])?;
        Some(jobs::of_accounts(&said.stdout))
    })
    .unwrap_or_default()
}

/// `scancel` of these jobs; ones that have ended already are no error.
fn end(ids: &[String], options: &[&str]) -> Result<(), Error> {
    let arguments: Vec<&str> =
        options.iter().copied().chain(ids.iter().map(String::as_str)).collect();
    let said = client::ask("scancel", &arguments)?;
    let is_over = |line: &str| {
        let lower = line.to_lowercase();
        lower.contains("invalid job id") || lower.contains("already complet")
    };
    let complaints: Vec<&str> =
        said.stderr.lines().filter(|line| !line.trim().is_empty() && !is_over(line)).collect();
    match said.ok || complaints.is_empty() {
        true => Ok(()),
        false => Err(client::failure("scancel", &complaints.join("\n"))),
    }
}

/// The numbers of jobs that `job.json` names.
fn numbers(ids: &[String]) -> Result<Vec<u64>, Error> {
    let number = |id: &String| {
        id.parse().map_err(|_| {
            let message = format!("`{id}` is no number of a job of SLURM's");
            Error::new(exit::DATA, message).hint("it comes from job.json of the run directory")
        })
    };
    ids.iter().map(number).collect()
}

impl super::Queue for Queue {
    fn render(&self, job: &Job) -> Result<Vec<Rendered>, Error> {
        script::scripts(job)
    }

    fn submit(&self, job: &Job) -> Result<Vec<String>, Error> {
        let submit = job.run_dir.join("submit");
        // A folder that is not there when a job begins costs its output.
        let logs = job.run_dir.join("logs");
        std::fs::create_dir_all(&logs).map_err(data_pipeline::Error::write(&logs))?;
        trainer::requests::remove(&submit.join("failures"))?;
        let mut ids: Vec<String> = Vec::new();
        for script in self.render(job)? {
            let after = ids.last().map(String::as_str);
            match self.hand_over(&submit.join(&script.file), after) {
                Ok(id) => ids.push(id),
                Err(error) => {
                    // Half a chain is of no use; that it cannot be taken back is the lesser news.
                    if !ids.is_empty() {
                        let _ = end(&ids, &[]);
                    }
                    return Err(error);
                }
            }
        }
        self.refuse_hopeless(&ids)?;
        Ok(ids)
    }

    fn outlook(&self, job: &Job, folder: &Path) -> Vec<Outlook> {
        outlook::of(job, folder)
    }

    fn state(&self, ids: &[String]) -> Result<QueueState, Error> {
        let ids = numbers(ids)?;
        Ok(jobs::state(&ids, &self.look(&ids)?))
    }

    /// What waits is taken back; what runs is asked by SIGINT to its script, which asks the driver and
    /// does not put the job back into the queue.
    fn cancel(&self, ids: &[String], now: bool) -> Result<(), Error> {
        let own = numbers(ids)?;
        let seen = self.look(&own)?;
        let is_open = |job: &&jobs::Job| matches!(job.stage(), Stage::Waiting | Stage::Running);
        let mut all = ids.to_vec();
        let followers = seen.iter().filter(is_open).filter(|job| job.follows.is_some());
        all.extend(followers.map(|job| job.id.to_string()));
        if now {
            return end(&all, &[]);
        }
        end(&all, &["--state=PENDING"])?;
        end(&all, &["--state=RUNNING", "--batch", "--signal=INT"])
    }
}

/// What reads SLURM's words, for a fuzzer.
#[cfg(any(test, feature = "fuzzing"))]
pub mod readers {
    pub use super::client::{failure, refusal};
    pub use super::hostlist::expand;
    pub use super::jobs::{of_accounts, of_fields, of_json, of_lines, state};
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_agent_is_a_step_that_hears_us() {
        let nodes = Allocation::new(&Cluster::of_this_machine(), Path::new("/run"));
        let command = nodes.agent("n2", Path::new("/bin/kc")).unwrap().unwrap();
        let arguments: Vec<_> =
            command.as_std().get_args().map(|it| it.to_string_lossy().into_owned()).collect();
        assert_eq!(
            arguments.join(" "),
            "--overlap --nodes=1 --ntasks=1 --nodelist n2 --input=0 --unbuffered --kill-on-bad-exit=1 \
             --wait=5 --mpi=none --export=ALL --cpu-bind=none /bin/kc agent"
        );
        // What proves that it belongs to the run goes to its stdin, which nobody else can read.
        assert!(command.as_std().get_envs().all(|(_, value)| value.is_none()));
    }

    #[test]
    fn cordoned_nodes_come_last() {
        let names = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            last(names(&["n1", "n2", "n3"]), &names(&["n1", "n9"])),
            names(&["n2", "n3", "n1"])
        );
    }

    #[test]
    fn an_interface_has_an_address_or_others_are_named() {
        assert_eq!(address_of("lo").unwrap(), Ipv4Addr::LOCALHOST);
        let error = address_of("no-such-interface").unwrap_err();
        assert_eq!(error.code, exit::DECLARATION);
        assert!(error.message.contains("`no-such-interface`"), "{}", error.message);
        assert!(error.message.contains("lo"), "{}", error.message);
    }

    #[test]
    fn a_job_file_of_something_else_is_refused() {
        let error = numbers(&["12".to_owned(), "pod-1".to_owned()]).unwrap_err();
        assert_eq!(error.message, "`pod-1` is no number of a job of SLURM's");
    }
}
