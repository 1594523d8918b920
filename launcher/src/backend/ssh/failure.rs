//! What `ssh` means by what it says when it fails: a sentence with the host, and a way out.

use crate::error::{Error, exit};
use std::time::Duration;

/// What `ssh` ends with when it failed itself, and not the command that it carried.
const OWN: i32 = 255;

/// A failure of `ssh` as one recognizes it.
struct Known {
    /// One of these stands in what it said.
    phrases: &'static [&'static str],
    /// What happened, `HOST` being the host.
    sentence: &'static str,
    /// The way out.
    hint: &'static str,
    code: u8,
}

/// In the order in which they are looked for: what causes comes before what follows from it.
const KNOWN: [Known; 14] = [
    Known {
        phrases: &[
            "Bad configuration option",
            "Can't open user config file",
            "Bad owner or permissions on",
        ],
        sentence: "`ssh` refuses its configuration for host `HOST`",
        hint: "correct the file, or ssh.config in the cluster file",
        code: exit::DECLARATION,
    },
    Known {
        phrases: &[
            "HOST IDENTIFICATION HAS CHANGED",
            "has changed and you have requested",
            "REVOKED HOST KEY",
        ],
        sentence: "host `HOST` has another key than the one that is known of it: it was installed anew, or another \
                   machine answers in its place",
        hint: "if its administrator confirms the new key, remove the old one with `ssh-keygen -R` and log in once by \
               hand",
        code: exit::BACKEND,
    },
    Known {
        phrases: &["host key is known for", "Host key verification failed"],
        sentence: "the key of host `HOST` is not known here, so that nothing shows that it is the right machine",
        hint: "log in once by hand with `ssh` and compare the key's fingerprint; after that it is in known_hosts",
        code: exit::BACKEND,
    },
    Known {
        phrases: &["Temporary failure in name resolution"],
        sentence: "the name of host `HOST` cannot be resolved at the moment",
        hint: "try again when the name server answers",
        code: exit::TRANSIENT,
    },
    Known {
        phrases: &["Could not resolve hostname"],
        sentence: "the name of host `HOST` cannot be resolved",
        hint: "check ssh.hosts; an alias must stand in ~/.ssh/config, or in the file that ssh.config names",
        code: exit::BACKEND,
    },
    Known {
        phrases: &["UNPROTECTED PRIVATE KEY FILE"],
        sentence: "`ssh` does not use the key for host `HOST` because others may read its file",
        hint: "`chmod 600` the file of the key",
        code: exit::BACKEND,
    },
    Known {
        phrases: &["Too many authentication failures"],
        sentence: "host `HOST` refused too many keys before the right one came",
        hint: "name the right one as ssh.identity",
        code: exit::BACKEND,
    },
    Known {
        phrases: &["Permission denied ("],
        sentence: "host `HOST` lets nobody in with the keys that `ssh` has here",
        hint: "`ssh` must get in without asking anything: `ssh-copy-id` the key, load it into ssh-agent, or name it as \
               ssh.identity",
        code: exit::BACKEND,
    },
    Known {
        phrases: &["Unable to negotiate", "no matching"],
        sentence: "`ssh` here and the server on host `HOST` have no common algorithm",
        hint: "allow one of the server's in ~/.ssh/config",
        code: exit::BACKEND,
    },
    Known {
        phrases: &["Connection refused"],
        sentence: "host `HOST` refuses connections: no server for `ssh` listens at that port",
        hint: "check that the host is up and sshd runs, and ssh.port",
        code: exit::TRANSIENT,
    },
    Known {
        phrases: &["No route to host", "Network is unreachable"],
        sentence: "there is no way through the network to host `HOST`",
        hint: "check that the host is up; behind a gateway set ssh.jump",
        code: exit::TRANSIENT,
    },
    Known {
        phrases: &["timed out"],
        sentence: "host `HOST` does not answer",
        hint: "check that the host is up and no firewall is between; ssh.connect_seconds says how long to wait",
        code: exit::TRANSIENT,
    },
    Known {
        phrases: &["kex_exchange_identification", "ssh_exchange_identification"],
        sentence: "host `HOST` hung up before it said who it is",
        hint: "its sshd has too many logins at a time (MaxStartups), or does not serve this machine; try again",
        code: exit::TRANSIENT,
    },
    Known {
        phrases: &[
            "not responding",
            "closed by remote host",
            "Connection reset",
            "Connection closed by",
            "Broken pipe",
            "Connection to ",
        ],
        sentence: "the connection to host `HOST` was lost",
        hint: "check that the host is up and reachable",
        code: exit::TRANSIENT,
    },
];

/// Why the `ssh` that carried an agent, or a question, ended so: with this code, or by a signal, and after these
/// words on stderr.
pub fn explain(host: &str, code: Option<i32>, stderr: &str) -> Error {
    let last = last_line(stderr);
    match code {
        Some(OWN) => of_ssh(host, stderr),
        None => Error::new(
            exit::TRANSIENT,
            format!("the `ssh` that held the connection to host `{host}` was killed"),
        ),
        Some(126 | 127) => Error::new(
            exit::BACKEND,
            format!("the program cannot be started on host `{host}` any more{}", remark(last)),
        )
        .hint("the next start copies it again; see ssh.work_dir and ssh.program"),
        Some(code) => Error::new(
            exit::TRANSIENT,
            format!("the agent on host `{host}` ended with exit code {code}{}", remark(last)),
        ),
    }
}

