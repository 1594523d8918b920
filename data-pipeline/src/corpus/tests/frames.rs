//! Frames: filled alike in both languages, and refused.
#![allow(clippy::unwrap_used)]

use super::{Fixture, declaration, show};
use expect_test::{Expect, expect};

const FRAMES: &str = r#"{"id":"f1","part":"train","en":"{p1} [e1:joined] {o1} and met {p2} [t1:last spring].","zh":"{p1}[t1:去年春天][e1:加入]{o1}，见了{p2}。","slots":{"p1":"Person","p2":"Person","o1":"Organization"},"relations":[["WorksFor","p1","o1"]],"events":[{"class":"Hiring","trigger":"e1","arguments":[["time","t1"],["employee","p1"],["employer","o1"]]}]}
{"id":"f2","part":"test","en":"{o1} stands.","zh":"{o1}在。","slots":{"o1":"Organization"}}"#;

const NAMES: &str = r#"{"class":"Person","part":"train","en":"Lena Vogt","zh":"莱娜"}
{"class":"Person","part":"train","en":"Tom Hill","zh":"汤姆"}
{"class":"Organization","part":"train","en":"Orbis","zh":"奥比斯"}
{"class":"Organization","part":"test","en":"Nimbus","zh":"宁布斯"}"#;

fn frames(language: &str, parallel: bool, split: &str) -> String {
    let text = declaration(
        "frames",
        &format!(
            "root = \"configs\"\n[options]\nframes = [\"own/frames\"]\nnames = [\"own/names\"]\n{split}"
        ),
    );
    let text = text.replace("task = [\"ner\"]", "task = [\"ner\", \"re\", \"ed\", \"eae\"]");
    let text = text.replace("language = \"en\"", &format!("language = \"{language}\""));
    if parallel { format!("parallel = true\n{text}") } else { text }
}

const SPLITS: &str = "[splits.train]\nframes_part = \"train\"\nnames_part = \"train\"\nrepeat = 2\nseed = 7\nmade_up = 0.5\n[splits.test]\nframes_part = \"test\"\nnames_part = \"test\"\n";

