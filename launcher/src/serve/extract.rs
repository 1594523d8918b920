//! `POST /extract`: objects with offsets, by the same code as the verb.

use super::app::{App, body};
use super::choices::unwell;
use super::failure::Failure;
use super::wire::Fields;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use data_pipeline::predictions::json as object;
use data_pipeline::sentence::Instance;
use data_pipeline::{Schema, Task};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;
use trainer::extract::{Asking, Extractor, Found, Reader, Text};

/// What errors call a schema that stands in a request.
const INLINE: &str = "schema_source";

/// Sets its flag when it goes: the request has ended, or its client has hung up.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// What is asked for.
pub struct Wanted {
    model: Option<String>,
    texts: Vec<String>,
    /// Python, if the schema is not one of those that are known by name.
    source: Option<String>,
    schema: Option<String>,
    task: Task,
    language: String,
    pieces: bool,
    constrained: bool,
    window: Option<usize>,
    overlap: usize,
}

/// Reads objects out of one or more texts.
pub async fn extract(State(app): State<Arc<App>>, request: Request) -> Result<Response, Failure> {
    let _place = app.place()?;
    let body = body(&app, request).await?;
    let deadline = app.deadline();
    let wanted = Wanted::parse(&body)?;
    app.check_model(wanted.model.as_deref())?;
    let extractor = app.extractor()?.clone();
    let schema = known(&app, &wanted)?;
    let gone = Gone(Arc::new(AtomicBool::new(false)));
    let flag = gone.0.clone();
    let work = move || read(&extractor, schema, wanted, deadline, &flag);
    let document = tokio::task::spawn_blocking(work).await.map_err(|_| unwell())??;
    drop(gone);
    Ok(Json(document).into_response())
}

impl Wanted {
    /// What a body asks for.
    pub fn parse(body: &[u8]) -> Result<Self, Failure> {
        let mut fields = Fields::parse(body)?;
        let wanted = Self::of(&mut fields)?;
        fields.end()?;
        Ok(wanted)
    }

    /// The schema that comes with it, if one does.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn schema(&self) -> Option<Result<Schema, Failure>> {
        self.source.as_deref().map(parsed)
    }

    fn of(fields: &mut Fields) -> Result<Self, Failure> {
        let model: Option<String> = fields.take("model", "a string")?;
        let text: Option<String> = fields.take("text", "a string")?;
        let texts: Option<Vec<String>> = fields.take("texts", "a list of strings")?;
        let texts = match (text, texts) {
            (Some(text), None) => vec![text],
            (None, Some(texts)) if !texts.is_empty() => texts,
            (None, Some(_)) => return Err(Failure::field("texts", "`texts` is an empty list")),
            (Some(_), Some(_)) => {
                return Err(Failure::field(
                    "texts",
                    "`text` and `texts` are both given; leave one out",
                ));
            }
            (None, None) => {
                return Err(Failure::field(
                    "text",
                    "`text` is missing: a string, or `texts`, a list of them",
                ));
            }
        };
        let task = fields.take("task", "ner, re, ed or eae")?.unwrap_or(Task::Ner);
        let window: Option<usize> = fields.take("window", "a whole number of at least 1")?;
        if window == Some(0) {
            return Err(Failure::field("window", "`window` must be a whole number of at least 1"));
        }
        let language: Option<String> = fields.take("language", "a language code")?;
        let language = language.unwrap_or_else(|| "en".into());
        data_pipeline::language::check(&language)
            .map_err(|why| Failure::field("language", format!("`language` is {why}")))?;
        Ok(Self {
            model,
            texts,
            source: fields.take(INLINE, "Python source, a string")?,
            schema: fields.take("schema", "a string")?,
            task,
            language,
            pieces: fields.take("pieces", "true or false")?.unwrap_or(false),
            constrained: fields.take("constrained", "true or false")?.unwrap_or(false),
            window,
            overlap: fields.take("overlap", "a whole number of at least 0")?.unwrap_or(1),
        })
    }
}

