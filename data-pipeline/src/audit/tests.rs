//! Planted leaks are found, what is not one is not, and each is called by its name.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::random::Random;
use crate::sentence::{Entity, Mention, Sentence};

fn texts(dataset: &str, role: Role, items: &[&str]) -> Texts {
    let items = items.iter().enumerate();
    let items = items.map(|(i, text)| (format!("{dataset}/{i}"), (*text).to_owned())).collect();
    Texts { dataset: dataset.to_owned(), role, items }
}

const ENGLISH: &str = "The ferry to Vestra left the harbour an hour late because of the fog.";
const CHINESE: &str = "由于大雾，开往维斯特拉的渡轮晚了一个小时才离开港口。";

/// `dataset < other: id = other (kind)` of every match.
fn check(texts: &[Texts], bridges: &[[&str; 2]], expected: &str) {
    let bridges: Vec<Bridge> =
        bridges.iter().map(|sides| Bridge { sides: sides.map(str::to_owned) }).collect();
    let mut shown = String::new();
    for overlap in overlaps(texts, &bridges, THRESHOLD) {
        for found in &overlap.matches {
            let Match { id, other, kind, .. } = found;
            shown +=
                &format!("{} in {}: {id} = {other} {kind:?}\n", overlap.dataset, overlap.other);
        }
    }
    assert_eq!(shown, expected);
}

#[test]
fn a_benchmark_is_searched_in_training_data() {
    check(
        &[
            texts("train", Role::Train, &["Something else entirely.", ENGLISH]),
            texts("test", Role::Benchmark, &[&ENGLISH.to_uppercase(), "Nobody has seen this one."]),
        ],
        &[],
        "test in train: test/0 = train/1 Exact\n",
    );
    check(
        &[
            texts("test", Role::Benchmark, &[&ENGLISH.replace("an hour", "one hour")]),
            texts("train", Role::Train, &[ENGLISH]),
        ],
        &[],
        "test in train: test/0 = train/0 Near\n",
    );
}

#[test]
fn a_translation_is_found_over_a_pair_that_nobody_trains_on() {
    let nearly = CHINESE.replace("一个小时", "两个小时");
    check(
        &[
            texts("train", Role::Train, &[ENGLISH]),
            texts("test", Role::Benchmark, &[&nearly, "与此无关的另一句话。"]),
        ],
        &[[CHINESE, ENGLISH]],
        "test in train: test/0 = train/0 Translated\n",
    );
}

#[test]
fn the_better_of_two_meetings_is_told() {
    check(
        &[
            texts("pairs", Role::Train, &[ENGLISH, CHINESE]),
            texts("test", Role::Benchmark, &[CHINESE]),
        ],
        &[[ENGLISH, CHINESE]],
        "test in pairs: test/0 = pairs/1 Exact\n",
    );
}

#[test]
fn repetitions_within_a_dataset_and_between_two_of_a_role_are_counted_once() {
    check(
        &[
            texts("a", Role::Train, &[ENGLISH, ENGLISH, "Another sentence, quite different."]),
            texts("b", Role::Train, &["another sentence quite different", "..."]),
        ],
        &[],
        "a in a: a/1 = a/0 Exact\nb in a: b/0 = a/2 Exact\n",
    );
}

/// What happens to sentences on their way from one corpus into another.
fn disguise(text: &str, random: &mut Random) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    match random.below(5) {
        0 => text.to_lowercase(),
        1 => text.replace([',', '.'], " ").replace(' ', "  "),
        2 => {
            words.pop();
            words.join(" ")
        }
        3 => {
            let place = random.below(words.len());
            words.remove(place);
            words.join(" ")
        }
        _ => {
            let place = random.below(words.len());
            words[place].push('s');
            words.join(" ")
        }
    }
}

