//! The tensors of files beside those of a model.

use super::contents::quoted;
use super::list;
use std::collections::BTreeMap;

/// All that does not fit, each a line.
#[derive(Default)]
pub(super) struct Misfits {
    missing: Vec<String>,
    extra: Vec<String>,
    misshapen: Vec<String>,
}

impl Misfits {
    /// Compares names and shapes. `others` are names of what is not read, and what it is.
    pub(super) fn find(
        expected: &[(String, Vec<usize>)],
        optional: &[&str],
        found: &BTreeMap<&str, &[usize]>,
        others: &BTreeMap<String, String>,
    ) -> Self {
        let mut misfits = Self::default();
        let mut wanted: BTreeMap<&str, &[usize]> = BTreeMap::new();
        for (name, dims) in expected {
            wanted.insert(name, dims);
            let shown = quoted(name);
            match found.get(name.as_str()) {
                Some(there) if there == dims => {}
                Some(there) => {
                    misfits.misshapen.push(format!("{shown} is {there:?}, expected {dims:?}"));
                }
                None if optional.contains(&name.as_str()) => {}
                None => misfits.missing.push(match others.get(name) {
                    Some(kind) => format!("{shown} {dims:?}: what is there is {kind}"),
                    None => format!("{shown} {dims:?}"),
                }),
            }
        }
        for (name, dims) in found {
            let computed = name.ends_with(".inv_freq") || *name == "inv_freq";
            if !wanted.contains_key(name) && !optional.contains(name) && !computed {
                misfits.extra.push(format!("{} {dims:?}", quoted(name)));
            }
        }
        misfits
    }

    /// What to say, if anything does not fit.
    pub(super) fn message(&self) -> Option<String> {
        let kinds = [
            ("missing", &self.missing),
            ("not of this model", &self.extra),
            ("of another shape", &self.misshapen),
        ];
        let lists: String = kinds
            .iter()
            .filter(|(_, items)| !items.is_empty())
            .map(|(kind, items)| format!("\n  {kind} ({}):{}", items.len(), list(items)))
            .collect();
        (!lists.is_empty()).then(|| format!("holds other tensors than the model{lists}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// `a` [2, 3] and `b` [4] are there, `i` is a number of another kind.
    fn check(expected: &[(&str, &[usize])], optional: &[&str], message: Expect) {
        let expected: Vec<(String, Vec<usize>)> =
            expected.iter().map(|(name, dims)| ((*name).to_owned(), dims.to_vec())).collect();
        let found: BTreeMap<&str, &[usize]> = [
            ("a", [2, 3].as_slice()),
            ("b", [4].as_slice()),
            ("layers.0.rotary_emb.inv_freq", [32].as_slice()),
        ]
        .into();
        let others = [("i".to_owned(), "`int64`".to_owned())].into();
        let misfits = Misfits::find(&expected, optional, &found, &others);
        message.assert_eq(&misfits.message().unwrap_or_default());
    }

    #[test]
    fn all_that_does_not_fit_is_listed() {
        check(&[("a", &[2, 3]), ("b", &[4])], &[], expect![""]);
        check(&[("a", &[2, 3])], &["b", "c"], expect![""]);
        check(&[("a", &[2, 3]), ("b", &[4]), ("c", &[1])], &["c"], expect![""]);
        check(
            &[("a", &[3, 2]), ("c", &[7]), ("i", &[1]), ("d", &[])],
            &[],
            expect![[r#"
                holds other tensors than the model
                  missing (3):
                    `c` [7]
                    `i` [1]: what is there is `int64`
                    `d` []
                  not of this model (1):
                    `b` [4]
                  of another shape (1):
                    `a` is [2, 3], expected [3, 2]"#]],
        );
    }

    #[test]
    fn a_list_ends() {
        let expected: Vec<(String, Vec<usize>)> =
            (0..23).map(|i| (format!("w{i}"), vec![1])).collect();
        let misfits = Misfits::find(&expected, &[], &BTreeMap::new(), &BTreeMap::new());
        let message = misfits.message().unwrap_or_default();
        assert_eq!(message.lines().count(), 2 + 20 + 1, "{message}");
        assert!(message.ends_with("`w19` [1]\n    and 3 more"), "{message}");
    }
}
