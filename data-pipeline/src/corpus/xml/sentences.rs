//! Where a running text is cut into rows.
//!
//! A rule and no model, so that it is the same everywhere: signs that end a sentence, unless they
//! stand behind a short form. What it gets wrong inside a mention is put right by [`joined`].

use super::options::Sentences;
use super::text::Text;

/// First character, and one past the last.
type Range = (usize, usize);

/// Short forms whose full stop ends no sentence, in small letters.
const SHORT: [&str; 40] = [
    "adm", "al", "aug", "capt", "cf", "co", "col", "corp", "dec", "dept", "dr", "e.g", "etc",
    "feb", "fig", "gen", "gov", "i.e", "inc", "jan", "jr", "lt", "ltd", "maj", "messrs", "mr",
    "mrs", "ms", "mt", "no", "nov", "oct", "prof", "rep", "rev", "sen", "sept", "sgt", "st", "vs",
];

/// The characters of each row, without white space around them.
pub(crate) fn ranges(characters: &[char], text: &Text, sentences: Sentences) -> Vec<Range> {
    let all = [(0, characters.len())];
    let mut found = Vec::new();
    for (start, end) in text.within.as_deref().unwrap_or(&all) {
        let mut cuts = cuts(characters, (*start, *end), text, sentences);
        cuts.push(*end);
        let mut from = *start;
        for cut in cuts {
            found.extend(trimmed(characters, (from, cut)));
            from = cut;
        }
    }
    found
}

/// Rows that a mention crosses as one.
pub(crate) fn joined(rows: &[Range], mentions: &[Range]) -> Vec<Range> {
    let mut mentions = mentions.to_vec();
    mentions.sort_unstable();
    let mut mentions = mentions.into_iter().peekable();
    // The furthest end of a mention that began so far.
    let mut reach = 0;
    let mut joined: Vec<Range> = Vec::new();
    for row in rows {
        match joined.last_mut() {
            Some(last) if reach > row.0 => last.1 = row.1,
            _ => joined.push(*row),
        }
        while let Some(mention) = mentions.next_if(|mention| mention.0 < row.1) {
            // What stands before the first row is in none.
            if joined.last().is_some_and(|last| last.0 <= mention.0) {
                reach = reach.max(mention.1);
            }
        }
    }
    joined
}

/// The characters before which a row begins.
fn cuts(characters: &[char], (start, end): Range, text: &Text, sentences: Sentences) -> Vec<usize> {
    let is_cut = |at: usize| match sentences {
        Sentences::Document => false,
        Sentences::Lines => characters[at - 1] == '\n',
        Sentences::Paragraphs => ends_paragraph(&characters[start..at]),
        Sentences::Guessed => {
            ends_paragraph(&characters[start..at])
                || text.breaks.binary_search(&at).is_ok()
                || ends_sentence(&characters[start..at], &characters[at..end])
        }
    };
    (start + 1..end).filter(|at| is_cut(*at)).collect()
}

/// Whether a line without letters has just ended.
fn ends_paragraph(before: &[char]) -> bool {
    let Some(('\n', before)) = before.split_last().map(|(last, before)| (*last, before)) else {
        return false;
    };
    let mut blank = before.iter().rev().skip_while(|sign| matches!(sign, ' ' | '\t' | '\r'));
    blank.next() == Some(&'\n')
}

