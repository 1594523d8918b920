//! Rows on their way from a file: made on all cores, handed on one by one in the order of the file.

use super::row::Row;
use super::source::{Pieces, Source};
use crate::Error;
use rayon::prelude::*;

/// Who gets the rows; an error of theirs ends the reading.
pub(crate) type Take<'a> = &'a mut dyn FnMut(Row) -> Result<(), Error>;

/// Pieces in memory at once, at most: with their rows, each is some megabytes.
const AT_ONCE: usize = 16;

/// Hands on the rows of a file whose pieces have nothing to do with each other.
pub(crate) fn each(
    pieces: Pieces,
    rows: impl Fn(&Source) -> Vec<Row> + Sync,
    take: Take<'_>,
) -> Result<(), Error> {
    in_order(pieces, rows, |rows| rows.into_iter().try_for_each(&mut *take))
}

/// Makes something of each item on all cores and hands it on in the order of the items; what was
/// made before a fault is handed on before the fault is told.
pub(crate) fn in_order<T: Send + Sync, M: Send>(
    items: impl IntoIterator<Item = Result<T, Error>>,
    make: impl Fn(&T) -> M + Sync,
    mut take: impl FnMut(M) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut items = items.into_iter();
    loop {
        let (mut some, mut end) = (Vec::new(), None);
        while end.is_none() && some.len() < rayon::current_num_threads().min(AT_ONCE) {
            match items.next() {
                Some(Ok(item)) => some.push(item),
                Some(Err(error)) => end = Some(Err(error)),
                None => end = Some(Ok(())),
            }
        }
        let made: Vec<M> = some.par_iter().map(&make).collect();
        made.into_iter().try_for_each(&mut take)?;
        if let Some(end) = end {
            return end;
        }
    }
}
