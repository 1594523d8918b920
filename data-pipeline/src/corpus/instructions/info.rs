//! LLaMA-Factory's `dataset_info.json`: which file is which data set, and how its rows are built.

use super::Exchange;
use crate::Error;
use crate::corpus::json::{parse, without_place};
use crate::corpus::labels::did_you_mean;
use crate::corpus::source::Source;
use serde::Deserialize;
use serde_json::Value;

/// How the rows of one file are built.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Info {
    #[serde(default)]
    formatting: Formatting,
    #[serde(default)]
    columns: Columns,
    #[serde(default)]
    tags: Tags,
}

/// The two kinds of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Formatting {
    /// An instruction, what it is applied to, and the answer.
    #[default]
    Alpaca,
    /// A conversation.
    ShareGpt,
}

/// What the members of a row are called.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
struct Columns {
    prompt: String,
    query: String,
    response: String,
    messages: String,
}

/// What the members of a message are called, and who speaks.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
struct Tags {
    role_tag: String,
    content_tag: String,
    user_tag: String,
    assistant_tag: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            prompt: "instruction".into(),
            query: "input".into(),
            response: "output".into(),
            messages: "conversations".into(),
        }
    }
}

impl Default for Tags {
    fn default() -> Self {
        Self {
            role_tag: "from".into(),
            content_tag: "value".into(),
            user_tag: "human".into(),
            assistant_tag: "gpt".into(),
        }
    }
}

impl Info {
    /// What the file called `name` beside `source` says of it.
    pub(crate) fn beside(source: &Source, name: &str) -> Result<Self, Error> {
        let info = source.neighbour(name)?;
        let file = source.name();
        let refuse = |message: String| Error::data(&info.path, 1, message);
        let sets = parse(&info.text).map_err(refuse)?;
        let sets =
            sets.as_object().ok_or_else(|| refuse("expected an object of data sets".into()))?;
        let file_of = |set: &Value| set.get("file_name").and_then(Value::as_str).map(str::to_owned);
        let Some(set) = sets.values().find(|set| file_of(set).as_deref() == Some(file.as_str()))
        else {
            let known: Vec<String> = sets.values().filter_map(file_of).collect();
            let hint = did_you_mean(&file, known.iter().map(String::as_str));
            return Err(refuse(format!("no data set has the `file_name` `{file}`{hint}")));
        };
        serde_json::from_value(set.clone())
            .map_err(|error| refuse(format!("the data set of `{file}`: {}", without_place(&error))))
    }

    /// What a row asks and answers.
    pub(crate) fn exchanges(&self, row: &Value) -> Result<Vec<Exchange>, String> {
        match self.formatting {
            Formatting::Alpaca => Ok(vec![self.alpaca(row)?]),
            Formatting::ShareGpt => self.conversation(row),
        }
    }

    /// An instruction and its query as one prompt, divided by a line end as in LLaMA-Factory.
    fn alpaca(&self, row: &Value) -> Result<Exchange, String> {
        let Columns { prompt, query, response, .. } = &self.columns;
        let (instruction, answer) = (member(row, prompt)?, member(row, response)?);
        let query = match row.get(query.as_str()) {
            None | Some(Value::Null) => "",
            Some(_) => member(row, query)?,
        };
        Ok(match query {
            "" => {
                Exchange { prompt: instruction.to_owned(), query: None, answer: answer.to_owned() }
            }
            query => Exchange {
                prompt: format!("{instruction}\n{query}"),
                query: Some(query.to_owned()),
                answer: answer.to_owned(),
            },
        })
    }

    /// Each message of the user that the assistant answers.
    fn conversation(&self, row: &Value) -> Result<Vec<Exchange>, String> {
        let Tags { role_tag, content_tag, user_tag, assistant_tag } = &self.tags;
        let name = &self.columns.messages;
        let messages = row.get(name.as_str()).and_then(Value::as_array);
        let messages = messages.ok_or_else(|| format!("there is no list `{name}`"))?;
        let mut found = Vec::new();
        let mut asked: Option<&str> = None;
        for message in messages {
            let role = member(message, role_tag)?;
            let content = member(message, content_tag)?;
            if role == user_tag.as_str() {
                asked = Some(content);
            } else if role == assistant_tag.as_str() {
                let prompt =
                    asked.take().ok_or("an answer comes before its question".to_owned())?;
                let (prompt, answer) = (prompt.to_owned(), content.to_owned());
                found.push(Exchange { prompt, query: None, answer });
            }
        }
        match found.is_empty() {
            true => Err(format!("`{name}` has no message of `{user_tag}` that is answered")),
            false => Ok(found),
        }
    }
}

/// The text of a member.
fn member<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    let text = value.get(name).and_then(Value::as_str);
    text.ok_or_else(|| format!("there is no text `{name}`"))
}
