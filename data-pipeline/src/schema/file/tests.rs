#![allow(clippy::unwrap_used)]

use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn read(source: &str) -> Result<Schema, Error> {
    parse(source, Path::new("schema.py"))
}

/// One line per class: what was read of it.
fn check(source: &str, read_as: Expect) {
    let schema = read(source).unwrap();
    let lines: Vec<String> = schema
        .classes
        .iter()
        .map(|class| {
            let roles: Vec<String> = class
                .arguments
                .iter()
                .map(|role| format!("{}: {}", role.name, role.types.join(" | ")))
                .collect();
            format!(
                "{:?} {}({}) {:?} {:?} {:?} [{}]\n",
                class.kind,
                class.name,
                class.base,
                class.descriptions,
                class.examples,
                class.names,
                roles.join(", "),
            )
        })
        .collect();
    read_as.assert_eq(&lines.concat());
}

fn fails(source: &str, message: Expect) {
    let error = read(source).unwrap_err();
    assert_eq!(error.exit_code(), 65);
    message.assert_eq(&error.to_string());
}

#[test]
fn roles_have_names_in_several_languages() {
    let source = r#"
class Hiring(Event):
    roles = {"zh": {"employee": "员工", "from": "原单位"}, "de": {"employee": "Angestellte"}}
    def __init__(self, trigger: str, arg_names, *args):
        arg_names = ["employee", "from", "time"]
class Poaching(Hiring):
    roles = {"zh": {"employee": "被挖者"}}
"#;
    let named = |class: &Class| -> String {
        let roles = class.arguments.iter();
        roles.map(|role| format!("{} {:?} ", role.name, role.names)).collect()
    };
    let schema = read(source).unwrap();
    expect![[r#"employee {"de": "Angestellte", "zh": "员工"} from {"zh": "原单位"} time {} "#]]
        .assert_eq(&named(&schema.classes[0]));
    expect![[r#"employee {"de": "Angestellte", "zh": "被挖者"} from {"zh": "原单位"} time {} "#]]
        .assert_eq(&named(&schema.classes[1]));
    let event = |roles: &str| {
        format!("class A(Event):\n\troles = {roles}\n\tdef __init__(self, trigger, place): ...")
    };
    fails(
        &event("{\"zh\": {\"plaec\": \"x\"}}"),
        expect!["schema.py:2: class `A` has no role `plaec`; did you mean `place`?"],
    );
    fails(
        &event("{\"zh\": {\"place\": \"x\", \"place\": \"y\"}}"),
        expect!["schema.py:2: class `A`: name of role `place` for `zh` given twice"],
    );
    fails(
        &event("{\"zh\": \"x\"}"),
        expect![[r#"schema.py:2: expected `roles = {"zh": {"role": "…"}}`, by language"#]],
    );
    fails(
        "class A(Entity):\n\troles = {}",
        expect!["schema.py:2: class `A` is no event: only events have roles"],
    );
}

#[test]
fn entities_have_texts_in_several_languages() {
    check(
        r#"
"""A schema."""
from knowcoder import Entity
from Entities import SocialGroup

class Entity:
    """The base class for all entities."""
    def __init__(self, name: str):
        self.name = name

class Person(Entity):
    """
    Description: A human being,
        known by name.
    Examples: Ann Lee, Smith (Jr., the second), Bo
    """
    names = {"zh": "人物"}
    descriptions = {"zh": "有名有姓的人。"}
    examples = {"zh": ["李明", "王芳"], "ko": "홍길동、김철수"}

class Writer(Person):
    """Someone who writes."""

class Nation(SocialGroup):
    """
    Description:
    Examples: :(, French
    """
    @classmethod
    def filter_pronoun(cls, mention):
        return mention

class Event(Entity):
    pass
"#,
        expect![[r#"
            Entity Person(Entity) {"en": "A human being, known by name.", "zh": "有名有姓的人。"} {"en": ["Ann Lee", "Smith (Jr., the second)", "Bo"], "ko": ["홍길동", "김철수"], "zh": ["李明", "王芳"]} {"zh": "人物"} []
            Entity Writer(Person) {"en": "Someone who writes."} {} {} []
            Entity Nation(SocialGroup) {} {"en": [":(", "French"]} {} []
            Entity Event(Entity) {} {} {} []
        "#]],
    );
}

#[test]
fn relations_and_events_have_typed_arguments() {
    check(
        r#"
class LivesIn(Relation):
    """
    Description: Someone lives in a place.
    Examples: (Ann, Oslo), (Bo (Jr.), Rome)
    """
    examples = {"zh": [("李明", "北京")]}
    def __init__(self, head_entity: Person | "Animal", tail_entity: Optional[schema.Location]):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)

class Near(Relation): ...

class Person(Entity): pass
class Animal(Entity): pass
class Location(Entity): pass

class Hiring(Event):
    """
    Description: Someone starts to work.
    Examples: hired, joined, 
    """
    def __init__(self, trigger: str, employee: List[Person | Animal], time, place: Union[Location, Entity]): ...

class Promotion(Hiring): pass

class Sinking(Event):
	def __init__(self, trigger: str, arg_names, *args):
		arg_names = ["vessel", "from"]
		super().__init__(trigger, arg_names, *args)
"#,
        expect![[r#"
            Relation LivesIn(Relation) {"en": "Someone lives in a place."} {"en": ["(Ann, Oslo)", "(Bo (Jr.), Rome)"], "zh": ["(李明, 北京)"]} {} [head_entity: Person | Animal, tail_entity: Location]
            Relation Near(Relation) {} {} {} [head_entity: Entity, tail_entity: Entity]
            Entity Person(Entity) {} {} {} []
            Entity Animal(Entity) {} {} {} []
            Entity Location(Entity) {} {} {} []
            Event Hiring(Event) {"en": "Someone starts to work."} {"en": ["hired", "joined"]} {} [employee: Person | Animal, time: Entity, place: Location | Entity]
            Event Promotion(Hiring) {} {} {} [employee: Person | Animal, time: Entity, place: Location | Entity]
            Event Sinking(Event) {} {} {} [vessel: Entity, from: Entity]
        "#]],
    );
}

#[test]
fn errors_name_the_line_and_the_way_out() {
    fails(
        "x = 1\n",
        expect![
            "schema.py:1: only imports and classes may stand in a schema file; it is read, never executed"
        ],
    );
    fails(
        "class Person(Entity):\n\tpass\n\nclass (",
        expect![
            "schema.py:4: not Python: Expected an identifier; a schema file is a module of classes"
        ],
    );
    fails(
        "\nclass Person: pass",
        expect![
            "schema.py:2: class `Person` needs one base class; derive it from Entity, Relation or Event"
        ],
    );
    fails(
        "class City(Locaton): pass",
        expect![
            "schema.py:1: class `City` derives from `Locaton`, which is neither defined above nor imported from Entities, Relations or Events; derive it from Entity, Relation or Event"
        ],
    );
    fails(
        "class Location(Entity): pass\nclass City(Locaton): pass",
        expect![
            "schema.py:2: class `City` derives from `Locaton`, which is neither defined above nor imported from Entities, Relations or Events; derive it from `Location`, Entity, Relation or Event"
        ],
    );
    fails(
        "class A(B): pass\nclass B(A): pass",
        expect![
            "schema.py:1: class `A` derives from `B`, which is neither defined above nor imported from Entities, Relations or Events; derive it from Entity, Relation or Event"
        ],
    );
    fails(
        "class A(Entity): pass\nclass A(Entity): pass",
        expect!["schema.py:2: class `A` stands twice; rename one of them"],
    );
    fails(
        "class A(Entity):\n\tname = {\"zh\": \"x\"}",
        expect!["schema.py:2: class `A` has no attribute `name`; did you mean `names`?"],
    );
    fails(
        "class A(Entity):\n\tnames = \"x\"",
        expect![[r#"schema.py:2: expected `names = {"zh": …}`, by language"#]],
    );
    fails("class A(Entity):\n\tnames = {\"zh\": 3}", expect!["schema.py:2: expected a string"]);
    fails(
        "class A(Entity):\n\t'''Text.'''\n\tdescriptions = {\"en\": \"x\"}",
        expect!["schema.py:3: class `A`: description for `en` given twice"],
    );
    fails(
        "class A(Entity):\n\tfor x in y: pass",
        expect![
            "schema.py:2: class `A` may have a docstring, the attributes names, roles, descriptions and examples, and methods; nothing else"
        ],
    );
    fails(
        "class A(Entity):\n\tdef __init__(self, x): pass",
        expect!["schema.py:2: class `A` is an entity: it has a mention and no arguments"],
    );
    fails(
        "class A(Relation):\n\tdef __init__(self, head, tail): pass",
        expect![
            "schema.py:2: class `A` has the arguments (head, tail); a relation has (head_entity, tail_entity)"
        ],
    );
    fails(
        "class A(Event):\n\tdef __init__(self, trigger, r, r): pass",
        expect!["schema.py:2: class `A` has the role `r` twice"],
    );
    fails(
        "class A(Event):\n\tdef __init__(self, *args):\n\t\targ_names = ['r', 'r']",
        expect!["schema.py:2: class `A` has the role `r` twice"],
    );
    fails(
        "class A(Event):\n\n\tdef __init__(self, trigger: str, r: List[str]): pass",
        expect![
            "schema.py:3: `str` is no entity class of this schema; define it, import it from Entities, or write Entity"
        ],
    );
    fails(
        "class Person(Entity): pass\nclass A(Event):\n\tdef __init__(self, trigger, r: Persn): pass",
        expect!["schema.py:3: `Persn` is no entity class of this schema; did you mean `Person`?"],
    );
    fails(
        "class A(Event):\n\tdef __init__(self, trigger, r: 3): pass",
        expect!["schema.py:2: expected entity classes, such as `Person | Organization`"],
    );
}

#[test]
fn what_would_exhaust_the_parser_is_refused() {
    let nested = format!("class A(Entity): pass\nx = {}1{}\n", "(".repeat(501), ")".repeat(501));
    fails(
        &nested,
        expect![
            "schema.py:2: brackets or signs are nested more than 500 deep; a schema needs a few"
        ],
    );
    fails(
        &format!("class A(Entity): pass\nx = {}1\n", "-\\\n".repeat(501)),
        expect![
            "schema.py:502: brackets or signs are nested more than 500 deep; a schema needs a few"
        ],
    );
    let allowed = format!("x = {}1{}\n", "(".repeat(400), ")".repeat(400));
    fails(
        &allowed,
        expect![
            "schema.py:1: only imports and classes may stand in a schema file; it is read, never executed"
        ],
    );
    let error = read(&"#".repeat((1 << 20) + 1)).unwrap_err();
    assert_eq!(error.to_string(), "schema.py: has 1048577 bytes, expected at most 1048576");
    // A schema is a file of its own: other bytes than UTF-8 are named as in a corpus.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.py");
    std::fs::write(&path, b"class A(Entity): pass\n# caf\xe9\n").unwrap();
    let error = Schema::load(&path).unwrap_err().to_string();
    assert!(error.ends_with("s.py:2: byte 6 (0xE9) is not UTF-8; convert the file to UTF-8"));
}

#[test]
fn our_own_schemas_are_schemas() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/schemas");
    let mut classes = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "py") {
            let schema = Schema::load(&path).unwrap_or_else(|error| panic!("{error}"));
            classes += schema.classes.len();
        }
    }
    assert!(classes > 0);
}

#[test]
fn the_hash_sees_every_text() {
    let hash = |source: &str| read(source).unwrap().hash();
    let plain = hash("class A(Entity): pass");
    assert_eq!(plain.len(), 64);
    assert_eq!(plain, hash("# A comment.\nclass A(Entity):\n    pass\n"));
    assert_ne!(plain, hash("class A(Entity):\n\tnames = {\"zh\": \"甲\"}"));
    assert_ne!(plain, hash("class A(Entity): pass\nclass B(Entity): pass"));
}

proptest! {
    #[test]
    fn any_text_is_a_schema_or_an_error(
        text in any::<String>(),
        code in "(class A\\(Entity\\): pass\n|class B|\\(|\\)|:|\n|\t|def __init__|self|\\[|\"\"\"|Examples:|, |x = |\\{|\\}|人){0,12}",
    ) {
        let _ = read(&text);
        let _ = read(&code);
    }
}