/// The schema that a request names; none if it brings its own.
fn known(app: &App, wanted: &Wanted) -> Result<Option<Schema>, Failure> {
    let schemas = &app.settings().schemas;
    let found = match (&wanted.schema, &wanted.source) {
        (Some(_), Some(_)) => {
            let message = "`schema` and `schema_source` are both given; leave one out";
            return Err(Failure::field("schema", message));
        }
        (None, Some(_)) => return Ok(None),
        (Some(name), None) => schemas.iter().find(|(known, _)| known == name),
        (None, None) => schemas.first(),
    };
    if let Some((_, schema)) = found {
        return Ok(Some(schema.clone()));
    }
    let names: Vec<&str> = schemas.iter().map(|(name, _)| name.as_str()).collect();
    let message = match (&wanted.schema, names.as_slice()) {
        (Some(name), []) => {
            format!(
                "there is no schema `{name}`: the server was started without --schema; send `schema_source`"
            )
        }
        (Some(name), names) => format!("there is no schema `{name}`, only {}", names.join(", ")),
        (None, _) => "name a `schema`, or send one as `schema_source`".to_owned(),
    };
    Err(Failure::field("schema", message))
}

fn read(
    extractor: &Extractor,
    schema: Option<Schema>,
    wanted: Wanted,
    deadline: Instant,
    gone: &AtomicBool,
) -> Result<Value, Failure> {
    let Wanted { texts, source, task, language, pieces, constrained, window, overlap, .. } = wanted;
    let schema = match (schema, source) {
        (Some(schema), _) => schema,
        (None, source) => parsed(&source.unwrap_or_default())?,
    };
    if schema.of_task(task).is_empty() {
        let message = format!("the schema has no class for the task `{task}`");
        return Err(Failure::field("task", message));
    }
    let shots = Vec::new();
    let asking = Asking { schema, task, language, shots, pieces, constrained, window, overlap };
    let text = |text: &String| Text { text: text.clone(), ..Text::default() };
    let asked: Vec<Text> = texts.iter().map(text).collect();
    let found = Reader::new(extractor, &asking).read(&asked, Some(deadline), gone)?;
    let prompt: usize = found.iter().map(|found| found.prompt_tokens).sum();
    let answer: usize = found.iter().map(|found| found.answer_tokens).sum();
    let results: Vec<Value> = texts.into_iter().zip(found).map(result).collect();
    Ok(json!({
        "results": results, "task": task,
        "usage": {"prompt_tokens": prompt, "answer_tokens": answer}
    }))
}

/// Parsed, never executed.
fn parsed(source: &str) -> Result<Schema, Failure> {
    Schema::parse(source, Path::new(INLINE))
        .map_err(|error| Failure::field(INLINE, error.to_string()))
}

fn result((text, found): (String, Found)) -> Value {
    let objects: Vec<Value> = found.objects.iter().map(|it: &Instance| object(it)).collect();
    json!({"text": text, "objects": objects, "flaws": found.flaws, "windows": found.windows})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refused(body: &str) -> String {
        let failure = Wanted::parse(body.as_bytes()).err().unwrap();
        format!("{}: {}", failure.param.unwrap_or_default(), failure.message)
    }

    #[test]
    fn the_page_asks_for_what_there_is() {
        let page = include_str!("page.html");
        for named in
            ["constrained: at(\"constrained\").checked", "body.schema_source = ", "body.schema = "]
        {
            assert!(page.contains(named), "{named}");
        }
        let asked = r#"{"text": "Ann", "task": "ner", "language": "en", "constrained": true, "schema_source": "class P(Entity): pass"}"#;
        let wanted = Wanted::parse(asked.as_bytes()).unwrap();
        assert!(wanted.constrained && wanted.schema().unwrap().is_ok());
    }

    #[test]
    fn a_typo_is_no_language() {
        for code in ["zz", "../../x"] {
            let found = refused(&format!(r#"{{"text": "Ann", "language": "{code}"}}"#));
            assert!(found.starts_with("language: `language` is no language code"), "{found}");
        }
    }
}