/// A sentence of 12 to 24 random words.
fn sentence(random: &mut Random) -> String {
    let words = 12 + random.below(13);
    let letters = |random: &mut Random| {
        let length = 3 + random.below(7);
        (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect::<String>()
    };
    (0..words).map(|_| letters(random)).collect::<Vec<_>>().join(" ") + "."
}

#[test]
fn planted_leaks_are_found_and_honest_sentences_are_not() {
    let mut random = Random::from_state(17);
    let train: Vec<String> = (0..3000).map(|_| sentence(&mut random)).collect();
    let planted: Vec<String> =
        train[..1000].iter().map(|text| disguise(text, &mut random)).collect();
    let honest: Vec<String> = (0..1000).map(|_| sentence(&mut random)).collect();
    let borrowed = |texts: &[String]| texts.iter().map(String::as_str).collect::<Vec<_>>().concat();
    assert_ne!(borrowed(&planted), borrowed(&train[..1000]));
    let all: Vec<&str> = planted.iter().chain(&honest).map(String::as_str).collect();
    let found = overlaps(
        &[
            texts("train", Role::Train, &train.iter().map(String::as_str).collect::<Vec<_>>()),
            texts("test", Role::Benchmark, &all),
        ],
        &[],
        THRESHOLD,
    );
    let leak = found.iter().find(|overlap| overlap.is_leak()).unwrap();
    let number = |id: &str| id.rsplit('/').next().unwrap().parse::<usize>().unwrap();
    let right = leak.matches.iter().filter(|it| number(&it.id) == number(&it.other)).count();
    assert!(right >= 990, "{right} of 1000 planted leaks found");
    assert_eq!(leak.matches.len(), right, "false alarms");
}

#[test]
fn datasets_that_disagree_about_a_mention_are_named() {
    let of = |mentions: &[(&str, &str)]| {
        let entities = mentions
            .iter()
            .map(|(text, class)| Entity {
                class: (*class).to_owned(),
                mention: Mention::surface(*text),
            })
            .collect();
        Sentence { entities, ..Sentence::default() }
    };
    let a = of(&[("Vestra", "Location"), ("Jordan", "Person"), ("Jordan", "Location")]);
    let b = of(&[("VESTRA", "Organization"), ("Jordan", "Location"), ("Lena", "Person")]);
    let mut conflicts = Conflicts::default();
    conflicts.see("a", &a);
    conflicts.see("b", &b);
    let found = conflicts.found();
    expect_test::expect![[r#"
        [{"mention":"Vestra","classes":{"Location":{"a":1},"Organization":{"b":1}}}]"#]]
    .assert_eq(&serde_json::to_string(&found).unwrap());
}

#[test]
fn who_watches_training_pass_sees_every_leak() {
    for seed in 0..8 {
        let mut random = Random::from_state(seed);
        let mut train: Vec<String> = (0..400).map(|_| sentence(&mut random)).collect();
        let asked: Vec<String> = (0..60).map(|_| sentence(&mut random)).collect();
        let other: Vec<String> = (0..60).map(|_| sentence(&mut random)).collect();
        // Pairs of benchmark sentences and translations; training has either side, or nearly.
        let bridges: Vec<Bridge> = (0..30)
            .map(|at| Bridge { sides: [disguise(&asked[at], &mut random), other[at].clone()] })
            .collect();
        for at in 0..60 {
            let side = [&asked, &other][random.below(2)];
            train[5 * at] = if random.chance(0.5) {
                side[at].clone()
            } else {
                disguise(&side[at], &mut random)
            };
        }
        train[399] = train[0].clone();
        let of = |name: &str, role: Role, texts: &[String]| {
            let item =
                |(number, text): (usize, &String)| (format!("{name}/{number}"), text.clone());
            Texts {
                dataset: name.to_owned(),
                role,
                items: texts.iter().enumerate().map(item).collect(),
            }
        };
        let (trained, benchmarks) = (
            [of("one", Role::Train, &train[..250]), of("two", Role::Train, &train[250..])],
            [
                of("asked", Role::Benchmark, &asked[..40]),
                of("again", Role::Benchmark, &asked[20..]),
            ],
        );
        let mut expected = overlaps(&[&trained[..], &benchmarks].concat(), &bridges, THRESHOLD);
        expected.retain(Overlap::is_leak);
        let mut watch = Watch::new(&benchmarks, &bridges, THRESHOLD);
        for texts in &trained {
            texts.items.chunks(7).for_each(|items| watch.see(&texts.dataset, items));
        }
        let shown = |leaks: Vec<Overlap>| {
            let mut leaks: Vec<_> = leaks
                .into_iter()
                .map(|leak| {
                    let kinds: Vec<_> = leak
                        .matches
                        .iter()
                        .map(|it| (it.id.clone(), it.kind, it.similarity))
                        .collect();
                    (leak.dataset, leak.other, leak.sentences, kinds, leak.leaking)
                })
                .collect();
            leaks.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
            leaks
        };
        let (seen, expected) = (shown(watch.leaks()), shown(expected));
        assert!(expected.iter().any(|leak| leak.3.iter().any(|it| it.1 == Kind::Translated)));
        assert_eq!(seen, expected, "seed {seed}");
    }
}
