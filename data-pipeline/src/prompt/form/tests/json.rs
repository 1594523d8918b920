//! Prompts as JSON, in English and Chinese.

use super::*;

#[test]
fn english_json() {
    let config = plain(Form::Json);
    check(
        Task::Ner,
        &english(),
        &config,
        expect![[r#"
            {"entities":[
            {"type":"Person","description":"A human being.","examples":["Ann Lee","Bo"]},
            {"type":"Company","parent":"Organization"}
            ]}

            Find all entities of the types above in the following text. Answer with a JSON array of objects such as {"type":"…","name":"…"}.
            ¦Text: "Acme fired 9 people; Bo left Acme."

            ¦[
            {"type":"Company","name":"Acme"},
            {"type":"Person","name":"Bo"}
            ]"#]],
    );
    check(
        Task::Re,
        &english(),
        &config,
        expect![[r#"
            {"relations":[
            {"type":"WorksFor","description":"Employment","head":["Person"],"tail":["Company","Entity"]}
            ]}

            Find all relations of the types above between two entities in the following text. Answer with a JSON array of objects such as {"type":"…","head":{"type":"…","name":"…"},"tail":{"type":"…","name":"…"}}.
            ¦Text: "Acme fired 9 people; Bo left Acme."

            ¦[
            {"type":"WorksFor","head":{"type":"Person","name":"Bo"},"tail":{"type":"Company","name":"Acme"}}
            ]"#]],
    );
    check(
        Task::Ed,
        &english(),
        &config,
        expect![[r#"
            {"events":[
            {"type":"Layoff","description":"Staff is dismissed.","examples":["fired"],"roles":["employer","number"]}
            ]}

            Find all events of the types above in the following text, each with its trigger. Answer with a JSON array of objects such as {"type":"…","trigger":"…"}.
            ¦Text: "Acme fired 9 people; Bo left Acme."

            ¦[
            {"type":"Layoff","trigger":"fired"}
            ]"#]],
    );
    check(
        Task::Eae,
        &english(),
        &config,
        expect![[r#"
            {"events":[
            {"type":"Layoff","description":"Staff is dismissed.","examples":["fired"],"roles":{"employer":["Company"],"number":["Entity"]}}
            ]}

            ¦Find the arguments of the following events in the text, each with its role. Answer with a JSON array of objects such as {"type":"…","trigger":"…","arguments":[{"role":"…","name":"…"}]}.
            Events:
            [
            {"type":"Layoff","trigger":"fired"}
            ]
            Text: "Acme fired 9 people; Bo left Acme."

            ¦[
            {"type":"Layoff","trigger":"fired","arguments":[{"role":"employer","name":"Acme"},{"role":"number","name":"9 people"}]}
            ]"#]],
    );
}

#[test]
fn chinese_json() {
    let config = plain(Form::Json);
    check(
        Task::Ner,
        &chinese(),
        &config,
        expect![[r#"
            {"entities":[
            {"type":"Person","description":"A human being.","examples":["李明"]},
            {"type":"Company","parent":"Organization"}
            ]}

            请找出下面文本中属于上述类型的所有实体。请用JSON数组作答，其中的对象形如{"type":"…","name":"…"}。
            ¦文本: "华为裁员百人，李明离开华为。"

            ¦[
            {"type":"Company","name":"华为"},
            {"type":"Person","name":"李明"}
            ]"#]],
    );
    check(
        Task::Re,
        &chinese(),
        &config,
        expect![[r#"
            {"relations":[
            {"type":"WorksFor","description":"Employment","head":["Person"],"tail":["Company","Entity"]}
            ]}

            请找出下面文本中两个实体之间属于上述类型的所有关系。请用JSON数组作答，其中的对象形如{"type":"…","head":{"type":"…","name":"…"},"tail":{"type":"…","name":"…"}}。
            ¦文本: "华为裁员百人，李明离开华为。"

            ¦[
            {"type":"WorksFor","head":{"type":"Person","name":"李明"},"tail":{"type":"Company","name":"华为"}}
            ]"#]],
    );
    check(
        Task::Ed,
        &chinese(),
        &config,
        expect![[r#"
            {"events":[
            {"type":"Layoff","description":"Staff is dismissed.","examples":["fired"],"roles":["employer","number"]}
            ]}

            请找出下面文本中属于上述类型的所有事件及其触发词。请用JSON数组作答，其中的对象形如{"type":"…","trigger":"…"}。
            ¦文本: "华为裁员百人，李明离开华为。"

            ¦[
            {"type":"Layoff","trigger":"裁员"}
            ]"#]],
    );
    check(
        Task::Eae,
        &chinese(),
        &config,
        expect![[r#"
            {"events":[
            {"type":"Layoff","description":"Staff is dismissed.","examples":["fired"],"roles":{"employer":["Company"],"number":["Entity"]}}
            ]}

            ¦请找出文本中以下事件的论元及其角色。请用JSON数组作答，其中的对象形如{"type":"…","trigger":"…","arguments":[{"role":"…","name":"…"}]}。
            事件:
            [
            {"type":"Layoff","trigger":"裁员"}
            ]
            文本: "华为裁员百人，李明离开华为。"

            ¦[
            {"type":"Layoff","trigger":"裁员","arguments":[{"role":"employer","name":"华为"},{"role":"number","name":"百人"}]}
            ]"#]],
    );
}
