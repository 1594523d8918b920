//! Tags of tokens joined to spans of tokens.

use serde::Deserialize;

/// How tags mark where an entity begins and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scheme {
    /// `B-` begins, `I-` continues.
    #[default]
    Iob2,
    /// `B- I- E-`, and `S-` for one token.
    Iobes,
    /// `B- M- E-`, and `S-` for one token.
    Bmes,
    /// `I-` or the bare type; neighbours of one type are one entity.
    Io,
}

/// What to do with a tag that continues an entity which nothing began, or with one left open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Orphans {
    /// The row does not fit.
    #[default]
    Misfit,
    /// It begins an entity, as `conlleval` has it; an open one ends where its tags end.
    Begin,
}

/// An entity as a run of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenSpan {
    /// The label.
    pub label: String,
    /// First token.
    pub start: usize,
    /// One past the last token.
    pub end: usize,
}

/// What a tag says about its token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Begin,
    Inside,
    End,
    Single,
}

/// Joins the tags of one sentence; a fault names the index of its tag.
pub(crate) fn join(
    tags: &[&str],
    scheme: Scheme,
    orphans: Orphans,
) -> Result<Vec<TokenSpan>, (usize, String)> {
    let mut spans: Vec<TokenSpan> = Vec::new();
    // Whether the last span may still grow; whether it is owed an `E-`.
    let mut open = false;
    let strict = orphans == Orphans::Misfit;
    let owes_end = strict && matches!(scheme, Scheme::Iobes | Scheme::Bmes);
    for (index, tag) in tags.iter().enumerate() {
        let parsed = parse(tag, scheme).map_err(|message| (index, message))?;
        let continues = |label: &str| open && spans.last().is_some_and(|last| last.label == label);
        let grows = match parsed {
            Some((Part::Inside | Part::End, label)) => continues(label),
            _ => false,
        };
        if open && !grows && owes_end {
            return Err((index, format!("tag `{tag}` follows an entity without an end (`E-`)")));
        }
        let Some((part, label)) = parsed else {
            open = false;
            continue;
        };
        if matches!(part, Part::Inside | Part::End) && !grows && strict && scheme != Scheme::Io {
            return Err((index, format!("tag `{tag}` continues an entity that nothing began")));
        }
        match spans.last_mut() {
            Some(last) if grows => last.end = index + 1,
            _ => spans.push(TokenSpan { label: label.into(), start: index, end: index + 1 }),
        }
        open = matches!(part, Part::Begin | Part::Inside);
    }
    if open && owes_end {
        return Err((tags.len() - 1, "the last entity has no end (`E-`)".into()));
    }
    Ok(spans)
}

/// Splits a tag at its first `-` or `_`: types may hold either themselves.
fn parse(tag: &str, scheme: Scheme) -> Result<Option<(Part, &str)>, String> {
    if tag == "O" {
        return Ok(None);
    }
    let unknown = || {
        let letters = match scheme {
            Scheme::Iob2 => "`B-`, `I-`",
            Scheme::Iobes => "`B-`, `I-`, `E-`, `S-`",
            Scheme::Bmes => "`B-`, `M-`, `E-`, `S-`",
            Scheme::Io => "`I-`",
        };
        format!("tag `{tag}` is neither `O` nor a type after {letters}")
    };
    let split = tag.split_once(['-', '_']);
    if scheme == Scheme::Io {
        return match split {
            Some(("I", label)) if !label.is_empty() => Ok(Some((Part::Inside, label))),
            _ if tag.is_empty() => Err(unknown()),
            _ => Ok(Some((Part::Inside, tag))),
        };
    }
    let (letter, label) = split.filter(|(_, label)| !label.is_empty()).ok_or_else(unknown)?;
    let part = match (scheme, letter) {
        (_, "B") => Part::Begin,
        (Scheme::Iob2 | Scheme::Iobes, "I") | (Scheme::Bmes, "M") => Part::Inside,
        (Scheme::Iobes | Scheme::Bmes, "E") => Part::End,
        (Scheme::Iobes | Scheme::Bmes, "S") => Part::Single,
        _ => return Err(unknown()),
    };
    Ok(Some((part, label)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Orphans::{Begin, Misfit};
    use Scheme::{Bmes, Io, Iob2, Iobes};
    use expect_test::{Expect, expect};

    fn check(tags: &str, scheme: Scheme, orphans: Orphans, expected: Expect) {
        let tags: Vec<&str> = tags.split_whitespace().collect();
        let text = match join(&tags, scheme, orphans) {
            Ok(spans) => spans
                .iter()
                .map(|span| format!("{} {}..{}", span.label, span.start, span.end))
                .collect::<Vec<_>>()
                .join(", "),
            Err((index, message)) => format!("{index}: {message}"),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn tags_join_to_spans() {
        check("O B-PER I-PER O B-LOC", Iob2, Misfit, expect!["PER 1..3, LOC 4..5"]);
        check("B-PER B-PER I-PER", Iob2, Misfit, expect!["PER 0..1, PER 1..3"]);
        check("B-creative-work I-creative-work", Iob2, Misfit, expect!["creative-work 0..2"]);
        check("B_Time I_Time", Iob2, Misfit, expect!["Time 0..2"]);
        check("B-PER I-PER E-PER S-LOC", Iobes, Misfit, expect!["PER 0..3, LOC 3..4"]);
        check("B-NAME M-NAME E-NAME S-ORG O", Bmes, Misfit, expect!["NAME 0..3, ORG 3..4"]);
        check("PER PER O I-LOC ORG", Io, Misfit, expect!["PER 0..2, LOC 3..4, ORG 4..5"]);
        check("O O", Iob2, Misfit, expect![""]);
    }

    #[test]
    fn orphans_begin_only_where_it_is_declared() {
        check("O I-PER I-PER", Iob2, Begin, expect!["PER 1..3"]);
        check("B-ORG I-LOC", Iob2, Begin, expect!["ORG 0..1, LOC 1..2"]);
        check("B-PER O E-PER M-ORG", Bmes, Begin, expect!["PER 0..1, PER 2..3, ORG 3..4"]);
        check(
            "O I-PER",
            Iob2,
            Misfit,
            expect!["1: tag `I-PER` continues an entity that nothing began"],
        );
        check(
            "B-ORG I-LOC",
            Iob2,
            Misfit,
            expect!["1: tag `I-LOC` continues an entity that nothing began"],
        );
        check(
            "B-PER O",
            Bmes,
            Misfit,
            expect!["1: tag `O` follows an entity without an end (`E-`)"],
        );
        check("O B-PER", Iobes, Misfit, expect!["1: the last entity has no end (`E-`)"]);
    }

    #[test]
    fn foreign_tags_are_named() {
        check(
            "O S-PER",
            Iob2,
            Misfit,
            expect!["1: tag `S-PER` is neither `O` nor a type after `B-`, `I-`"],
        );
        check("B-", Iob2, Begin, expect!["0: tag `B-` is neither `O` nor a type after `B-`, `I-`"]);
        check(
            "PER",
            Bmes,
            Begin,
            expect!["0: tag `PER` is neither `O` nor a type after `B-`, `M-`, `E-`, `S-`"],
        );
    }
}
