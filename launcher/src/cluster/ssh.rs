//! `[ssh]` of a cluster file.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Hosts that are reached by the system's `ssh`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ssh {
    /// Names of the hosts as `ssh` takes them, `host`, `user@host` or aliases of its configuration; working
    /// ones first, spares last.
    pub hosts: Vec<String>,
    /// Configuration of `ssh` in place of the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Port of all hosts, whatever `ssh`'s configuration says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// File of the private key, where `ssh` should try no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Hosts to go through, as `ssh -J` takes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jump: Option<String>,
    /// Seconds until a host must have answered.
    pub connect_seconds: u64,
    /// Folder on the hosts that the program is copied to.
    pub work_dir: String,
    /// Whether it is copied there.
    pub push: bool,
    /// Where it lies on the hosts, if it is not copied; without it, where it lies here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Name or address under which the hosts reach the machine that drives the run; without it, the address
    /// of [`interface`](super::Cluster::interface), or of the route to the hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Default for Ssh {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            config: None,
            port: None,
            identity: None,
            jump: None,
            connect_seconds: 10,
            work_dir: "~/.cache/knowcoder/bin".to_owned(),
            push: true,
            program: None,
            address: None,
        }
    }
}

impl Ssh {
    /// Refuses what cannot be meant, and what `ssh` or a shell would take for something else than a name.
    pub fn check(&self) -> Result<(), String> {
        if self.hosts.is_empty() {
            return Err(
                "ssh.hosts is empty; name a host for each node, as `ssh` takes it, such as \
                        hosts = [\"node-a\", \"me@node-b\"]"
                    .to_owned(),
            );
        }
        let mut seen = BTreeSet::new();
        for host in &self.hosts {
            check_host("ssh.hosts", host)?;
            if !seen.insert(host) {
                return Err(format!(
                    "ssh.hosts names `{host}` twice; a host is one node, and has as many ranks as \
                     cluster.ranks / cluster.nodes"
                ));
            }
        }
        if let Some(jump) = &self.jump {
            jump.split(',').try_for_each(|host| check_host("ssh.jump", host))?;
        }
        if let Some(address) = &self.address {
            check_host("ssh.address", address)?;
        }
        if self.port == Some(0) {
            return Err("ssh.port is 0; it must be between 1 and 65535".to_owned());
        }
        if !(1..=600).contains(&self.connect_seconds) {
            let found = self.connect_seconds;
            return Err(format!("ssh.connect_seconds is {found}; it must be between 1 and 600"));
        }
        check_path("ssh.work_dir", Some(&self.work_dir))?;
        check_path("ssh.config", self.config.as_deref())?;
        check_path("ssh.identity", self.identity.as_deref())?;
        check_path("ssh.program", self.program.as_deref())?;
        match &self.program {
            Some(program) if self.push => Err(format!(
                "ssh.program is `{program}`, but ssh.push is true: a program that is copied goes to \
                 ssh.work_dir; leave `program` out, or set push = false"
            )),
            _ => Ok(()),
        }
    }

    /// Refuses hosts that are more or fewer than the nodes that the file asks for.
    pub fn check_nodes(&self, nodes: usize, spares: usize) -> Result<(), String> {
        let hosts = self.hosts.len();
        if hosts == nodes + spares {
            return Ok(());
        }
        Err(format!(
            "ssh.hosts names {hosts} host(s), but cluster.nodes = {nodes} and cluster.spares = {spares} ask \
             for {}",
            nodes + spares
        ))
    }
}

