//! Prompts under the names that the schema has in the language of the sentence.

use super::*;

#[test]
fn native_names() {
    check(
        Task::Ner,
        &chinese(),
        &under_native_names(Form::Code),
        expect![[r#"
            class 人物(Entity): pass
            class 公司(Entity): pass

            ¦sentence = "华为裁员百人，李明离开华为。"

            ¦results = [
            →公司("华为"),
            →人物("李明")
            ]"#]],
    );
    check(
        Task::Re,
        &chinese(),
        &PromptConfig { classes: ClassStyle::Full, ..under_native_names(Form::Code) },
        expect![[r#"
            from Entities import 人物, 公司

            class Entity:
            →"""
            →The base class for all entities.
            →"""
            →def __init__(self, name: str):
            →→self.name = name

            class Relation:
            →"""
            →The base class for all relations.
            →"""
            →def __init__(self, head_entity: Entity, tail_entity: Entity):
            →→self.head_entity = head_entity
            →→self.tail_entity = tail_entity

            class 任职(Relation):
            →"""
            →Description: Employment
            →Examples:·
            →"""
            →def __init__(self, head_entity: 人物, tail_entity: 公司 | Entity):
            →→super().__init__(head_entity = head_entity, tail_entity = tail_entity)

            ¦sentence = "华为裁员百人，李明离开华为。"

            ¦results = [
            →任职(人物("李明"), 公司("华为"))
            ]"#]],
    );
    check(
        Task::Ed,
        &chinese(),
        &under_native_names(Form::Code),
        expect![[r#"
            class 裁员(Event): pass

            ¦sentence = "华为裁员百人，李明离开华为。"

            ¦results = [
            →裁员("裁员")
            ]"#]],
    );
    check(
        Task::Eae,
        &chinese(),
        &under_native_names(Form::Code),
        expect![[r#"
            class 裁员(Event): 用人单位, number

            ¦trigger = 裁员("裁员")
            sentence = "华为裁员百人，李明离开华为。"

            ¦results = [
            →裁员(trigger = "裁员", 用人单位 = [Entity("华为")], number = [Entity("百人")])
            ]"#]],
    );
    check(
        Task::Re,
        &chinese(),
        &under_native_names(Form::List),
        expect![[r#"
            Types of relations:
            - 任职

            ¦Text: 华为裁员百人，李明离开华为。

            ¦- 任职: 人物: 李明; 公司: 华为
            end"#]],
    );
    check(
        Task::Eae,
        &chinese(),
        &under_native_names(Form::List),
        expect![[r#"
            Types of events:
            - 裁员: 用人单位, number

            ¦Events:
            - 裁员: 裁员
            Text: 华为裁员百人，李明离开华为。

            ¦- 裁员: 裁员; 用人单位: 华为; number: 百人
            end"#]],
    );
    check(
        Task::Ner,
        &chinese(),
        &under_native_names(Form::Json),
        expect![[r#"
            {"entities":[
            "人物",
            "公司"
            ]}

            ¦Text: "华为裁员百人，李明离开华为。"

            ¦[
            {"type":"公司","name":"华为"},
            {"type":"人物","name":"李明"}
            ]"#]],
    );
    check(
        Task::Eae,
        &chinese(),
        &under_native_names(Form::Json),
        expect![[r#"
            {"events":[
            {"type":"裁员","roles":["用人单位","number"]}
            ]}

            ¦Events:
            [
            {"type":"裁员","trigger":"裁员"}
            ]
            Text: "华为裁员百人，李明离开华为。"

            ¦[
            {"type":"裁员","trigger":"裁员","arguments":[{"role":"用人单位","name":"华为"},{"role":"number","name":"百人"}]}
            ]"#]],
    );
    // The schema has no names in English beside its own.
    let task = Task::Ner;
    let schema = schema();
    let classes = schema.of_task(task);
    let english_names =
        PromptConfig { names: NameLanguage::English, ..under_native_names(Form::Code) };
    assert_eq!(
        extraction(&schema, &classes, task, &english(), &under_native_names(Form::Code)),
        extraction(&schema, &classes, task, &english(), &english_names),
    );
}

#[test]
fn a_name_that_would_be_ambiguous_is_not_shown() {
    let source = r#"
class A(Entity): names = {"zh": "甲"}
class B(Entity): names = {"zh": "甲"}
class C(Entity): names = {"zh": "A"}
class D(Entity): names = {"zh": "丁"}
class E(Entity): names = {"zh": "Entity"}
class F(Event):
    roles = {"zh": {"a": "己", "b": "己", "c": "a", "d": "庚"}}
    def __init__(self, trigger, a, b, c, d): ...
"#;
    let schema = Schema::parse(source, std::path::Path::new("schema.py")).unwrap();
    let sentence = Sentence { language: "zh".to_owned(), ..Sentence::default() };
    let prefix = |task| {
        let classes = schema.of_task(task);
        extraction(&schema, &classes, task, &sentence, &under_native_names(Form::List)).prefix
    };
    expect![[r#"
        Types of entities:
        - A
        - B
        - C
        - 丁
        - E

    "#]]
    .assert_eq(&prefix(Task::Ner));
    expect![[r#"
        Types of events:
        - F: a, b, c, 庚

    "#]]
    .assert_eq(&prefix(Task::Eae));
}
