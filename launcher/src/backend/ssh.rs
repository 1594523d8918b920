//! Hosts behind the system's `ssh`.
//!
//! An agent is a process of `ssh` here and one of ours there, joined by stdin: when this process ends, however
//! it ends, the agent's stdin ends with it. There is no master connection that could outlast a run.

mod client;
pub mod failure;
mod program;

use failure::explain;

use super::{Nodes, address};
use crate::cluster::{Cluster, Ssh};
use crate::error::{Error, exit};
use client::{Client, quoted};
use program::Program;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::process::Command;

/// How many hosts are looked at, and copied to, at a time.
const AT_A_TIME: usize = 8;

/// Hosts behind the system's `ssh`.
pub struct Hosts {
    settings: Ssh,
    nodes: usize,
    spares: usize,
    interface: Option<String>,
    client: Client,
    found: Arc<Mutex<BTreeMap<String, Found>>>,
}

/// What is known of the program on a host.
#[derive(Clone)]
enum Found {
    /// It lies there.
    Ready(String),
    /// It does not, and why.
    Failed(Error),
    /// It did not, and that is looked at again.
    Again(Error),
}

impl Hosts {
    /// As `cluster` says. What a run writes plays no part: hosts see it on a file system that they share.
    pub fn new(cluster: &Cluster, _run_dir: &Path) -> Self {
        Self {
            settings: cluster.ssh.clone(),
            nodes: cluster.nodes,
            spares: cluster.spares,
            interface: cluster.interface.clone(),
            client: Client::new(&cluster.ssh),
            found: Arc::default(),
        }
    }

    /// Looks at all hosts once, and refuses if fewer can be used than the run has nodes; of the others it says what
    /// is wrong.
    pub fn ready(&self, program: &Path) -> Result<Vec<String>, Error> {
        self.names()?;
        self.listen()?;
        let found = look_at_all(&self.client, &self.settings, program)?;
        let failed = self.settings.hosts.iter().filter_map(|host| match found.get(host)? {
            Found::Ready(_) => None,
            Found::Failed(error) | Found::Again(error) => Some(error.clone()),
        });
        let mut failed: Vec<Error> = failed.collect();
        if self.settings.hosts.len() - failed.len() >= self.nodes {
            return Ok(failed.into_iter().map(|error| error.message).collect());
        }
        // What needs somebody comes before what may pass.
        failed.sort_by_key(|error| error.code == exit::TRANSIENT);
        let unusable =
            || Error::new(exit::BACKEND, "fewer hosts can be used than the run has nodes");
        Err(failed.into_iter().next().unwrap_or_else(unusable))
    }

    /// Where `program` lies on `host`.
    ///
    /// The first question looks at all hosts at once, before any agent is there that could miss us
    /// meanwhile. Later ones never wait: a host that failed is looked at again behind the answer.
    fn place(&self, host: &str, program: &Path) -> Result<String, Error> {
        let mut found = lock(&self.found);
        if found.is_empty() {
            *found = look_at_all(&self.client, &self.settings, program)?;
        }
        match found.get(host).cloned() {
            Some(Found::Ready(path)) => Ok(path),
            Some(Found::Again(error)) => Err(error),
            Some(Found::Failed(error)) => {
                found.insert(host.to_owned(), Found::Again(error.clone()));
                self.look_again(host, program);
                Err(error)
            }
            None => Err(Error::new(exit::BUG, format!("`{host}` is none of the run's hosts"))),
        }
    }

    /// Looks at `host` while others go on.
    fn look_again(&self, host: &str, program: &Path) {
        let (client, settings, found) =
            (self.client.clone(), self.settings.clone(), Arc::clone(&self.found));
        let (host, program) = (host.to_owned(), program.to_owned());
        std::thread::spawn(move || {
            let outcome = Program::of(&program).and_then(|it| it.place(&client, &settings, &host));
            lock(&found).insert(host, outcome.into());
        });
    }

