//! Which ranks are on which node, and on which of its devices.

use crate::cluster::{Backend, Cluster};
use serde::Serialize;
use std::fmt::Write;

/// Nodes that are shown one by one; of more only the first and the last ones are.
const SHOWN: usize = 4;

/// A node and its ranks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeRanks {
    /// Its name, or its number where the scheduler chooses.
    pub node: String,
    /// The first of its ranks and the one after the last; each computes on the device of its place among them.
    pub ranks: [usize; 2],
    /// Whether it waits for another one to be lost.
    pub spare: bool,
}

/// The nodes of `cluster`, spares last.
pub fn of(cluster: &Cluster) -> Vec<NodeRanks> {
    let name = |index: usize| match cluster.backend {
        Backend::Ssh => cluster.ssh.hosts.get(index).cloned(),
        Backend::Local => Some(format!("local-{index}")),
        Backend::Slurm | Backend::Kubernetes => None,
    };
    let each = cluster.ranks_per_node();
    let of = |index: usize| {
        let spare = index >= cluster.nodes;
        let ranks = if spare { [0, 0] } else { [index * each, (index + 1) * each] };
        NodeRanks { node: name(index).unwrap_or_else(|| format!("node-{index}")), ranks, spare }
    };
    (0..cluster.nodes + cluster.spares).map(of).collect()
}

/// The map in lines; nothing where there is a single node.
pub(super) fn write(text: &mut String, nodes: &[NodeRanks]) -> std::fmt::Result {
    if nodes.len() < 2 {
        return Ok(());
    }
    let mut heading = "  nodes        ";
    // A line that says that one more is there takes as much room as that one.
    let is_long = nodes.len() > SHOWN + 1;
    for (index, node) in nodes.iter().enumerate() {
        let hidden = is_long && (SHOWN / 2..nodes.len() - SHOWN / 2).contains(&index);
        match hidden {
            true if index == SHOWN / 2 => {
                writeln!(text, "               … {} more", nodes.len() - SHOWN)?;
            }
            true => {}
            false => writeln!(text, "{heading}{}", line(node))?,
        }
        heading = "               ";
    }
    Ok(())
}

fn line(node: &NodeRanks) -> String {
    let [first, end] = node.ranks;
    match (node.spare, end.saturating_sub(first)) {
        (true, _) => format!("{}: a spare", node.node),
        (false, 1) => format!("{}: rank {first} on its device 0", node.node),
        (false, count) => format!(
            "{}: ranks {first}-{} on its devices 0-{}",
            node.node,
            end.saturating_sub(1),
            count.saturating_sub(1)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(cluster: &Cluster, expected: Expect) {
        let mut text = "map\n".to_owned();
        let _ = write(&mut text, &of(cluster));
        expected.assert_eq(&text);
    }

    #[test]
    fn many_nodes_are_collapsed() {
        let local = Cluster::of_this_machine();
        check(
            &local,
            expect![[r#"
                map
            "#]],
        );
        let two = Cluster { ranks: 2, nodes: 2, spares: 1, ..local.clone() };
        check(
            &two,
            expect![[r#"
                map
                  nodes        local-0: rank 0 on its device 0
                               local-1: rank 1 on its device 0
                               local-2: a spare
            "#]],
        );
        let five =
            Cluster { backend: Backend::Slurm, ranks: 4, nodes: 4, spares: 1, ..local.clone() };
        check(
            &five,
            expect![[r#"
                map
                  nodes        node-0: rank 0 on its device 0
                               node-1: rank 1 on its device 0
                               node-2: rank 2 on its device 0
                               node-3: rank 3 on its device 0
                               node-4: a spare
            "#]],
        );
        let many = Cluster { backend: Backend::Slurm, ranks: 64, nodes: 8, ..local };
        check(
            &many,
            expect![[r#"
                map
                  nodes        node-0: ranks 0-7 on its devices 0-7
                               node-1: ranks 8-15 on its devices 0-7
                               … 4 more
                               node-6: ranks 48-55 on its devices 0-7
                               node-7: ranks 56-63 on its devices 0-7
            "#]],
        );
    }
}
