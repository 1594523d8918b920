//! Prompts as lists, in English and Chinese.

use super::*;

#[test]
fn an_english_list() {
    let config = plain(Form::List);
    check(
        Task::Ner,
        &english(),
        &config,
        expect![[r#"
            Types of entities:
            - Person: A human being. Examples: Ann Lee, Bo.
            - Company (a kind of Organization)

            Find all entities of the types above in the following text. Write a line "- type: mention" for each, then "end"; if there are none, "none".
            ¦Text: Acme fired 9 people; Bo left Acme.

            ¦- Company: Acme
            - Person: Bo
            end"#]],
    );
    check(
        Task::Re,
        &english(),
        &config,
        expect![[r#"
            Types of relations:
            - WorksFor (head: Person; tail: Company or Entity): Employment.

            Find all relations of the types above between two entities in the following text. Write a line "- type: type of head: head; type of tail: tail" for each, then "end"; if there are none, "none".
            ¦Text: Acme fired 9 people; Bo left Acme.

            ¦- WorksFor: Person: Bo; Company: Acme
            end"#]],
    );
    check(
        Task::Ed,
        &english(),
        &config,
        expect![[r#"
            Types of events:
            - Layoff: Staff is dismissed. Examples: fired. Roles: employer, number.

            Find all events of the types above in the following text, each with its trigger. Write a line "- type: trigger" for each, then "end"; if there are none, "none".
            ¦Text: Acme fired 9 people; Bo left Acme.

            ¦- Layoff: fired
            end"#]],
    );
    check(
        Task::Eae,
        &english(),
        &config,
        expect![[r#"
            Types of events:
            - Layoff: Staff is dismissed. Examples: fired. Roles: employer (Company), number (Entity).

            ¦Find the arguments of the following events in the text, each with its role. Write a line "- type: trigger; role: argument; role: argument" for each, then "end"; if there are none, "none".
            Events:
            - Layoff: fired
            Text: Acme fired 9 people; Bo left Acme.

            ¦- Layoff: fired; employer: Acme; number: 9 people
            end"#]],
    );
}

#[test]
fn a_chinese_list() {
    let config = plain(Form::List);
    check(
        Task::Ner,
        &chinese(),
        &config,
        expect![[r#"
            实体类型:
            - Person: A human being. 例: 李明.
            - Company (属于 Organization)

            请找出下面文本中属于上述类型的所有实体。每个写一行"- 类型: 实体"，最后写"end"；如果没有，写"none"。
            ¦文本: 华为裁员百人，李明离开华为。

            ¦- Company: 华为
            - Person: 李明
            end"#]],
    );
    check(
        Task::Re,
        &chinese(),
        &config,
        expect![[r#"
            关系类型:
            - WorksFor (头实体: Person; 尾实体: Company或Entity): Employment.

            请找出下面文本中两个实体之间属于上述类型的所有关系。每个写一行"- 类型: 头实体类型: 头实体; 尾实体类型: 尾实体"，最后写"end"；如果没有，写"none"。
            ¦文本: 华为裁员百人，李明离开华为。

            ¦- WorksFor: Person: 李明; Company: 华为
            end"#]],
    );
    check(
        Task::Ed,
        &chinese(),
        &config,
        expect![[r#"
            事件类型:
            - Layoff: Staff is dismissed. 例: fired. 角色: employer, number.

            请找出下面文本中属于上述类型的所有事件及其触发词。每个写一行"- 类型: 触发词"，最后写"end"；如果没有，写"none"。
            ¦文本: 华为裁员百人，李明离开华为。

            ¦- Layoff: 裁员
            end"#]],
    );
    check(
        Task::Eae,
        &chinese(),
        &config,
        expect![[r#"
            事件类型:
            - Layoff: Staff is dismissed. 例: fired. 角色: employer (Company), number (Entity).

            ¦请找出文本中以下事件的论元及其角色。每个写一行"- 类型: 触发词; 角色: 论元; 角色: 论元"，最后写"end"；如果没有，写"none"。
            事件:
            - Layoff: 裁员
            文本: 华为裁员百人，李明离开华为。

            ¦- Layoff: 裁员; employer: 华为; number: 百人
            end"#]],
    );
}