    /// The address of this machine on its way to the hosts.
    fn route(&self) -> Result<IpAddr, Error> {
        let mut own = None;
        let mut failed: Option<Error> = None;
        for host in &self.settings.hosts {
            // What `ssh` itself refuses, no other address would mend.
            match address::towards(&self.client.name(host)?) {
                // A host that is this machine says nothing about how others reach it.
                Ok(address) if address.is_loopback() => own = own.or(Some(address)),
                Ok(address) => return Ok(address),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        own.ok_or_else(|| {
            let Error { message: why, hint, code } = failed.unwrap_or_else(|| {
                Error::new(exit::DECLARATION, "there are no hosts in ssh.hosts")
            });
            let message =
                format!("no address of this machine is known that the hosts would reach: {why}");
            let mend = "set ssh.address to a name or address of this machine, or cluster.interface";
            Error::new(code, message)
                .hint(hint.map_or(mend.to_owned(), |hint| format!("{hint}; or {mend}")))
        })
    }
}

impl Nodes for Hosts {
    fn names(&self) -> Result<Vec<String>, Error> {
        self.settings
            .check_nodes(self.nodes, self.spares)
            .map_err(|message| Error::new(exit::DECLARATION, message))?;
        Ok(self.settings.hosts.clone())
    }

    fn listen(&self) -> Result<(IpAddr, String), Error> {
        if let Some(name) = &self.settings.address {
            return Ok((behind(name), name.clone()));
        }
        let address = match &self.interface {
            Some(interface) => address::of_interface(interface)?,
            None => self.route()?,
        };
        Ok((address, written(address)))
    }

    fn agent(&self, node: &str, program: &Path) -> Result<Option<Command>, Error> {
        let path = self.place(node, program)?;
        let command = self.client.command(node, &format!("exec {} agent", quoted(&path)));
        Ok(Some(command.into()))
    }

    fn explain(&self, node: &str, code: Option<i32>, stderr: &str) -> String {
        explain(node, code, stderr).message
    }
}

impl From<Result<String, Error>> for Found {
    fn from(outcome: Result<String, Error>) -> Self {
        match outcome {
            Ok(path) => Self::Ready(path),
            Err(error) => Self::Failed(error),
        }
    }
}

/// Sees to it that every host has `program`, a few at a time; only what is wrong here is an error.
fn look_at_all(
    client: &Client,
    settings: &Ssh,
    program: &Path,
) -> Result<BTreeMap<String, Found>, Error> {
    let program = Program::of(program)?;
    let waiting = Mutex::new(settings.hosts.iter());
    let found = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME.min(settings.hosts.len()) {
            scope.spawn(|| {
                loop {
                    let next = lock(&waiting).next();
                    let Some(host) = next else { return };
                    let outcome = program.place(client, settings, host);
                    lock(&found).insert(host.clone(), outcome.into());
                }
            });
        }
    });
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Whoever held it before: what is in it is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where to listen so that `name` leads here: at its address, or, where none of its addresses is this
/// machine's own, everywhere, because something between translates it.
fn behind(name: &str) -> IpAddr {
    let bare = name.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(name);
    let mut addresses = (bare, 0).to_socket_addrs().into_iter().flatten().map(|it| it.ip());
    match addresses.find(|address| address::is_here(*address)) {
        Some(address) => address,
        None if bare.parse::<Ipv6Addr>().is_ok() => Ipv6Addr::UNSPECIFIED.into(),
        None => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// An address so that a port may follow it.
fn written(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hosts(settings: Ssh) -> Hosts {
        let nodes = settings.hosts.len();
        let cluster = Cluster { ssh: settings, nodes, ..Cluster::of_this_machine() };
        Hosts::new(&cluster, Path::new("/runs/x"))
    }

    #[test]
    fn a_given_address_is_where_we_listen_if_it_is_ours() {
        let listen = |address: &str| {
            hosts(Ssh { address: Some(address.to_owned()), ..Ssh::default() }).listen().unwrap()
        };
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert_eq!(listen("127.0.0.1"), (loopback, "127.0.0.1".to_owned()));
        // Set aside for documentation: nobody has it.
        let everywhere = IpAddr::from(Ipv4Addr::UNSPECIFIED);
        assert_eq!(listen("192.0.2.1"), (everywhere, "192.0.2.1".to_owned()));
    }

    #[test]
    fn addresses_are_written_so_that_a_port_may_follow() {
        assert_eq!(written("10.0.0.7".parse().unwrap()), "10.0.0.7");
        assert_eq!(written("2001:db8::7".parse().unwrap()), "[2001:db8::7]");
    }

    /// The second host is down until the file `up` is in `folder`.
    fn pretended(folder: &Path) -> Hosts {
        let ssh = folder.join("ssh");
        // Written by another process: an open file of ours could be inherited by one that a test beside
        // this one starts, and what is open for writing cannot be executed.
        let write = r#"cat >"$0" <<'END'
#!/bin/sh
case " $* " in
*" -- b "*) [ -e "${0%/*}/up" ] || { echo "ssh: connect to host b: No route to host" >&2; exit 255; } ;;
esac
for last; do :; done
exec sh -c "$last"
END
chmod 755 "$0""#;
        let status = std::process::Command::new("sh").args(["-c", write]).arg(&ssh).status();
        assert!(status.unwrap().success());
        let settings = Ssh {
            hosts: vec!["a".to_owned(), "b".to_owned()],
            work_dir: folder.join("bin").display().to_string(),
            ..Ssh::default()
        };
        Hosts { client: Client::pretending(&ssh), ..hosts(settings) }
    }

    #[test]
    fn a_host_that_is_down_fails_alone_and_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = pretended(folder.path());
        let program = Path::new("/bin/true");
        let error = hosts.agent("b", program).unwrap_err();
        assert_eq!(error.code, exit::TRANSIENT, "{error}");
        let command = hosts.agent("a", program).unwrap().unwrap();
        let words: Vec<_> =
            command.as_std().get_args().map(|word| word.to_string_lossy()).collect();
        let (host, line) = (&words[words.len() - 2], &words[words.len() - 1]);
        assert_eq!(host, "a");
        assert!(line.starts_with("exec '/") && line.ends_with("' agent"), "{line}");
        assert!(line.contains("/bin/knowcoder-"), "{line}");
        std::fs::write(folder.path().join("up"), "").unwrap();
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while let Err(error) = hosts.agent("b", program) {
            assert!(std::time::Instant::now() < patience, "{error}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(hosts.agent("c", program).is_err());
    }

    #[test]
    fn enough_hosts_must_be_there_before_a_run_is_handed_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut hosts = pretended(folder.path());
        hosts.settings.address = Some("127.0.0.1".to_owned());
        let program = Path::new("/bin/true");
        let error = hosts.ready(program).unwrap_err();
        assert_eq!(error.code, exit::TRANSIENT, "{error}");
        assert!(error.message.contains("`b`"), "{error}");
        // The host that is down is a spare's number now.
        (hosts.nodes, hosts.spares) = (1, 1);
        let warnings = hosts.ready(program).unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains("`b`"), "{warnings:?}");
        std::fs::write(folder.path().join("up"), "").unwrap();
        assert_eq!(hosts.ready(program).unwrap(), [""; 0]);
    }

    #[test]
    fn without_ssh_the_way_out_is_to_install_it() {
        let mut hosts = hosts(Ssh { hosts: vec!["a".to_owned()], ..Ssh::default() });
        hosts.client = Client::pretending(Path::new("/no/such/ssh"));
        let error = hosts.listen().unwrap_err();
        assert_eq!(error.code, exit::BACKEND, "{error}");
        assert!(error.message.contains("needs the program `ssh`"), "{error}");
        assert!(error.hint.is_some_and(|it| it.contains("openssh-client")));
    }

    #[test]
    fn hosts_are_counted_before_any_of_them_is_asked() {
        let mut hosts = hosts(Ssh { hosts: vec!["a".to_owned()], ..Ssh::default() });
        assert_eq!(hosts.names().unwrap(), ["a"]);
        hosts.spares = 1;
        assert_eq!(hosts.names().unwrap_err().code, exit::DECLARATION);
    }
}
