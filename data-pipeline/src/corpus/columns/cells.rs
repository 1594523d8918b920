//! What one line of columns says.

use super::{Delimiter, Options};

/// What is read of a line.
pub(crate) struct Cells<'a> {
    pub token: &'a str,
    pub tag: &'a str,
    pub position: Option<Position>,
    misc: Option<&'a str>,
}

/// What the number of a line says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    Word(usize),
    /// Several words that are written as one; the last of them.
    Several(usize),
    /// A word that is not written.
    Unwritten,
}

impl Cells<'_> {
    /// Whether the column of features holds the one that a declaration names.
    pub(crate) fn has(&self, flag: &Option<String>) -> bool {
        match (self.misc, flag) {
            (Some(features), Some(flag)) => {
                features.split('|').any(|feature| feature == flag.as_str())
            }
            _ => false,
        }
    }
}

/// What is read of a line.
pub(crate) fn cells<'a>(line: &'a str, options: &Options) -> Result<Cells<'a>, String> {
    let cells: Vec<&str> = match options.delimiter {
        Delimiter::Space => line.split(' ').collect(),
        Delimiter::Tab => line.split('\t').collect(),
        // Only ASCII: a no-break space may be part of a token.
        Delimiter::Whitespace => line.split_ascii_whitespace().collect(),
    };
    let expected = options.columns.unwrap_or(options.last() + 1);
    if cells.len() != expected {
        let between = match options.delimiter {
            Delimiter::Space => "one space",
            Delimiter::Tab => "a TAB",
            Delimiter::Whitespace => "white space",
        };
        let found = cells.len();
        let by_space = line.split_ascii_whitespace().count();
        let way_out = match options.delimiter {
            Delimiter::Tab if found == 1 && by_space == expected => {
                "; white space divides them: write `delimiter = \"whitespace\"` in [options]"
            }
            _ => "",
        };
        return Err(format!(
            "expected {expected} columns divided by {between}, found {found}{way_out}"
        ));
    }
    let token = cells[options.token].trim();
    let token = if options.glued_position { without_position(token) } else { token };
    let tag = match &options.tag_key {
        // A token without the feature is of no entity.
        Some(key) => feature(cells[options.tag], key).unwrap_or("O"),
        None => cells[options.tag],
    };
    let position = options.position.map(|column| position(cells[column])).transpose()?;
    let misc = options.misc.map(|column| cells[column]);
    Ok(Cells { token, tag, position, misc })
}

/// `3`, `3-4` or `5.1`.
fn position(written: &str) -> Result<Position, String> {
    let fault = || format!("`{written}` is no number of a token: `3`, `3-4` or `5.1`");
    let number = |text: &str| text.parse::<usize>().map_err(|_| fault());
    if let Some((first, last)) = written.split_once('-') {
        let (first, last) = (number(first)?, number(last)?);
        return if first <= last { Ok(Position::Several(last)) } else { Err(fault()) };
    }
    if let Some((before, own)) = written.split_once('.') {
        number(before)?;
        number(own)?;
        return Ok(Position::Unwritten);
    }
    Ok(Position::Word(number(written)?))
}

/// The value of a feature in `a=b|c=d`.
fn feature<'a>(features: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = features.split('|').filter_map(|feature| feature.split_once('='));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// A first character, whatever it is, and what follows it up to the digits at the end.
fn without_position(token: &str) -> &str {
    let first = token.chars().next().map_or(0, char::len_utf8);
    let kept = token[first..].trim_end_matches(|c: char| c.is_ascii_digit());
    &token[..first + kept.len()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_say_what_a_line_is() {
        assert_eq!(position("3").unwrap(), Position::Word(3));
        assert_eq!(position("3-4").unwrap(), Position::Several(4));
        assert_eq!(position("5.1").unwrap(), Position::Unwritten);
        for wrong in ["", "x", "4-3", "3-", "5.", "-1"] {
            let fault = format!("`{wrong}` is no number of a token: `3`, `3-4` or `5.1`");
            assert_eq!(position(wrong).unwrap_err(), fault);
        }
    }

    #[test]
    fn features_are_found_by_their_whole_name() {
        assert_eq!(feature("SpaceAfter=No|Entity=B-PER", "Entity"), Some("B-PER"));
        assert_eq!(feature("XEntity=B-PER", "Entity"), None);
        assert_eq!(feature("_", "Entity"), None);
    }
}