/// Refuses what is no name of a host, with or without a user.
///
/// A name that begins with `-` would be an option of `ssh`, and what is special to a shell would be
/// executed by a `ProxyCommand` that it stands in.
fn check_host(key: &str, host: &str) -> Result<(), String> {
    let parts: Vec<&str> = host.split('@').collect();
    if host.is_empty() || parts.iter().any(|part| part.is_empty()) {
        return Err(format!("{key} has {host:?}, which lacks a name"));
    }
    if parts.iter().any(|part| part.starts_with('-')) {
        return Err(format!(
            "{key} has {host:?}, which begins with `-`: `ssh` would take that for an option"
        ));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-+@:%[]".contains(c);
    match host.chars().find(|c| !is_plain(*c)) {
        None => Ok(()),
        Some(found) => Err(format!(
            "{key} has {host:?} with the character {found:?}; names of hosts have letters, digits and \
             `._-+@:%[]`, everything else belongs into a `Host` of ssh_config"
        )),
    }
}

/// Refuses paths that depend on where somebody happens to stand.
fn check_path(key: &str, path: Option<&str>) -> Result<(), String> {
    match path {
        None => Ok(()),
        Some(path) if path.chars().any(char::is_control) => {
            Err(format!("{key} is {path:?}; paths have no line breaks or other control characters"))
        }
        Some(path) if path.starts_with('/') || path.starts_with("~/") => Ok(()),
        Some(path) => Err(format!("{key} is {path:?}; it must begin with `/` or `~/`")),
    }
}

/// A path of this machine, `~/` being the home of who started this.
pub fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: Expect) {
        let ssh: Ssh = toml::from_str(text).unwrap();
        let found = match ssh.check() {
            Ok(()) => "right".to_owned(),
            Err(message) => message,
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn hosts_are_names_and_nothing_else() {
        check(r#"hosts = ["a", "me@b.example", "10.0.0.7", "fe80::1%eth0"]"#, expect!["right"]);
        check(
            "",
            expect![[
                r#"ssh.hosts is empty; name a host for each node, as `ssh` takes it, such as hosts = ["node-a", "me@node-b"]"#
            ]],
        );
        check(
            r#"hosts = ["a", "b", "a"]"#,
            expect![
                "ssh.hosts names `a` twice; a host is one node, and has as many ranks as cluster.ranks / cluster.nodes"
            ],
        );
        let option = |host: &str| {
            format!(
                "ssh.hosts has {host:?}, which begins with `-`: `ssh` would take that for an option"
            )
        };
        for host in ["-oProxyCommand=touch x", "me@-oProxyCommand=x"] {
            let ssh = Ssh { hosts: vec![host.to_owned()], ..Ssh::default() };
            assert_eq!(ssh.check().unwrap_err(), option(host));
        }
        check(
            "hosts = [\"a\\nb\"]",
            expect![[
                r#"ssh.hosts has "a\nb" with the character '\n'; names of hosts have letters, digits and `._-+@:%[]`, everything else belongs into a `Host` of ssh_config"#
            ]],
        );
        check(
            "hosts = [\"$(reboot)\"]",
            expect![[
                r#"ssh.hosts has "$(reboot)" with the character '$'; names of hosts have letters, digits and `._-+@:%[]`, everything else belongs into a `Host` of ssh_config"#
            ]],
        );
        check(r#"hosts = ["me@"]"#, expect![[r#"ssh.hosts has "me@", which lacks a name"#]]);
        check(
            "hosts = [\"a\"]\njump = \"b,-v\"",
            expect![[
                r#"ssh.jump has "-v", which begins with `-`: `ssh` would take that for an option"#
            ]],
        );
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused() {
        check(
            "hosts = [\"a\"]\nport = 0",
            expect!["ssh.port is 0; it must be between 1 and 65535"],
        );
        check(
            "hosts = [\"a\"]\nconnect_seconds = 0",
            expect!["ssh.connect_seconds is 0; it must be between 1 and 600"],
        );
        check(
            "hosts = [\"a\"]\nwork_dir = \"bin\"",
            expect![[r#"ssh.work_dir is "bin"; it must begin with `/` or `~/`"#]],
        );
        check(
            "hosts = [\"a\"]\nidentity = \"/a\\nb\"",
            expect![[
                r#"ssh.identity is "/a\nb"; paths have no line breaks or other control characters"#
            ]],
        );
        check(
            "hosts = [\"a\"]\nprogram = \"/opt/knowcoder\"",
            expect![
                "ssh.program is `/opt/knowcoder`, but ssh.push is true: a program that is copied goes to ssh.work_dir; leave `program` out, or set push = false"
            ],
        );
        check("hosts = [\"a\"]\nprogram = \"/opt/knowcoder\"\npush = false", expect!["right"]);
    }

    #[test]
    fn there_is_a_host_for_each_node_and_spare() {
        let ssh = Ssh { hosts: vec!["a".to_owned(), "b".to_owned()], ..Ssh::default() };
        assert_eq!(ssh.check_nodes(2, 0), Ok(()));
        assert_eq!(ssh.check_nodes(1, 1), Ok(()));
        expect![
            "ssh.hosts names 2 host(s), but cluster.nodes = 2 and cluster.spares = 1 ask for 3"
        ]
        .assert_eq(&ssh.check_nodes(2, 1).unwrap_err());
    }

    #[test]
    fn a_written_section_is_read_back() {
        let whole = Ssh {
            hosts: vec!["a".to_owned(), "b".to_owned()],
            config: Some("~/x".to_owned()),
            port: Some(2222),
            program: Some("/opt/it's here".to_owned()),
            push: false,
            ..Ssh::default()
        };
        for ssh in [whole, Ssh::default()] {
            assert_eq!(toml::from_str::<Ssh>(&toml::to_string(&ssh).unwrap()).unwrap(), ssh);
        }
    }
}
