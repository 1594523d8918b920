//! Shares that were made in folders of their own and meet elsewhere.
//!
//! A share's files are carried to the place first, its list `part-2-of-8.json` last. So who finds all
//! lists there, and the files that they name, finds all rows, and knows the manifest without reading
//! one.

use super::part::Part;
use super::{Prepared, refuse_empty};
use crate::error::Error;
use crate::manifest::{Manifest, Origin, ShardFile};
use crate::order::Share;
use std::collections::BTreeMap;
use std::path::Path;

/// What a share has made, as [`prepare_share`](super::prepare_share) lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareList(Part);

impl ShareList {
    /// The name of the list of `share`.
    pub fn name(share: Share) -> String {
        Part::name(share.index + 1, share.count)
    }

    /// Whether a file of this name is such a list.
    pub fn is_name(name: &str) -> bool {
        name.starts_with("part-") && name.ends_with(".json")
    }

    /// Reads a list; none if it is torn, or one of other rows than those of `origin`.
    pub fn read(text: &[u8], origin: &Origin) -> Result<Option<Self>, Error> {
        let fingerprint = origin.fingerprint()?;
        let text = std::str::from_utf8(text).ok();
        Ok(text.and_then(|text| Part::read(text, &fingerprint)).map(Self))
    }

    /// The files of the share's rows.
    pub fn files(&self) -> impl Iterator<Item = &ShardFile> {
        self.0.blocks.iter().filter_map(|block| block.file.as_ref())
    }
}

/// What the shares with these `lists` are together, where there are `count` shares.
///
/// `place` is where they are, for an error to name. Whether the files are there is for the caller to
/// see, and what they hold for whoever reads them.
pub fn gather(
    origin: &Origin,
    lists: Vec<ShareList>,
    count: usize,
    place: &Path,
) -> Result<Prepared, Error> {
    let lists = lists.into_iter().map(|list| list.0).filter(|part| part.of == count);
    let parts: BTreeMap<usize, Part> = lists.map(|part| (part.share, part)).collect();
    let missing: Vec<usize> = (1..=count).filter(|share| !parts.contains_key(share)).collect();
    if !missing.is_empty() {
        return Ok(Prepared::Part { missing, origin: Box::new(origin.clone()) });
    }
    let mut manifest = Manifest::new(origin.clone())?;
    Part::join(parts.into_values().collect(), &mut manifest);
    refuse_empty(place, &manifest)?;
    Ok(Prepared::Whole(Box::new(manifest)))
}
