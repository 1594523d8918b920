//! Lists of nodes as SLURM writes them: `a[01-03,7],b2`, `rack[1-2]node[1-16]`.

/// More nodes than any list of ours names; a longer one is a slip, or made to take our memory.
const MOST: usize = 65_536;

/// The names that `list` means, in its order.
pub fn expand(list: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for item in items(list)? {
        let names_before = names.len();
        for name in names_of(item, MOST - names_before).map_err(|why| refused(list, &why))? {
            names.push(name);
        }
    }
    match names.is_empty() {
        true => Err("the list of nodes is empty".to_owned()),
        false => Ok(names),
    }
}

/// Splits at the commas outside of brackets.
fn items(list: &str) -> Result<Vec<&str>, String> {
    let (mut items, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, character) in list.char_indices() {
        match character {
            '[' if inside => return Err(refused(list, "a bracket stands within a bracket")),
            '[' => inside = true,
            ']' if !inside => return Err(refused(list, "a bracket closes that was not opened")),
            ']' => inside = false,
            ',' if !inside => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            it if it.is_whitespace() || it.is_control() => {
                return Err(refused(list, "it has white space in it"));
            }
            _ => {}
        }
    }
    if inside {
        return Err(refused(list, "a bracket is not closed"));
    }
    items.push(&list[start..]);
    match items.iter().any(|item| item.is_empty()) && !list.is_empty() {
        true => Err(refused(list, "a name is missing beside a comma")),
        false => Ok(items.into_iter().filter(|item| !item.is_empty()).collect()),
    }
}

/// The names of one item, the numbers of its last bracket running fastest.
fn names_of(item: &str, room: usize) -> Result<Vec<String>, String> {
    let mut names = vec![String::new()];
    let mut rest = item;
    while let Some((text, behind)) = rest.split_once('[') {
        // Brackets are paired: that was looked at before.
        let (ranges, behind) = behind.split_once(']').unwrap_or((behind, ""));
        let numbers = numbers(ranges, room)?;
        if names.len().saturating_mul(numbers.len()) > room {
            return Err(format!("it names more than {MOST} nodes"));
        }
        names = names
            .iter()
            .flat_map(|name| numbers.iter().map(move |number| format!("{name}{text}{number}")))
            .collect();
        rest = behind;
    }
    if names.len() > room {
        return Err(format!("it names more than {MOST} nodes"));
    }
    names.iter_mut().for_each(|name| name.push_str(rest));
    Ok(names)
}

/// The numbers of `01-03,7`, with the zeros that they are written with.
fn numbers(ranges: &str, room: usize) -> Result<Vec<String>, String> {
    let mut numbers = Vec::new();
    for range in ranges.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let [from, to] = [first, last].map(number);
        let (Some(from), Some(to)) = (from, to) else {
            return Err(format!("`{range}` is no number and no range of numbers"));
        };
        if to < from {
            return Err(format!("the range `{range}` runs backwards"));
        }
        if to - from >= (room - numbers.len().min(room)) as u64 {
            return Err(format!("it names more than {MOST} nodes"));
        }
        let width = first.len();
        numbers.extend((from..=to).map(|number| format!("{number:0width$}")));
    }
    Ok(numbers)
}

fn number(text: &str) -> Option<u64> {
    let is_number = (1..=18).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn refused(list: &str, why: &str) -> String {
    let mut shown: String = list.chars().take(60).collect();
    if shown.len() < list.len() {
        shown.push('…');
    }
    format!("`{shown}` is no list of nodes: {why}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn check(list: &str, expected: Expect) {
        expected.assert_eq(&expand(list).map_or_else(|error| error, |names| names.join(" ")));
    }

    #[test]
    fn lists_mean_what_scontrol_makes_of_them() {
        check("node7", expect!["node7"]);
        check("n[1-2]", expect!["n1 n2"]);
        check("a[01-03,7],b2", expect!["a01 a02 a03 a7 b2"]);
        check("a[8-11]", expect!["a8 a9 a10 a11"]);
        check("a[098-101]", expect!["a098 a099 a100 a101"]);
        check("r[1-2]n[1-3]", expect!["r1n1 r1n2 r1n3 r2n1 r2n2 r2n3"]);
        check("gpu-[1,3]-ib,login", expect!["gpu-1-ib gpu-3-ib login"]);
        check("c[1-2]b[3]x.local", expect!["c1b3x.local c2b3x.local"]);
    }

    #[test]
    fn other_texts_are_refused_in_a_sentence() {
        check("", expect!["the list of nodes is empty"]);
        check("a[1-3", expect!["`a[1-3` is no list of nodes: a bracket is not closed"]);
        check("a1]", expect!["`a1]` is no list of nodes: a bracket closes that was not opened"]);
        check("a[[1]]", expect!["`a[[1]]` is no list of nodes: a bracket stands within a bracket"]);
        check("a[3-1]", expect!["`a[3-1]` is no list of nodes: the range `3-1` runs backwards"]);
        check(
            "a[x]",
            expect!["`a[x]` is no list of nodes: `x` is no number and no range of numbers"],
        );
        check("a,,b", expect!["`a,,b` is no list of nodes: a name is missing beside a comma"]);
        check("a b", expect!["`a b` is no list of nodes: it has white space in it"]);
        check("a[]", expect!["`a[]` is no list of nodes: `` is no number and no range of numbers"]);
    }

    #[test]
    fn endless_lists_take_no_memory() {
        for list in [
            "a[0-999999999999999999]",
            "a[0-65535],b[0-65535]",
            "a[0-999]b[0-999]c[0-999]d[0-999]",
            "a[0-65535],b",
        ] {
            let error = expand(list).unwrap_err();
            assert!(error.ends_with("it names more than 65536 nodes"), "{list}: {error}");
        }
        assert_eq!(expand("a[0-65535]").unwrap().len(), 65_536);
    }
}
