//! Whose a claim is, and whether its process lives.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a claim says of its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Of this claim alone.
    pub token: String,
    /// Of this machine since it was switched on, and of the processes that see each other.
    pub machine: String,
    /// For people.
    pub host: String,
    /// The process.
    pub process: u32,
    /// When the process began, as its system counts.
    pub born: u64,
}

/// This process, as logs name it.
pub fn ourselves() -> String {
    let Owner { host, process, .. } = Owner::ourselves("");
    format!("{host}:{process}")
}

impl Owner {
    /// Us, by a claim of this name.
    pub fn ourselves(token: &str) -> Self {
        let process = std::process::id();
        Self {
            token: token.to_owned(),
            machine: machine(),
            host: host(),
            process,
            born: born(process).unwrap_or_default(),
        }
    }

    /// Whether its process lives, where that can be known from here.
    pub fn is_alive(&self) -> Option<bool> {
        let machine = machine();
        (!machine.is_empty() && self.machine == machine)
            .then(|| born(self.process) == Some(self.born))
    }
}

/// Who has a claim; none where nobody has a whole one.
pub fn owner_of(claim: &Path) -> Option<Owner> {
    serde_json::from_slice(&std::fs::read(claim.join("owner.json")).ok()?).ok()
}

/// Whose claim it is, for comparison.
pub fn token_of(claim: &Path) -> Option<String> {
    owner_of(claim).map(|owner| owner.token)
}

/// What processes have in common that see each other's numbers; empty where the system does not say.
pub fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    match (boot.trim(), space.to_string_lossy()) {
        ("", _) => String::new(),
        (_, space) if space.is_empty() => String::new(),
        (boot, space) => format!("{boot} {space}"),
    }
}

/// This machine since it was switched on, whatever container we are in; its name where the system does not say.
pub fn boot() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let boot = boot.trim();
    if boot.is_empty() { host() } else { boot.to_owned() }
}

/// The name of this machine.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

/// When a process began, if it lives: field 22 of its `stat`; the second, its name, may hold anything.
fn born(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    match fields.next()? {
        // It is gone, and nobody has asked how.
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}
