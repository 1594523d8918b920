//! Which calls of NCCL's an operation is.

use super::super::{Operation, share};
use std::ffi::c_int;

/// The type of what is summed, `ncclDataType_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    #[cfg_attr(not(any(feature = "cuda", test)), allow(dead_code))]
    Bf16,
}

impl Element {
    /// Bytes of a value.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }

    /// Its number.
    pub fn code(self) -> c_int {
        match self {
            Self::F32 => 7,
            Self::Bf16 => 9,
        }
    }
}

/// One call over all ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub kind: Kind,
    /// Address that is read.
    pub from: u64,
    /// Address that is written.
    pub to: u64,
    /// Values, as the function counts them: of a share where there are shares.
    pub count: usize,
    pub element: Element,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    AllReduce,
    ReduceScatter,
    AllGather,
    Reduce { root: usize },
    Broadcast { root: usize },
}

/// Values in a GPU's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Of the first one.
    pub address: u64,
    /// How many there are.
    pub len: usize,
    pub element: Element,
}

/// The calls that do `operation` in place, the same on every rank; several of them belong into a group.
///
/// NCCL's halves of an all-reduce know shares of one size only. Where a world does not divide the length,
/// each [`share`] is a call of its own.
pub(super) fn calls(
    operation: Operation,
    place: Place,
    (rank, world): (usize, usize),
) -> Vec<Call> {
    let Place { address, len, element } = place;
    let at = |index: usize| address + (index * element.size()) as u64;
    let call = |kind, from, to, count| Call { kind, from: at(from), to: at(to), count, element };
    let shares = |kind: fn(usize) -> Kind| {
        let shares = (0..world).map(|root| (root, share(len, root, world)));
        shares
            .filter(|(_, part)| !part.is_empty())
            .map(|(root, part)| call(kind(root), part.start, part.start, part.len()))
            .collect()
    };
    let (count, is_even) = (len / world, len.is_multiple_of(world));
    match operation {
        _ if len == 0 => Vec::new(),
        Operation::AllReduce => vec![call(Kind::AllReduce, 0, 0, len)],
        Operation::ReduceScatter if is_even => {
            vec![call(Kind::ReduceScatter, 0, rank * count, count)]
        }
        Operation::AllGather if is_even => vec![call(Kind::AllGather, rank * count, 0, count)],
        Operation::ReduceScatter => shares(|root| Kind::Reduce { root }),
        Operation::AllGather => shares(|root| Kind::Broadcast { root }),
        // Those of the ring.
        Operation::Broadcast | Operation::Barrier | Operation::Question | Operation::Meeting => {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(operation: Operation, len: usize, rank: usize, world: usize, expected: Expect) {
        let place = Place { address: 1000, len, element: Element::Bf16 };
        let calls = calls(operation, place, (rank, world));
        let lines: Vec<String> = calls
            .iter()
            .map(|Call { kind, from, to, count, .. }| format!("{kind:?} {from} -> {to}, {count}"))
            .collect();
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn operations_are_calls_in_place() {
        check(Operation::AllReduce, 7, 1, 3, expect!["AllReduce 1000 -> 1000, 7"]);
        check(Operation::ReduceScatter, 6, 1, 3, expect!["ReduceScatter 1000 -> 1004, 2"]);
        check(Operation::AllGather, 6, 2, 3, expect!["AllGather 1008 -> 1000, 2"]);
        check(Operation::AllReduce, 0, 0, 3, expect![""]);
        check(Operation::AllGather, 0, 0, 3, expect![""]);
    }

    #[test]
    fn shares_of_different_sizes_are_calls_of_their_own() {
        check(
            Operation::ReduceScatter,
            7,
            1,
            3,
            expect![[r#"
                Reduce { root: 0 } 1000 -> 1000, 2
                Reduce { root: 1 } 1004 -> 1004, 2
                Reduce { root: 2 } 1008 -> 1008, 3"#]],
        );
        check(
            Operation::AllGather,
            2,
            2,
            4,
            expect![[r#"
                Broadcast { root: 1 } 1000 -> 1000, 1
                Broadcast { root: 3 } 1002 -> 1002, 1"#]],
        );
    }
}
