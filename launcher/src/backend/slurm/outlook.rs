//! Whether SLURM has what a job asks for, asked from outside: the partition and its limits, and whether `sbatch` would
//! take the job.

use super::{client, script};
use crate::backend::{Job, Outlook, Rendered};
use crate::cluster::Slurm;
use crate::error::{Error, exit};
use std::ffi::OsString;
use std::path::Path;

/// What `sinfo` is to say of each kind of nodes of a partition.
const FORMAT: &str = "%P|%a|%l|%D|%G";

/// Nodes of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kind {
    /// The partition; the cluster's own ends with `*`.
    partition: String,
    /// `up`, `down`, `drain`, `inact`.
    state: String,
    /// The longest time of a job, in SLURM's words.
    longest: String,
    nodes: usize,
    /// Generic resources of each.
    gres: String,
}

/// What there is for `job`; `folder` is one for its scripts.
pub fn of(job: &Job, folder: &Path) -> Vec<Outlook> {
    let partition = partition(job);
    let answers = !matches!(&partition, Err(error) if error.code != exit::DECLARATION);
    let mut found = vec![Outlook { check: "partition", found: partition }];
    // Who does not answer is not asked again.
    if answers {
        found.push(Outlook { check: "sbatch", found: tested(job, folder) });
    }
    found
}

/// What the partition gives.
fn partition(job: &Job) -> Result<String, Error> {
    let slurm = &job.cluster.slurm;
    let mut arguments = vec!["-h", "-o", FORMAT];
    if let Some(partition) = &slurm.partition {
        arguments.extend(["-p", partition]);
    }
    let said = client::ask("sinfo", &arguments)?;
    if !said.ok {
        return Err(client::failure("sinfo", &said.stderr));
    }
    let kinds: Vec<Kind> = said.stdout.lines().filter_map(kind).collect();
    judge(&kinds, slurm, job.cluster.nodes + job.cluster.spares)
}

/// A line of `sinfo`.
fn kind(line: &str) -> Option<Kind> {
    let mut fields = line.trim().split('|').map(str::trim);
    let mut next = || fields.next().map(str::to_owned);
    let (partition, state, longest) = (next()?, next()?, next()?);
    let nodes = next()?.parse().ok()?;
    Some(Kind { partition, state, longest, nodes, gres: next()? })
}

/// Whether so many nodes can be had for so long.
fn judge(kinds: &[Kind], slurm: &Slurm, wanted: usize) -> Result<String, Error> {
    let refuse =
        |message: String, hint: &str| Err(Error::new(exit::DECLARATION, message).hint(hint));
    let its: Vec<&Kind> = match &slurm.partition {
        Some(_) => kinds.iter().collect(),
        None => kinds.iter().filter(|it| it.partition.ends_with('*')).collect(),
    };
    let named = slurm.partition.as_deref();
    let Some(first) = its.first() else {
        let message = match named {
            Some(name) => format!("slurm.partition is `{name}`, and SLURM knows no such partition"),
            None => "the cluster file has no slurm.partition, and SLURM no partition of its own"
                .to_owned(),
        };
        return refuse(message, "`sinfo -s` lists the partitions; set slurm.partition");
    };
    let name = named.unwrap_or(first.partition.trim_end_matches('*'));
    if its.iter().all(|it| it.state != "up") {
        let message = format!("partition `{name}` is {}: it starts no jobs", first.state);
        return refuse(message, "`sinfo -s` lists the partitions; set slurm.partition");
    }
    let nodes: usize = its.iter().map(|it| it.nodes).sum();
    if nodes < wanted {
        let message = format!("partition `{name}` has {nodes} node(s), the run asks for {wanted}");
        return refuse(
            message,
            "see cluster.nodes and spares; `sinfo -o '%P %D'` lists how many there are",
        );
    }
    if let (Some(time), Some(longest)) = (&slurm.time, seconds(&first.longest))
        && seconds(time).is_some_and(|time| time > longest)
    {
        let message = format!(
            "slurm.time is {time}, partition `{name}` gives a job {} at most",
            first.longest
        );
        return refuse(
            message,
            "a run that takes longer goes on in the next job: set a shorter slurm.time",
        );
    }
    if let Some((gres, each)) = slurm.gres.as_ref().and_then(|gres| Some((gres, gpus(gres)?))) {
        let have = |it: &&&Kind| gpus(&it.gres).is_some_and(|there| there >= each);
        let nodes: usize = its.iter().filter(have).map(|it| it.nodes).sum();
        if nodes < wanted {
            let most = its.iter().filter_map(|it| gpus(&it.gres)).max().unwrap_or(0);
            let message = format!(
                "slurm.gres is `{gres}`, and {nodes} node(s) of partition `{name}` have that, {wanted} are asked \
                 for; most have at most {most} GPU(s)"
            );
            return refuse(message, "`sinfo -o '%N %G'` lists what nodes have");
        }
    }
    let gres = if first.gres == "(null)" { String::new() } else { format!(", {}", first.gres) };
    Ok(format!("`{name}` is up: {nodes} node(s){gres}, {} a job at most", first.longest))
}