/// Why `ssh` failed, by what it said.
pub fn of_ssh(host: &str, stderr: &str) -> Error {
    let lines = || stderr.lines().map(str::trim);
    for known in KNOWN {
        let is_it = |line: &&str| known.phrases.iter().any(|phrase| line.contains(phrase));
        if let Some(line) = lines().find(is_it) {
            // Banners are drawn with `@`; what they frame is in our sentence.
            let line = if line.starts_with('@') { "" } else { line };
            let sentence = known.sentence.replace("HOST", host);
            return Error::new(known.code, format!("{sentence}{}", remark(line))).hint(known.hint);
        }
    }
    let message = match last_line(stderr) {
        "" => format!("`ssh` to host `{host}` failed without a word"),
        last => format!("`ssh` to host `{host}` failed: {last}"),
    };
    Error::new(exit::BACKEND, message).hint("`ssh -v` to that host says more")
}

/// A host that took longer than it may.
pub fn silent(host: &str, patience: Duration) -> Error {
    let message = format!(
        "host `{host}` let `ssh` in, but did not finish what it was asked within {} s",
        patience.as_secs()
    );
    Error::new(exit::TRANSIENT, message)
        .hint("log in by hand: a home on a file system that hangs is a usual cause")
}

/// The last thing that was said.
pub fn last_line(text: &str) -> &str {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default()
}

/// What somebody said, behind our own sentence.
pub fn remark(line: &str) -> String {
    match line.trim_end_matches('.') {
        "" => String::new(),
        line => format!(" ({line})"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn check(stderr: &str, expected: Expect) {
        let Error { message, code, .. } = explain("node-b", Some(255), stderr);
        expected.assert_eq(&format!("{code} {message}"));
    }

    /// What OpenSSH 9.2 said in each case.
    #[test]
    fn what_ssh_says_is_told_in_one_sentence() {
        check(
            "ssh: Could not resolve hostname node-b: Name or service not known\n",
            expect![
                "69 the name of host `node-b` cannot be resolved (ssh: Could not resolve hostname node-b: Name or service not known)"
            ],
        );
        check(
            "ssh: Could not resolve hostname node-b: Temporary failure in name resolution\r\n",
            expect![
                "75 the name of host `node-b` cannot be resolved at the moment (ssh: Could not resolve hostname node-b: Temporary failure in name resolution)"
            ],
        );
        check(
            "ssh: connect to host 10.78.63.11 port 23: Connection refused\r\n",
            expect![
                "75 host `node-b` refuses connections: no server for `ssh` listens at that port (ssh: connect to host 10.78.63.11 port 23: Connection refused)"
            ],
        );
        check(
            "ssh: connect to host 10.78.63.11 port 22: Connection timed out",
            expect![
                "75 host `node-b` does not answer (ssh: connect to host 10.78.63.11 port 22: Connection timed out)"
            ],
        );
        check(
            "ssh: connect to host 10.78.63.12 port 22: No route to host\r\nkex_exchange_identification: Connection closed by remote host\r\nConnection closed by UNKNOWN port 65535",
            expect![
                "75 there is no way through the network to host `node-b` (ssh: connect to host 10.78.63.12 port 22: No route to host)"
            ],
        );
        check(
            "kex_exchange_identification: Connection closed by remote host\r\n",
            expect![
                "75 host `node-b` hung up before it said who it is (kex_exchange_identification: Connection closed by remote host)"
            ],
        );
        check(
            "No ED25519 host key is known for 10.78.63.11 and you have requested strict checking.\r\nHost key verification failed.\r\n",
            expect![
                "69 the key of host `node-b` is not known here, so that nothing shows that it is the right machine (No ED25519 host key is known for 10.78.63.11 and you have requested strict checking)"
            ],
        );
        check(
            "@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@@@@\r\nHost key for 10.78.63.11 has changed and you have requested strict checking.\r\nHost key verification failed.\r\n",
            expect![
                "69 host `node-b` has another key than the one that is known of it: it was installed anew, or another machine answers in its place"
            ],
        );
        check(
            "root@10.78.63.11: Permission denied (publickey).\r\n",
            expect![
                "69 host `node-b` lets nobody in with the keys that `ssh` has here (root@10.78.63.11: Permission denied (publickey))"
            ],
        );
        check(
            "Can't open user config file /tmp/none: No such file or directory\r\n",
            expect![
                "64 `ssh` refuses its configuration for host `node-b` (Can't open user config file /tmp/none: No such file or directory)"
            ],
        );
        check(
            "Timeout, server 10.78.63.12 not responding.\r\n",
            expect![
                "75 the connection to host `node-b` was lost (Timeout, server 10.78.63.12 not responding)"
            ],
        );
        check(
            "Connection to 10.78.63.11 closed by remote host.\r\n",
            expect![
                "75 the connection to host `node-b` was lost (Connection to 10.78.63.11 closed by remote host)"
            ],
        );
        check("", expect!["69 `ssh` to host `node-b` failed without a word"]);
        check("something new\n", expect!["69 `ssh` to host `node-b` failed: something new"]);
    }

    #[test]
    fn agents_that_end_are_told_apart_from_connections_that_do() {
        let of = |code| explain("a", code, "bash: /x/knowcoder: No such file or directory\n");
        expect!["the program cannot be started on host `a` any more (bash: /x/knowcoder: No such file or directory)"]
            .assert_eq(&of(Some(127)).message);
        assert_eq!(of(Some(127)).code, exit::BACKEND);
        assert_eq!(of(Some(3)).code, exit::TRANSIENT);
        assert!(of(None).message.ends_with("was killed"));
    }
}
