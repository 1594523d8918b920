//! The grammar of ways, and what they lead to.
#![allow(clippy::unwrap_used)]

use super::super::field::Field;
use super::*;
use expect_test::{Expect, expect};

const RECORD: &str = r#"{
    "id": 7, "none": null, "a.b": "dotted",
    "sents": [["Ann", "left"], ["Bob"]],
    "map": {"x": [1], "y": [2, 3]},
    "list": [{"kind": "p", "v": 1}, {"kind": "q", "v": 2}, {"v": 3}]
}"#;

/// What `way` leads to in `RECORD`, each value with its stars.
fn check(way: &str, expected: Expect) {
    let record: Value = serde_json::from_str(RECORD).unwrap();
    let found = Route::try_from(way.to_owned())
        .and_then(|route| route.select(&Found::root(&record)).map(show))
        .unwrap_or_else(|fault| format!("fault: {fault}"));
    expected.assert_eq(&found);
}

fn show(found: Vec<Found<'_>>) -> String {
    let lines = found.iter().map(|found| format!("{:?} {}", found.stars, found.value));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn steps_lead_to_values_and_stars_are_kept() {
    check("id", expect!["[] 7"]);
    check("sents.1.0", expect![[r#"[] "Bob""#]]);
    check("sents.0.-1", expect![[r#"[] "left""#]]);
    check(
        "sents.*.*",
        expect![[r#"
            ["0", "0"] "Ann"
            ["0", "1"] "left"
            ["1", "0"] "Bob""#]],
    );
    check(
        "map.*.-1",
        expect![[r#"
            ["x"] 1
            ["y"] 3"#]],
    );
    check("map.y|z", expect![[r#"["y"] [2,3]"#]]);
    check(r#""a.b""#, expect![[r#"[] "dotted""#]]);
    check("list.*[kind=q].v", expect![[r#"["1"] 2"#]]);
    check(
        "list.*[kind!=q].v",
        expect![[r#"
            ["0"] 1
            ["2"] 3"#]],
    );
    check("**[kind=q].v", expect![[r#"["1"] 2"#]]);
    check("none?.x", expect![""]);
    check("nothing?.x", expect![""]);
    check("sents.5?", expect![""]);
}

#[test]
fn a_way_that_leads_nowhere_says_where_it_ends() {
    check("sent", expect!["fault: `sent`: there is no `sent`; did you mean `sents`?"]);
    check("id.x", expect!["fault: `id.x`: `x` is asked of a number"]);
    check("id.*", expect!["fault: `id.*`: `*` is asked of a number"]);
    check("id.a|b", expect!["fault: `id.a|b`: `a|b` is asked of a number"]);
    check("sents.x", expect!["fault: `sents.x`: `x` is asked of a list; `*` is each item"]);
    check("sents.2", expect!["fault: `sents.2`: no item 2 in a list of 2"]);
    check("none.x", expect!["fault: `none.x`: `x` is asked of null"]);
}

#[test]
fn ways_that_mean_nothing_are_refused() {
    check("", expect!["fault: path ``: a step is empty"]);
    check("a..b", expect!["fault: path `a..b`: a step is empty"]);
    check("a.\"b", expect!["fault: a quote is not closed in the path `a.\"b`"]);
    check(
        "a.b*",
        expect!["fault: path `a.b*`: `b*` is no step; a name with signs stands in quotes"],
    );
    check("a[b]", expect!["fault: path `a[b]`: `[b]` is no condition `[name=value]`"]);
}

#[test]
fn a_field_is_a_way_a_star_or_a_constant() {
    let record: Value = serde_json::from_str(RECORD).unwrap();
    let route = Route::try_from("map.*.*".to_owned()).unwrap();
    let items = route.select(&Found::root(&record)).unwrap();
    let text = |field: &str, item: &Found<'_>| {
        Field::try_from(field.to_owned()).and_then(|field| field.text(item))
    };
    assert_eq!(text("@1", &items[2]).unwrap(), "y");
    assert_eq!(text("@-1", &items[2]).unwrap(), "1");
    assert_eq!(text(".", &items[2]).unwrap(), "3");
    assert_eq!(text("=Person", &items[2]).unwrap(), "Person");
    assert_eq!(text("@3", &items[2]).unwrap_err(), "`@3` is asked for, but the way here has 2 `*`");
    assert!(text("@0", &items[2]).unwrap_err().contains("the first is @1"));
    assert!(text("@-x", &items[2]).unwrap_err().contains("the first is @1"));
    assert_eq!(text("=", &items[2]).unwrap_err(), "nothing follows the `=` of a constant");
    let root = Found::root(&record);
    assert_eq!(text("{id}:{map.y.0}", &root).unwrap(), "7:2");
    assert_eq!(text("no. {id}{nothing?}", &root).unwrap(), "no. 7");
    let fault = text("{map.y.*}", &root).unwrap_err();
    assert_eq!(fault, "`map.y.*` leads to 2 values, expected one");
    assert_eq!(text("list", &root).unwrap_err(), "`list` is a list, expected a text or a number");
    assert_eq!(text("map.*", &root).unwrap_err(), "`map.*` leads to 2 values, expected one");
}