/// A time of SLURM's, `D-HH:MM:SS`, `D-HH`, `HH:MM:SS`, `MM:SS` or `MM`; none where there is no limit.
fn seconds(text: &str) -> Option<u64> {
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (Some(days.parse::<u64>().ok()?), rest),
        None => (None, text),
    };
    let parts: Vec<u64> = rest.split(':').map(|it| it.parse().ok()).collect::<Option<_>>()?;
    let rest = match (days.is_some(), parts.as_slice()) {
        (true, [hours]) => hours * 3600,
        (true, [hours, minutes]) => hours * 3600 + minutes * 60,
        (false, [minutes]) => minutes * 60,
        (false, [minutes, seconds]) => minutes * 60 + seconds,
        (_, [hours, minutes, seconds]) => hours * 3600 + minutes * 60 + seconds,
        _ => return None,
    };
    Some(days.unwrap_or(0) * 86_400 + rest)
}

/// GPUs of generic resources such as `gpu:8`, `gpu:a100:4(S:0-1),nvme:1`; none where nothing is said of them.
fn gpus(gres: &str) -> Option<usize> {
    let mut depth = 0usize;
    // Sockets stand in brackets, with commas of their own.
    let plain: String = gres
        .chars()
        .filter(|it| {
            match it {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect();
    let of_gpus = plain.split(',').filter(|it| it.split(':').next() == Some("gpu"));
    let counts: Vec<usize> = of_gpus
        .map(|it| it.rsplit(':').next().and_then(|it| it.parse().ok()).unwrap_or(1))
        .collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}

/// Whether `sbatch` would take the scripts: accounts, limits, features, memory.
fn tested(job: &Job, folder: &Path) -> Result<String, Error> {
    let scripts = Rendered::write_all(&script::scripts(job)?, folder)?;
    for script in &scripts {
        let arguments: [OsString; 2] = ["--test-only".into(), script.into()];
        client::submit(&arguments, &job.cluster.slurm)?;
    }
    Ok(format!("SLURM would take the run's {} job(s)", scripts.len()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    const SINFO: &str = "debug*|up|30:00|2|(null)\na100|up|2-00:00:00|6|gpu:a100:4(S:0-1)\n\
                         a100|up|2-00:00:00|2|gpu:a100:8(S:0,1),nvme:1\nold|drain|infinite|9|(null)\n";

    fn check(
        partition: Option<&str>,
        time: Option<&str>,
        gres: Option<&str>,
        nodes: usize,
        expected: Expect,
    ) {
        let owned = |it: Option<&str>| it.map(str::to_owned);
        let (partition, time, gres) = (owned(partition), owned(time), owned(gres));
        let slurm = Slurm { partition, time, gres, ..Slurm::default() };
        // `sinfo -p` leaves the others out.
        let kinds: Vec<Kind> = SINFO
            .lines()
            .filter_map(kind)
            .filter(|it| slurm.partition.as_ref().is_none_or(|name| it.partition == *name))
            .collect();
        match judge(&kinds, &slurm, nodes) {
            Ok(line) => expected.assert_eq(&line),
            Err(error) => {
                assert!(error.hint.is_some());
                assert_eq!(error.code, exit::DECLARATION);
                expected.assert_eq(&error.message);
            }
        }
    }

    #[test]
    fn a_partition_has_nodes_times_and_gpus() {
        check(None, None, None, 2, expect!["`debug` is up: 2 node(s), 30:00 a job at most"]);
        check(
            Some("a100"),
            Some("24:00:00"),
            Some("gpu:4"),
            8,
            expect!["`a100` is up: 8 node(s), gpu:a100:4(S:0-1), 2-00:00:00 a job at most"],
        );
        check(None, None, None, 3, expect!["partition `debug` has 2 node(s), the run asks for 3"]);
        check(
            Some("b200"),
            None,
            None,
            1,
            expect!["slurm.partition is `b200`, and SLURM knows no such partition"],
        );
        check(Some("old"), None, None, 1, expect!["partition `old` is drain: it starts no jobs"]);
        check(
            Some("a100"),
            Some("3-00"),
            None,
            1,
            expect!["slurm.time is 3-00, partition `a100` gives a job 2-00:00:00 at most"],
        );
        check(
            Some("a100"),
            None,
            Some("gpu:8"),
            4,
            expect![
                "slurm.gres is `gpu:8`, and 2 node(s) of partition `a100` have that, 4 are asked for; most have at most 8 GPU(s)"
            ],
        );
    }

    #[test]
    fn times_and_resources_as_slurm_writes_them() {
        for (text, expected) in [
            ("30:00", Some(1800)),
            ("90", Some(5400)),
            ("12:00:00", Some(43_200)),
            ("1-12", Some(129_600)),
            ("2-00:00:30", Some(172_830)),
            ("infinite", None),
            ("n/a", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for (text, expected) in [
            ("gpu:8", Some(8)),
            ("gpu", Some(1)),
            ("gpu:a100:4(S:0-1),nvme:1", Some(4)),
            ("gpu:a100:2,gpu:v100:1", Some(3)),
            ("nvme:1", None),
            ("(null)", None),
        ] {
            assert_eq!(gpus(text), expected, "{text}");
        }
    }
}