#[test]
fn frames_are_filled_alike_in_both_languages() {
    let fixture = Fixture::new(&[
        ("configs/own/frames", FRAMES.as_bytes()),
        ("configs/own/names", NAMES.as_bytes()),
    ]);
    let read = |language: &str| {
        let corpus = fixture.declare(&frames(language, false, SPLITS)).unwrap();
        (corpus.read("train").unwrap().sentences, corpus.read("test").unwrap().sentences)
    };
    let ((en, en_test), (zh, zh_test)) = (read("en"), read("zh"));
    expect![[r#"
        f1.1 (en): Lena Vogt joined Orbis and met Tom Hill last spring. | Person Lena Vogt 0..9 | Organization Orbis 17..22 | Person Tom Hill 31..39 | WorksFor(Lena Vogt, Orbis) | Hiring joined 10..16, employer = Orbis 17..22, employee = Lena Vogt 0..9, time = last spring 40..51
        f1.2 (en): Beman Brigullar joined Crown Twin and met Lena Vogt last spring. | Person Beman Brigullar 0..15 | Organization Crown Twin 23..33 | Person Lena Vogt 42..51 | WorksFor(Beman Brigullar, Crown Twin) | Hiring joined 16..22, employer = Crown Twin 23..33, employee = Beman Brigullar 0..15, time = last spring 52..63
        f1.1 (zh): 莱娜去年春天加入奥比斯，见了汤姆。 | Person 莱娜 0..2 | Organization 奥比斯 8..11 | Person 汤姆 14..16 | WorksFor(莱娜, 奥比斯) | Hiring 加入 6..8, employer = 奥比斯 8..11, employee = 莱娜 0..2, time = 去年春天 2..6
        f1.2 (zh): 朱诗苍去年春天加入攀舒，见了莱娜。 | Person 朱诗苍 0..3 | Organization 攀舒 9..11 | Person 莱娜 14..16 | WorksFor(朱诗苍, 攀舒) | Hiring 加入 7..9, employer = 攀舒 9..11, employee = 朱诗苍 0..3, time = 去年春天 3..7
        f2.1 (en): Nimbus stands. | Organization Nimbus 0..6
        f2.1 (zh): 宁布斯在。 | Organization 宁布斯 0..3
    "#]].assert_eq(&(show(&en) + &show(&zh) + &show(&en_test) + &show(&zh_test)));
    let corpus = fixture.declare(&frames("en-zh", true, SPLITS)).unwrap();
    let pairs = corpus.read_parallel("train").unwrap().pairs;
    let (source, target): (Vec<_>, Vec<_>) =
        pairs.into_iter().map(|pair| (pair.source, pair.target)).unzip();
    assert_eq!((source, target), (en, zh));
}

#[test]
fn frames_that_are_not_sound_are_named() {
    let check = |from: &str, to: &str, expected: Expect| {
        let fixture = Fixture::new(&[
            ("configs/own/frames", FRAMES.replace(from, to).as_bytes()),
            ("configs/own/names", NAMES.replace(from, to).as_bytes()),
        ]);
        let corpus = fixture.declare(&frames("en", false, SPLITS)).unwrap();
        expected.assert_eq(&fixture.error(&corpus.read("train").unwrap_err()));
    };
    check(
        "met {p2}",
        "met {p3}",
        expect!["configs/own/frames:1: `en` has {p2} 0 times, expected once [65]"],
    );
    check(
        "and met {p2}",
        "and met {p1} {p2}",
        expect!["configs/own/frames:1: `en` has {p1} 2 times, expected once [65]"],
    );
    check(
        "met {p2}",
        "met {p2} {q}",
        expect!["configs/own/frames:1: `en` has {q}, which `slots` does not list [65]"],
    );
    check(
        "[e1:加入]",
        "加入",
        expect!["configs/own/frames:1: `en` marks `e1`, `t1`, but `zh` marks `t1` [65]"],
    );
    check(
        "[t1:last spring]",
        "[last spring]",
        expect![
            "configs/own/frames:1: `[last spring]` is neither a slot {p1} nor a mark [e1:text] [65]"
        ],
    );
    check(
        "{p1} [e1",
        "{p1 [e1",
        expect![
            "configs/own/frames:1: `{` is not closed in `{p1 [e1:joined] {o1} and met {p2} [t1:last spring].` [65]"
        ],
    );
    check(
        "spring].",
        "spring].}",
        expect![
            "configs/own/frames:1: `}` closes what nothing opens in `{p1} [e1:joined] {o1} and met {p2} [t1:last spring].}` [65]"
        ],
    );
    check(
        "\"trigger\":\"e1\"",
        "\"trigger\":\"e2\"",
        expect!["configs/own/frames:1: a trigger names `e2`, which the text does not hold [65]"],
    );
    check(
        "[\"employee\",\"p1\"]",
        "[\"employee\",\"p9\"]",
        expect!["configs/own/frames:1: an argument names `p9`, which the text does not hold [65]"],
    );
    check(
        "[\"employee\",\"p1\"]",
        "[\"emploee\",\"p1\"]",
        expect![
            "configs/own/frames:1: class `Hiring` of `configs/schemas/s.py` has no role `emploee`; did you mean `employee`? [65]"
        ],
    );
    check(
        "\"WorksFor\"",
        "\"WorkFor\"",
        expect![
            "configs/own/frames:1: class `WorkFor` is not in `configs/schemas/s.py`; did you mean `WorksFor`? [65]"
        ],
    );
    check(
        "[t1:",
        "[p1:",
        expect!["configs/own/frames:1: `p1` is a slot and a mark; give the mark another name [65]"],
    );
    check(
        "\"id\":\"f2\"",
        "\"id\":\"f1\"",
        expect!["configs/own/frames:2: frame `f1` comes twice [65]"],
    );
    check(
        "\"events\"",
        "\"event\"",
        expect![
            "configs/own/frames:1: not a frame: unknown key `event`; did you mean `events`? [65]"
        ],
    );
    check(
        "\"part\":\"train\"",
        "\"part\":\"dev\"",
        expect!["configs/own/names:1: no name of the part `train` [65]"],
    );
    check(
        "\"Person\",\"part\":\"train\",\"en\":\"Tom",
        "\"Ship\",\"part\":\"train\",\"en\":\"Tom",
        expect![
            "configs/own/frames:1: the part `train` has too few names of the class `Person` [65]"
        ],
    );
}
