//! Whether a job has the limits of the shell that hands it over: SLURM passes them on unless its file says otherwise.

use super::client;
use crate::cluster::Slurm;

/// Whether jobs get the limit `name` of this process, such as `NOFILE`; what cannot be asked is not said to be so.
pub fn are_passed_on(slurm: &Slurm, name: &str) -> bool {
    // What the script sets itself is seen where it runs.
    if slurm.setup.iter().any(|line| line.contains("ulimit") || line.contains("prlimit")) {
        return false;
    }
    let option = slurm.extra.iter().rev().find_map(|it| it.strip_prefix("--propagate"));
    match option {
        Some(list) => is_named(list.trim_start_matches('='), name),
        None => match client::ask("scontrol", &["show", "config"]) {
            Ok(said) if said.ok => is_passed_on(&said.stdout, name),
            _ => false,
        },
    }
}

/// The same by what `scontrol show config` says.
fn is_passed_on(config: &str, name: &str) -> bool {
    let value = |key: &str| {
        let values = config.lines().filter_map(|line| {
            let (its, value) = line.split_once('=')?;
            (its.trim() == key).then(|| value.trim())
        });
        values.into_iter().find(|value| *value != "(null)")
    };
    match (value("PropagateResourceLimitsExcept"), value("PropagateResourceLimits")) {
        (Some(except), _) => !is_named(except, name),
        (None, Some(list)) => is_named(list, name),
        // The default is all of them.
        (None, None) => true,
    }
}

/// Whether a list of limits has this one; one that is empty is all of them.
fn is_named(list: &str, name: &str) -> bool {
    let is = |it: &str| it.eq_ignore_ascii_case(name) || it.eq_ignore_ascii_case("ALL");
    list.is_empty() || list.split(',').map(str::trim).any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_go_along_as_the_controller_says() {
        let config = |limits: &str, except: &str| {
            format!(
                "PropagatePrioProcess    = 0\nPropagateResourceLimits = {limits}\n\
                 PropagateResourceLimitsExcept = {except}\nRebootProgram           = (null)\n"
            )
        };
        for (limits, except, expected) in [
            ("ALL", "(null)", true),
            ("(null)", "(null)", true),
            ("NONE", "(null)", false),
            ("CORE,NOFILE", "(null)", true),
            ("CORE,STACK", "(null)", false),
            ("(null)", "MEMLOCK", true),
            ("(null)", "MEMLOCK,NOFILE", false),
            ("(null)", "ALL", false),
        ] {
            let found = is_passed_on(&config(limits, except), "NOFILE");
            assert_eq!(found, expected, "{limits}, except {except}");
        }
    }

    #[test]
    fn what_the_cluster_file_says_comes_first() {
        let of = |setup: &[&str], extra: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
            let slurm = Slurm { setup: owned(setup), extra: owned(extra), ..Slurm::default() };
            are_passed_on(&slurm, "NOFILE")
        };
        assert!(of(&[], &["--propagate"]) && of(&[], &["--propagate=CORE,NOFILE"]));
        assert!(!of(&[], &["--propagate=NONE"]) && !of(&[], &["--propagate=STACK"]));
        assert!(!of(&["ulimit -n 65536"], &["--propagate"]));
    }
}
