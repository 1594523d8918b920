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

/// Where `text` has all of `parts` one behind the other, each as whole words: of the places that
/// `fits` allows the narrowest, and of those the first.
pub(crate) fn in_order(
    text: &str,
    parts: &[&str],
    fits: impl Fn(&[(usize, usize)]) -> bool,
) -> Option<Vec<(usize, usize)>> {
    let found: Vec<Vec<(usize, usize)>> = parts.iter().map(|part| words(text, part)).collect();
    let (last, before) = found.split_last()?;
    let mut best: Option<Vec<(usize, usize)>> = None;
    for end in last {
        // From the right, each as near as it can be: nothing narrower ends here.
        let mut places = vec![*end];
        for part in before.iter().rev() {
            let from = places[places.len() - 1].0;
            let nearer = part.partition_point(|(_, end)| *end <= from);
            let Some(index) = nearer.checked_sub(1) else { break };
            places.push(part[index]);
        }
        if places.len() < parts.len() {
            continue;
        }
        places.reverse();
        let width = |places: &[(usize, usize)]| places[places.len() - 1].1 - places[0].0;
        if best.as_ref().is_none_or(|best| width(&places) < width(best)) && fits(&places) {
            best = Some(places);
        }
    }
    best
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

    #[test]
    fn parts_stand_in_order_and_as_near_as_they_can() {
        let text = "left or right arm, left and lower leg";
        let in_order = |text, parts: &[&str]| super::in_order(text, parts, |_| true);
        assert_eq!(in_order(text, &["left", "arm"]), Some(vec![(0, 4), (14, 17)]));
        assert_eq!(in_order(text, &["left", "leg"]), Some(vec![(19, 23), (34, 37)]));
        assert_eq!(in_order(text, &["leg", "left"]), None);
        assert_eq!(in_order(text, &["arm", "arm"]), None);
        assert_eq!(in_order(text, &["ef", "arm"]), None, "a part of a word");
        assert_eq!(in_order("上腹及下肢疼痛", &["上腹", "疼痛"]), Some(vec![(0, 2), (5, 7)]));
        assert_eq!(in_order(text, &[]), None);
        let far = |places: &[(usize, usize)]| places[0].0 == 0;
        let found = super::in_order("a b a b", &["a", "b"], far);
        assert_eq!(found, Some(vec![(0, 1), (2, 3)]));
    }
}
