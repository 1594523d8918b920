//! GoLLIE's answers: `[Person(span="Ann"), Hire(mention="hired", employer=["Acme"])]`, read by a
//! Python parser and never executed.

use super::answer::{Argument, Said};
use crate::Task;
use ruff_python_ast::Expr;

/// How deep brackets may nest: the parser goes down a level of its stack for each.
const DEEPEST: usize = 8;

/// A name, if there is one, and the texts that it has.
type Given = (Option<String>, Vec<String>);

/// What the list of an answer says.
pub(crate) fn read(answer: &str, task: Task) -> Result<Vec<Said>, String> {
    let code = list_of(answer);
    if !is_plain(code) {
        return Err("the answer is not a list of objects with texts".into());
    }
    let parsed = ruff_python_parser::parse_expression(code)
        .map_err(|error| format!("the answer is not Python: {}", error.error))?;
    let Expr::List(list) = parsed.expr() else {
        return Err("the answer is not a list".into());
    };
    let mut said = Vec::new();
    for item in &list.elts {
        said.push(object(item, task)?);
    }
    Ok(said)
}

/// An answer without `result =`.
fn list_of(answer: &str) -> &str {
    let answer = answer.trim();
    let rest = answer.strip_prefix("results").or_else(|| answer.strip_prefix("result"));
    let list = rest.and_then(|rest| rest.trim_start().strip_prefix('='));
    list.unwrap_or(answer).trim()
}

/// Whether the parser may see the code: names, texts, commas, `=` and brackets that nest a little.
/// Whatever else Python has could lead it as deep as the code is long.
fn is_plain(code: &str) -> bool {
    let (mut quote, mut escaped) = (None::<char>, false);
    // The last sign that is no space, and whether one follows it.
    let (mut last, mut space, mut depth) = (',', false, 0_usize);
    let is_word = |sign: char| sign == '_' || sign.is_alphanumeric();
    for sign in code.chars() {
        if let Some(open) = quote {
            if escaped {
                escaped = false;
            } else if sign == '\\' {
                escaped = true;
            } else if sign == open {
                quote = None;
            }
            continue;
        }
        if sign.is_whitespace() {
            space = true;
            continue;
        }
        match sign {
            '"' | '\'' => quote = Some(sign),
            '(' | '[' if !matches!(last, ')' | ']') && depth < DEEPEST => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' | '=' => {}
            sign if is_word(sign) && !(space && is_word(last)) => {}
            _ => return false,
        }
        (last, space) = (sign, false);
    }
    true
}

fn object(item: &Expr, task: Task) -> Result<Said, String> {
    let Expr::Call(call) = item else {
        return Err("the list of the answer holds what is no object".into());
    };
    let Expr::Name(name) = &*call.func else {
        return Err("an object of the answer has no plain name".into());
    };
    let label = name.id.to_string();
    let mut given: Vec<Given> = Vec::new();
    for value in call.arguments.args.iter() {
        given.push((None, texts(value).map_err(|fault| format!("`{label}`: {fault}"))?));
    }
    for keyword in call.arguments.keywords.iter() {
        let name = keyword.arg.as_ref().map(|name| name.to_string());
        given.push((name, texts(&keyword.value).map_err(|fault| format!("`{label}`: {fault}"))?));
    }
    let object = match task {
        Task::Ner => entity(&label, &given),
        Task::Re => relation(&label, &given),
        Task::Ed | Task::Eae => event(&label, given, task),
    };
    object.ok_or_else(|| format!("`{label}` has not the arguments of its task"))
}

/// `Class(span="…")`.
fn entity(label: &str, given: &[Given]) -> Option<Said> {
    let [(_, texts)] = given else { return None };
    let surface = one(texts)?;
    Some(Said::Entity { label: label.to_owned(), surface })
}

/// `Class(arg1="…", arg2="…")`.
fn relation(label: &str, given: &[Given]) -> Option<Said> {
    let [(_, head), (_, tail)] = given else { return None };
    let argument = |texts: &[String]| Some(Argument { label: None, surface: one(texts)? });
    Some(Said::Relation { label: label.to_owned(), head: argument(head)?, tail: argument(tail)? })
}

/// `Class(mention="…", role=["…"])`: what comes first is the trigger.
fn event(label: &str, given: Vec<Given>, task: Task) -> Option<Said> {
    let mut given = given.into_iter();
    let trigger = one(&given.next()?.1)?;
    let mut arguments = Vec::new();
    for (role, texts) in given {
        let role = role?;
        if task == Task::Eae {
            arguments.extend(texts.into_iter().map(|text| (role.clone(), text)));
        }
    }
    Some(Said::Event { label: label.to_owned(), trigger, arguments })
}

fn one(texts: &[String]) -> Option<String> {
    match texts {
        [text] => Some(text.clone()),
        _ => None,
    }
}

/// The texts of a value: one, those of a list, or none.
fn texts(value: &Expr) -> Result<Vec<String>, String> {
    match value {
        Expr::StringLiteral(text) => Ok(vec![text.value.to_str().to_owned()]),
        Expr::NoneLiteral(_) => Ok(Vec::new()),
        Expr::List(list) => {
            let mut found = Vec::new();
            for item in &list.elts {
                match item {
                    Expr::StringLiteral(text) => found.push(text.value.to_str().to_owned()),
                    _ => return Err("a list holds what is no text".into()),
                }
            }
            Ok(found)
        }
        _ => Err("an argument is neither a text nor a list of texts".into()),
    }
}
