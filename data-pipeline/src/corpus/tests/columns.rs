//! Columns with numbers, features and flags: CoNLL-U and HIPE.
#![allow(clippy::unwrap_used)]

use super::check;
use expect_test::expect;

/// `number token misc` a line, as the ten columns of CoNLL-U.
fn conllu(lines: &str) -> String {
    let mut text = String::new();
    for line in lines.lines() {
        let cells: Vec<&str> = line.split_whitespace().collect();
        match cells.as_slice() {
            [number, token, misc] if *number != "#" => {
                text += &format!("{number}\t{token}\t_\t_\t_\t_\t_\t_\t_\t{misc}\n");
            }
            _ => {
                text += line;
                text.push('\n');
            }
        }
    }
    text
}

const CONLLU: &str = "[options]\ncomment = \"#\"\nid = \"# sent_id = \"\nposition = 0\ntoken = 1\ntag = 9\ntag_key = \"Entity\"\nmisc = 9\nno_space = \"SpaceAfter=No\"\n";

const SENTENCES: &str = "# sent_id = s1
# text = Ann va au Mans.
1 Ann Entity=B-PER
2 va _
3-4 au _
3 à _
4 le Gender=Masc|Entity=B-LOC
5 Mans SpaceAfter=No|Entity=I-LOC
5.1 est _
6 . _

# newpar
# sent_id = s2
# text = Bob
1 Bob Entity=B-PER
";

#[test]
fn words_of_conllu_stand_where_they_are_written() {
    let expected = expect![[r#"
        s1 (en): Ann va au Mans. | Person Ann 0..3 | Location au Mans 7..14
        s2 (en): Bob | Person Bob 0..3"#]];
    check("columns", CONLLU, conllu(SENTENCES), expected);
    let expected = expect![[r#"
        s1 (en): Ann va au Mans. | Person Ann 0..3 | Location au Mans 7..14
        s2 (en): Bob | Person Bob 0..3"#]];
    let with_text = format!("{CONLLU}text = \"# text = \"\n");
    check("columns", &with_text, conllu(SENTENCES), expected);
    // The tag may have a column of its own.
    check(
        "columns",
        "[options]\nposition = 0\ntoken = 1\ntag = 2\n",
        "1-2\tau\t_\n1\tà\tO\n2\tle\tB-LOC\n3\tMans\tI-LOC\n",
        expect!["x/train/1 (en): au Mans | Location au Mans 0..7"],
    );
}

#[test]
fn numbers_and_tags_of_conllu_must_be_some() {
    check(
        "columns",
        &format!("{CONLLU}[splits.train]\nfiles = [\"f\"]\nmisfits = 3\n"),
        conllu("one Ann _\n\n4-3 au _\n\n1 Ann Entity=(PER\n\n1 Bob _\n"),
        expect![[r#"
            x/train/4 (en): Bob
            quarantined f:1: `one` is no number of a token: `3`, `3-4` or `5.1`
            quarantined f:3: `4-3` is no number of a token: `3`, `3-4` or `5.1`
            quarantined f:5: tag `(PER` is neither `O` nor a type after `B-`, `I-`"#]],
    );
}

const HIPE: &str = "[options]\nheader = true\ncomment = \"# \"\nid = \"# document_id = \"\nmisc = 2\nend_of_sentence = \"EndOfSentence\"\nno_space = \"NoSpaceAfter\"\n";

#[test]
fn flags_end_sentences_where_no_blank_line_does() {
    check(
        "columns",
        HIPE,
        "TOKEN\tNE\tMISC\n# document_id = d1\n# language = en\nAnn\tB-PER\t_\nLee\tI-PER\tNoSpaceAfter\n,\tO\tEndOfLine|EndOfSentence\nBob\tB-PER\t_\n\n# document_id = d2\n#\tO\tNoSpaceAfter\nRome\tB-LOC\tEndOfSentence\n",
        expect![[r#"
            d1/1 (en): Ann Lee, | Person Ann Lee 0..7
            d1/2 (en): Bob | Person Bob 0..3
            d2/1 (en): #Rome | Location Rome 1..5"#]],
    );
    check(
        "columns",
        HIPE,
        "TOKEN\tNE\tMISC\nAnn\tB-PER\n",
        expect![
            "data/f:2: expected 3 columns divided by a TAB, found 2; 1 row does not fit and [splits.train] allows 0: correct them, or write `misfits = 1` in configs/datasets/x.toml [65]"
        ],
    );
}

#[test]
fn features_need_their_column() {
    check(
        "columns",
        "[options]\nno_space = \"SpaceAfter=No\"\n",
        "Ann\tO\n",
        expect![
            "configs/datasets/x.toml: [options] has `no_space`, but no `misc`: the column that holds it [64]"
        ],
    );
    check(
        "columns",
        "[options]\nmisc = 9\ncolumns = 9\n",
        "Ann\tO\n",
        expect![
            "configs/datasets/x.toml: [options] reads column 9, counted from 0, but `columns = 9` [64]"
        ],
    );
}
