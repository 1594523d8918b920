//! One set of answers under many protocols, side by side.

use super::table::{Column, absent, beside, both, fit, form, interval, lines, number, wrapped};
use super::{Protocol, Row, Scores};

/// A block a set and a line a protocol, then what is known to be wrong with each.
pub fn panel(scores: &Scores) -> String {
    let mut text = String::new();
    for set in scores.questions() {
        if !text.is_empty() {
            text.push('\n');
        }
        block(&mut text, scores, set);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    for protocol in scores.protocols() {
        if let Some(defect) = protocol.defect() {
            wrapped(&mut text, &format!("known defect of `{protocol}`: {defect}"));
        }
    }
    absent(&mut text, scores.absent.iter());
    text
}

fn block(text: &mut String, scores: &Scores, set: &Row) {
    let wanted = |protocol: Protocol| Row { protocol, ..set.clone() };
    let rows: Vec<&Row> =
        scores.rows.iter().filter(|row| row.matches(&wanted(row.protocol))).collect();
    wrapped(text, &format!("{} · {} · {}{}", set.dataset, set.language, set.task, form(set)));
    let cells = |head: &str, left, cell: &dyn Fn(&Row) -> String| {
        Column::new(head, left, false, rows.iter().map(|row| cell(row)))
    };
    let columns = vec![
        cells("protocol", true, &|row| row.protocol.to_string()),
        cells("F1", false, &|row| {
            if row.f1.is_none() { "empty".to_owned() } else { number(row.f1) }
        }),
        cells("95 %", false, &|row| interval(row.low, row.high)),
        cells("prec/rec", false, &|row| both(row.precision, row.recall)),
        cells("gold", false, &|row| row.gold.to_string()),
        cells("said", false, &|row| row.predicted.to_string()),
        cells("right", false, &|row| row.correct.to_string()),
    ];
    lines(text, fit(columns), |_| false);
    // The same under each protocol.
    beside(text, &rows[..rows.len().min(1)]);
}

#[cfg(test)]
mod tests {
    use super::super::tests::prediction;
    use super::super::{Options, Set, score_with};
    use super::*;
    use crate::schema::Task;
    use crate::width::columns;
    use expect_test::expect;

    #[test]
    fn one_answer_is_worth_what_the_scorer_likes() {
        let gold = ["Person Ann@0", "City Rome@8", "Organization UN@30"];
        let said = [
            "Person Ann@0",
            "City Rome@8",
            "City Rome",
            "City Rome",
            "Organization the UN@26",
            "City X",
        ];
        let mut row = prediction(Task::Ner, &gold, &said);
        row.sentence = "Ann saw Rome and Rome saw the UN.".to_owned();
        let relation = prediction(Task::Re, &["Near Ann > Rome"], &["Near Ann > Rome"]);
        let sets = Set::group([row, relation]);
        let found = panel(&score_with(&sets, &Protocol::ALL, &Options::default()));
        assert!(found.lines().all(|line| columns(line) <= 80), "{found}");
        expect![[r#"
            d · en · ner
            protocol          F1  95 %    prec/rec  gold  said  right
            ─────────────────────────────────────────────────────────
            set             57.1     –   50.0/66.7     3     4      2
            strict-span     50.0     –   40.0/66.7     3     5      2
            knowcoder-2024  88.9     –  66.7/133.3     3     6      4
            knowcoder-2025  57.1     –   50.0/66.7     3     4      2
            gollie          57.1     –   50.0/66.7     3     4      2
            universalner    85.7     –  75.0/100.0     3     4      3
            iepile          44.4     –   33.3/66.7     3     6      2
            b2ner           57.1     –   50.0/66.7     3     4      2
            seqeval         66.7     –   66.7/66.7     3     3      2
            answers not read whole: 0; cut: 0; objects invented: 1; classes not offered: 0

            d · en · re
            protocol           F1  95 %     prec/rec  gold  said  right
            ───────────────────────────────────────────────────────────
            set             100.0     –  100.0/100.0     1     1      1
            strict-span     100.0     –  100.0/100.0     1     1      1
            knowcoder-2024  100.0     –  100.0/100.0     1     1      1
            knowcoder-2025  100.0     –  100.0/100.0     1     1      1
            gollie            0.0     –      0.0/0.0     1     0      0
            iepile          100.0     –  100.0/100.0     1     1      1
            answers not read whole: 0; cut: 0; objects invented: 1; classes not offered: 0

            known defect of `knowcoder-2024`: said twice, a right object counts twice:
              recall can exceed 100
            known defect of `knowcoder-2025`: said twice, a right relation or event counts
              twice: recall can exceed 100; entities of the type `other` do not count
            known defect of `gollie`: what is not in the sentence, or oftener than there, is
              left out before counting: inventions cost nothing, and of gold objects on the
              same words only as many can be found as the words stand there
            known defect of `universalner`: a `]` in a mention empties the list of its type,
              gold too; articles and punctuation count nowhere
            known defect of `b2ner`: case, quotation marks and spaces around punctuation
              count nowhere, and a `;` ends a mention
            known defect of `seqeval`: what has no place, is in pieces or overlaps a longer
              object cannot be tagged and is left out, gold too: inventions cost nothing
            no score of `universalner` for re: UniversalNER scores entities only
            no score of `b2ner` for re: B2NER scores entities only
            no score of `seqeval` for re: seqeval scores tagged spans: no pairs of them and
              no roles
        "#]]
        .assert_eq(&found);
        assert_eq!(panel(&Scores::default()), "");
    }
}