/// Whether a sentence ends between what is before and what is behind.
fn ends_sentence(before: &[char], behind: &[char]) -> bool {
    let (Some(last), Some(next)) = (before.last(), behind.first()) else { return false };
    // Closing signs belong to their sentence.
    let close =
        |sign: &char| matches!(sign, '"' | '\'' | ')' | ']' | '”' | '’' | '»' | '」' | '』');
    let bare: &[char] = match before.iter().rposition(|sign| !close(sign)) {
        Some(at) => &before[..=at],
        None => return false,
    };
    if matches!(bare.last(), Some('。' | '！' | '？' | '｡' | '।' | '።')) {
        return !close(next) && !matches!(next, '。' | '！' | '？');
    }
    // Elsewhere white space divides; the cut is behind it, before a sign that may begin.
    if !last.is_whitespace() || next.is_whitespace() {
        return false;
    }
    let word_end = before.iter().rposition(|sign| !sign.is_whitespace());
    let Some(bare) = word_end.and_then(|at| {
        let before = &before[..=at];
        Some(&before[..=before.iter().rposition(|sign| !close(sign))?])
    }) else {
        return false;
    };
    match bare.last() {
        Some('!' | '?' | '؟' | '۔') => !next.is_lowercase(),
        Some('.') => !next.is_lowercase() && !is_short(&bare[..bare.len() - 1]),
        _ => false,
    }
}

/// Whether a full stop behind this is that of a short form: `Mr`, `U.S`, an initial.
fn is_short(before: &[char]) -> bool {
    let start = before.iter().rposition(|sign| sign.is_whitespace() || *sign == '(');
    let word = &before[start.map_or(0, |at| at + 1)..];
    // No short form is long; so a text without spaces costs no more.
    if word.is_empty() || word.len() > 12 {
        return false;
    }
    let letters = word.iter().filter(|sign| sign.is_alphabetic()).count();
    let is_initials = word.iter().all(|sign| sign.is_alphabetic() || *sign == '.')
        && word.split(|sign| *sign == '.').all(|part| part.len() <= 1);
    let text: String = word.iter().flat_map(|sign| sign.to_lowercase()).collect();
    letters > 0 && (is_initials || SHORT.contains(&text.as_str()))
}

/// A range without white space around it, if anything is left.
fn trimmed(characters: &[char], (start, end): Range) -> Option<Range> {
    let part = &characters[start..end];
    let first = part.iter().position(|sign| !sign.is_whitespace())?;
    let last = part.iter().rposition(|sign| !sign.is_whitespace())?;
    Some((start + first, start + last + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, sentences: Sentences, expected: &[&str]) {
        let characters: Vec<char> = text.chars().collect();
        let found: Vec<String> = ranges(&characters, &Text::plain(text.to_owned()), sentences)
            .into_iter()
            .map(|(start, end)| characters[start..end].iter().collect())
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn texts_are_cut_where_it_is_asked() {
        let text = "One line.\nAnother. \n\n  Third one! \n";
        check(text, Sentences::Document, &["One line.\nAnother. \n\n  Third one!"]);
        check(text, Sentences::Lines, &["One line.", "Another.", "Third one!"]);
        check(text, Sentences::Paragraphs, &["One line.\nAnother.", "Third one!"]);
        check(text, Sentences::Guessed, &["One line.", "Another.", "Third one!"]);
        check(" \n ", Sentences::Guessed, &[]);
    }

    #[test]
    fn short_forms_end_no_sentence() {
        let cut = |text: &str, expected: &[&str]| check(text, Sentences::Guessed, expected);
        cut("Mr. Smith of the U.S. Army left.", &["Mr. Smith of the U.S. Army left."]);
        cut("J. Smith won. He paid 3.5 million.", &["J. Smith won.", "He paid 3.5 million."]);
        cut("He said \"go.\" She went.", &["He said \"go.\"", "She went."]);
        cut("Is it? yes it is! Good.", &["Is it? yes it is!", "Good."]);
        cut("他来了。“好。”她说。", &["他来了。", "“好。”", "她说。"]);
        cut("a.b.c", &["a.b.c"]);
    }

    #[test]
    fn rows_that_a_mention_crosses_are_one() {
        let rows = [(0, 5), (6, 9), (10, 14), (15, 20)];
        assert_eq!(joined(&rows, &[(3, 8), (11, 12)]), [(0, 9), (10, 14), (15, 20)]);
        assert_eq!(joined(&rows, &[(0, 16), (2, 3)]), [(0, 20)]);
        assert_eq!(joined(&rows, &[]), rows);
        assert_eq!(joined(&rows[1..], &[(0, 3)]), rows[1..]);
    }
}
