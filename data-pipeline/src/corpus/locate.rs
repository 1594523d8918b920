//! Names without offsets: where a text has them.

/// The characters at which `text` has `wanted`: as whole words, or, if nowhere so, as it is.
pub(crate) fn find(text: &str, wanted: &str) -> Vec<(usize, usize)> {
    let words = words(text, wanted);
    if words.is_empty() { places(text, wanted).map(|(_, place)| place).collect() } else { words }
}

/// The characters at which `text` has `wanted` as whole words.
pub(crate) fn words(text: &str, wanted: &str) -> Vec<(usize, usize)> {
    let is_whole = |(byte, _): &(usize, (usize, usize))| {
        let (before, after) = (&text[..*byte], &text[*byte + wanted.len()..]);
        !one_word(before.chars().next_back(), wanted.chars().next())
            && !one_word(wanted.chars().next_back(), after.chars().next())
    };
    places(text, wanted).filter(is_whole).map(|(_, place)| place).collect()
}

/// The byte and the characters of every place where `text` has `wanted`.
fn places<'a>(
    text: &'a str,
    wanted: &'a str,
) -> impl Iterator<Item = (usize, (usize, usize))> + 'a {
    let length = wanted.chars().count();
    // An empty surface stands everywhere and says nothing.
    let found = text.match_indices(wanted).filter(move |_| length > 0);
    // Characters are counted on from the place before: a text may hold a short name very often.
    let (mut before, mut start) = (0, 0);
    found.map(move |(byte, _)| {
        start += text[before..byte].chars().count();
        before = byte;
        (byte, (start, start + length))
    })
}

/// Whether two neighbours are of one word. Scripts that put no space between words have no whole
/// words to look for.
pub(crate) fn one_word(before: Option<char>, after: Option<char>) -> bool {
    let letter = |found: Option<char>| found.is_some_and(|c| c.is_alphanumeric() && !unspaced(c));
    letter(before) && letter(after)
}

/// Whether a character is of a script without spaces: Thai to Khmer, kana, Chinese characters.
fn unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF
        | 0x3040..=0x30FF | 0x3400..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_come_first() {
        assert_eq!(find("Anna met Ann", "Ann"), [(9, 12)]);
        assert_eq!(find("Anna and Annabel", "Ann"), [(0, 3), (9, 12)]);
        assert_eq!(find("É. Ann, Ann.", "Ann"), [(3, 6), (8, 11)]);
        assert_eq!(find("李明在京", "明"), [(1, 2)]);
        assert_eq!(words("Anna met Ann", "Ann"), [(9, 12)]);
        assert!(words("Anna and Annabel", "Ann").is_empty());
        assert!(find("Ann", "Bob").is_empty());
        assert!(find("Ann", "").is_empty());
    }
}
