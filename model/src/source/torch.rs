//! Files of `torch.save`: an archive with a pickle that names tensors, and their storages beside it.

use super::archive::Archive;
use super::contents::{Contents, Element, Place, Storage, quoted};
use super::pickle::{self, Item, View};

/// How a file of torch.save begins that is no archive: a pickle of a number that means torch.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// The tensors of a file that torch.save wrote.
pub(crate) fn read(file: &[u8]) -> Result<Contents, String> {
    if file.starts_with(LEGACY) {
        return Err("was written in the format of torch before 1.6; write it again with \
                    `torch.save(torch.load(FILE, weights_only=True), FILE)`"
            .into());
    }
    if !file.starts_with(b"PK\x03\x04") {
        return Err("is no file of torch.save: it is no zip archive".into());
    }
    let archive = Archive::read(file)?;
    let root = root(&archive)?;
    let big_endian = match archive.bytes(&format!("{root}/byteorder")) {
        None | Some(b"little") => false,
        Some(b"big") => true,
        Some(_) => return Err("has a `byteorder` that is neither little nor big".into()),
    };
    let pickle = archive.bytes(&format!("{root}/data.pkl")).unwrap_or_default();
    let items = pickle::state_dict(pickle).map_err(|message| format!("its pickle {message}"))?;
    let mut contents = Contents::default();
    for (name, item) in items {
        let place = match &item {
            Item::Other(kind) => Err((*kind).to_owned()),
            Item::Tensor(view) => place(&archive, root, view, big_endian)
                .map_err(|message| format!("tensor {} {message}", quoted(&name)))?
                .ok_or_else(|| format!("`{}`", view.kind)),
        };
        match place {
            Ok(place) => drop(contents.tensors.insert(name, place)),
            Err(kind) => drop(contents.others.insert(name, kind)),
        }
    }
    Ok(contents)
}

/// The folder of the archive that everything lies in.
fn root<'a>(archive: &Archive<'a>) -> Result<&'a str, String> {
    let mut roots = archive
        .names()
        .filter_map(|name| name.strip_suffix("/data.pkl"))
        .filter(|root| !root.contains('/'));
    match (roots.next(), roots.next()) {
        (Some(root), None) => Ok(root),
        (None, _) => Err("is no file of torch.save: it has no `data.pkl`".into()),
        (Some(_), Some(_)) => Err("is no file of torch.save: it has several `data.pkl`".into()),
    }
}

/// Where a view's numbers stand, if they are floats.
fn place(
    archive: &Archive,
    root: &str,
    view: &View,
    big_endian: bool,
) -> Result<Option<Place>, String> {
    let key = view.storage.key;
    let bytes = archive
        .range(&format!("{root}/data/{key}"))
        .ok_or_else(|| format!("looks at the storage {}, which is not there", quoted(key)))?;
    let expected = view.storage.bytes;
    if let Some(expected) = expected.filter(|expected| bytes.len() != *expected) {
        return Err(format!(
            "looks at the storage {}, which has {} bytes where {expected} are expected",
            quoted(key),
            bytes.len()
        ));
    }
    let Element::Float(float) = view.element else { return Ok(None) };
    let (dims, strides) = (view.dims.clone(), view.strides.clone());
    Place::view(float, dims, strides, view.offset, &Storage { bytes, big_endian }).map(Some)
}

#[cfg(test)]
mod tests {
    use super::super::made::{Instructions, torch, zip};
    use super::*;
    use expect_test::{Expect, expect};

    fn check(file: &[u8], expected: Expect) {
        expected.assert_eq(&match read(file) {
            Ok(contents) => {
                let tensors = contents.tensors.iter();
                let mut lines: Vec<String> = tensors
                    .map(|(name, it)| format!("{name} {:?} {:?} {:?}", it.float, it.dims, it.bytes))
                    .collect();
                lines.extend(contents.others.iter().map(|(name, it)| format!("{name} is {it}")));
                lines.join("; ")
            }
            Err(message) => message,
        });
    }

    /// A file of one tensor `w` over the storage `0` of `bytes` bytes.
    fn one(class: &str, numbers: i64, offset: i64, dims: &[i64], bytes: usize) -> Vec<u8> {
        let strides: Vec<i64> = dims.iter().map(|_| 1).collect();
        let storage = |it: Instructions| it.storage(class, "0", numbers);
        let pickle = Instructions::dict(|it| it.text("w").tensor(storage, offset, dims, &strides));
        let storage: Vec<u8> = (0..bytes as u8).collect();
        torch(&pickle, &[&storage])
    }

    #[test]
    fn tensors_are_ranges_of_the_file() {
        let file = one("FloatStorage", 6, 2, &[4], 24);
        let contents = read(&file).unwrap_or_default();
        let bytes = contents.tensors.get("w").and_then(|place| file.get(place.bytes.clone()));
        let expected: Vec<u8> = (8..24).collect();
        assert_eq!(bytes, Some(expected.as_slice()));
        check(&one("LongStorage", 3, 0, &[3], 24), expect!["w is `int64`"]);
    }

    #[test]
    fn what_a_tensor_looks_at_must_be_there() {
        check(
            &one("FloatStorage", 6, 0, &[6], 23),
            expect![
                "tensor `w` looks at the storage `0`, which has 23 bytes where 24 are expected"
            ],
        );
        check(
            &one("FloatStorage", 6, 1, &[6], 24),
            expect![
                "tensor `w` is [6] with strides [1] from number 1 on, but its storage ends after 6 numbers"
            ],
        );
        check(
            &torch(
                &Instructions::dict(|it| {
                    it.text("w").tensor(|it| it.storage("FloatStorage", "../7", 1), 0, &[], &[])
                }),
                &[],
            ),
            expect!["tensor `w` looks at the storage `../7`, which is not there"],
        );
        check(
            &torch(b"\x80\x02cos\nsystem\n", &[]),
            expect![
                "its pickle asks to call `os.system`; only tensors are read, and nothing is executed"
            ],
        );
    }

    #[test]
    fn other_files_are_told_what_they_are() {
        check(b"{}", expect!["is no file of torch.save: it is no zip archive"]);
        check(
            &[LEGACY, b"."].concat(),
            expect![
                "was written in the format of torch before 1.6; write it again with `torch.save(torch.load(FILE, weights_only=True), FILE)`"
            ],
        );
        check(
            &zip(&[("x/code/a.py", b"pass")]),
            expect!["is no file of torch.save: it has no `data.pkl`"],
        );
        check(
            &zip(&[("x/data.pkl", b""), ("y/data.pkl", b"")]),
            expect!["is no file of torch.save: it has several `data.pkl`"],
        );
        check(&zip(&[("x/data.pkl", b"")]), expect!["its pickle breaks off"]);
        check(
            &zip(&[("x/data.pkl", b"\x80\x02}."), ("x/byteorder", b"middle")]),
            expect!["has a `byteorder` that is neither little nor big"],
        );
    }
}
