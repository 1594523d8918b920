//! Answers in B2NER's normal form.
//!
//! B2NER compares answers as it asks for them, `type: mention; type: mention`, after a function that
//! brings the whole answer, and then each of its parts, into a normal form. What is between two
//! semicolons and has a colon is an object.

use super::surface::is_space;
use std::collections::HashSet;

/// The objects of an answer, each as `type:mention`.
pub(super) fn objects<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> HashSet<String> {
    let pairs: Vec<String> = pairs.map(|(class, text)| format!("{class}: {text}")).collect();
    let whole = normal(&format!(" {}", pairs.join("; ")));
    whole.split(';').map(normal).filter(|object| object.contains(':')).collect()
}

/// The type of an object.
pub(super) fn class(object: &str) -> &str {
    object.rsplit_once(':').map_or(object, |(class, _)| class)
}

fn normal(text: &str) -> String {
    let text = without_spare_spaces(text).to_lowercase().replace(['{', '}'], "");
    let text = [',', '.', ';'].into_iter().fold(text, |text, sign| once(&text, sign));
    let text = text
        .replace('；', ";")
        .replace('：', ":")
        .replace('，', ",")
        .replace(['’', '‘'], "'")
        .replace(['“', '”'], "\"")
        .replace("located", "location")
        .replace("organisation", "organization");
    match text.rsplit_once(':') {
        Some((before, mention)) => format!("{before}:{}", unwrapped(mention)),
        None => text,
    }
}

/// Words with one space between them, and none beside these signs.
fn without_spare_spaces(text: &str) -> String {
    let is_sign = |letter: char| ",:().;_'-".contains(letter);
    let mut kept = String::with_capacity(text.len());
    for word in text.split(is_space).filter(|word| !word.is_empty()) {
        if !kept.is_empty() && !kept.ends_with(is_sign) && !word.starts_with(is_sign) {
            kept.push(' ');
        }
        kept.push_str(word);
    }
    kept
}

/// A run of `sign` becomes one.
fn once(text: &str, sign: char) -> String {
    let mut before = None;
    text.chars().filter(|letter| before.replace(*letter) != Some(sign) || *letter != sign).collect()
}

/// A mention without what stands around it: `@` and `#`, then book-title marks, then brackets.
fn unwrapped(mention: &str) -> &str {
    let mention = mention.trim_matches(['@', '#']);
    let mention = titled(mention).unwrap_or(mention);
    bracketed(mention).unwrap_or(mention)
}

/// What stands in the first `《…》`, one character at least.
fn titled(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('《')?;
    let first = rest.chars().next()?.len_utf8();
    let end = first + rest[first..].find('》')?;
    Some(&rest[..end])
}

/// What stands between brackets of any kind at both ends, one character at least.
fn bracketed(text: &str) -> Option<&str> {
    let is_bracket = |letter: char| "《》<>（）()".contains(letter);
    if text.chars().all(is_bracket) {
        // As a regular expression divides them: one behind, one in the middle, the others before.
        let mut places = text.char_indices().rev();
        let (last, _) = places.next()?;
        let (middle, _) = places.next()?;
        return places.next().map(|_| &text[middle..last]);
    }
    let inner = text.trim_start_matches(is_bracket);
    let whole = inner.trim_end_matches(is_bracket);
    (inner.len() < text.len() && whole.len() < inner.len()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(normal(text), expected, "{text}");
    }

    #[test]
    fn the_normal_form_is_that_of_its_evaluator() {
        check(" Person :  Ann   Lee ; city: a , b", "person:ann lee;city:a,b");
        check("city: (Rome)", "city:rome");
        check("city: ((())", "city:)");
        check("city: ()", "city:()");
        check("work: #《红楼梦》@", "work:红楼梦");
        check("work: 《》》", "work:》");
        check("x: a..b；c", "x:a.b;c");
        check("x: ;; y", "x:;y");
        check("no colon (x)", "no colon(x)");
        check("the {organisation}: located", "the organization:location");
    }

    #[test]
    fn a_semicolon_ends_a_mention() {
        let found = objects([("X", "a;b"), ("Y", "c：d")].into_iter());
        let expected = ["x:a", "y:c:d"].map(str::to_owned);
        assert_eq!(found, HashSet::from(expected));
        assert_eq!(class("y:c:d"), "y:c");
    }
}
