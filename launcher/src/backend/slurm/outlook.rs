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

/// What the partitions give that the job may begin in.
fn partition(job: &Job) -> Result<String, Error> {
    let slurm = &job.cluster.slurm;
    let names = names(slurm, std::env::var("SBATCH_PARTITION").ok());
    let mut arguments = vec!["-h".to_owned(), "-o".to_owned(), FORMAT.to_owned()];
    if !names.is_empty() {
        arguments.extend(["-p".to_owned(), names.join(",")]);
    }
    let said = client::ask("sinfo", &arguments)?;
    if !said.ok {
        return Err(client::failure("sinfo", &said.stderr));
    }
    let kinds: Vec<Kind> = said.stdout.lines().filter_map(kind).collect();
    judge(&kinds, &names, slurm, job.cluster.nodes + job.cluster.spares)
}

/// The partitions that the cluster file names, or else what `sbatch` would be told by its environment; none: the
/// cluster's own.
fn names(slurm: &Slurm, environment: Option<String>) -> Vec<String> {
    let list = slurm.partition.clone().or(environment).unwrap_or_default();
    list.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// A line of `sinfo`.
fn kind(line: &str) -> Option<Kind> {
    let mut fields = line.trim().split('|').map(str::trim);
    let mut next = || fields.next().map(str::to_owned);
    let (partition, state, longest) = (next()?, next()?, next()?);
    let nodes = next()?.parse().ok()?;
    Some(Kind { partition, state, longest, nodes, gres: next()? })
}

/// Whether so many nodes can be had for so long in one of the partitions: a job begins in the first that has room.
fn judge(kinds: &[Kind], names: &[String], slurm: &Slurm, wanted: usize) -> Result<String, Error> {
    let its_name = |kind: &Kind| kind.partition.trim_end_matches('*').to_owned();
    let own = kinds.iter().find(|it| it.partition.ends_with('*')).map(its_name);
    let names = if names.is_empty() { Vec::from_iter(own) } else { names.to_vec() };
    if names.is_empty() {
        let message = "the cluster file has no slurm.partition, and SLURM no partition of its own";
        return refuse(message.to_owned(), LISTED);
    }
    let key = if slurm.partition.is_some() { "slurm.partition" } else { "SBATCH_PARTITION" };
    let (mut good, mut bad) = (Vec::new(), Vec::<Error>::new());
    for name in &names {
        let its: Vec<&Kind> = kinds.iter().filter(|it| its_name(it) == *name).collect();
        if its.is_empty() {
            let verb = if names.len() == 1 { "is" } else { "names" };
            let message = format!("{key} {verb} `{name}`, and SLURM knows no such partition");
            // With one that is not there, `sbatch` refuses all of them.
            return refuse(message, LISTED);
        }
        match judge_one(name, &its, slurm, wanted) {
            Ok(line) => good.push(line),
            Err(error) => bad.push(error),
        }
    }
    if good.is_empty() && bad.len() == 1 {
        return Err(bad.remove(0));
    }
    let good = good.join("; ");
    let why = bad.iter().map(|it| it.message.as_str()).collect::<Vec<_>>().join("; ");
    match (good.is_empty(), bad.is_empty()) {
        (true, _) => refuse(format!("none of {key} will do: {why}"), LISTED),
        (false, true) => Ok(good),
        (false, false) => Ok(format!("{good}; not there: {why}")),
    }
}

/// The way out where a partition will not do.
const LISTED: &str = "`sinfo -s` lists the partitions; set slurm.partition";

fn refuse(message: String, hint: &str) -> Result<String, Error> {
    Err(Error::new(exit::DECLARATION, message).hint(hint))
}

/// Whether so many nodes can be had for so long in one partition, which has nodes of these kinds.
fn judge_one(name: &str, its: &[&Kind], slurm: &Slurm, wanted: usize) -> Result<String, Error> {
    let first = its[0];
    if its.iter().all(|it| it.state != "up") {
        let message = format!("partition `{name}` is {}: it starts no jobs", first.state);
        return refuse(message, LISTED);
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
        let kinds: Vec<Kind> = SINFO.lines().filter_map(kind).collect();
        match judge(&kinds, &names(&slurm, None), &slurm, nodes) {
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
    fn one_of_several_partitions_is_enough() {
        check(
            Some("debug,a100"),
            None,
            None,
            2,
            expect![
                "`debug` is up: 2 node(s), 30:00 a job at most; `a100` is up: 8 node(s), gpu:a100:4(S:0-1), 2-00:00:00 a job at most"
            ],
        );
        // The first alone has too few nodes; together they would have more than either.
        check(
            Some("debug, a100"),
            Some("24:00:00"),
            None,
            8,
            expect![
                "`a100` is up: 8 node(s), gpu:a100:4(S:0-1), 2-00:00:00 a job at most; not there: partition `debug` has 2 node(s), the run asks for 8"
            ],
        );
        check(
            Some("debug,a100"),
            None,
            None,
            9,
            expect![
                "none of slurm.partition will do: partition `debug` has 2 node(s), the run asks for 9; partition `a100` has 8 node(s), the run asks for 9"
            ],
        );
        check(
            Some("a100,b200"),
            None,
            None,
            1,
            expect!["slurm.partition names `b200`, and SLURM knows no such partition"],
        );
        let none = Slurm::default();
        assert_eq!(names(&none, Some("a,b".to_owned())), ["a", "b"]);
        assert_eq!(names(&none, None), [] as [String; 0]);
        let own = Slurm { partition: Some("c".to_owned()), ..none };
        assert_eq!(names(&own, Some("a,b".to_owned())), ["c"]);
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
