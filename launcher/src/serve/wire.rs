//! What OpenAI's clients send: fields are taken one by one, and what is left is refused by its name. What
//! would change the answer and is not done here is never passed over.

use super::failure::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use trainer::generation::Sampling;

/// The most answers to one prompt, and the most stop strings.
const MOST_ANSWERS: usize = 16;
const MOST_STOPS: usize = 16;

/// The fields of a request that nobody has looked at yet.
pub struct Fields(Map<String, Value>);

/// What an answer follows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Prompt {
    /// Text.
    Text(String),
    /// Token ids.
    Ids(Vec<u32>),
}

/// How prompts are answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub model: Option<String>,
    pub max_tokens: Option<usize>,
    /// With the seed that was asked for, if any was.
    pub sampling: Sampling,
    pub has_seed: bool,
    /// Answers to each prompt.
    pub count: usize,
    pub stops: Vec<String>,
    pub streams: bool,
    /// Whether a stream ends with the counts of tokens.
    pub tells_usage: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// A message of a chat.
#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Deserialize)]
struct ContentPart {
    r#type: String,
    #[serde(default)]
    text: String,
}

impl Fields {
    /// The fields of a body.
    pub fn parse(body: &[u8]) -> Result<Self, Failure> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Failure::request("the body is no JSON object")),
            Err(error) => Err(Failure::request(format!("the body is no JSON: {error}"))),
        }
    }

    /// Takes a field; one that is null is not there.
    pub fn take<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        expected: &str,
    ) -> Result<Option<T>, Failure> {
        match self.0.shift_remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value)
                .map(Some)
                .map_err(|_| Failure::field(name, format!("`{name}` must be {expected}"))),
        }
    }

    /// Refuses what nobody has taken.
    pub fn end(self) -> Result<(), Failure> {
        // Who asks, and what for, changes no answer.
        const IDLE: [&str; 4] = ["user", "metadata", "store", "service_tier"];
        for (name, value) in self.0 {
            if value.is_null() || IDLE.contains(&name.as_str()) || is_idle(&name, &value) {
                continue;
            }
            let message =
                format!("`{name}` = {} is not supported here; leave it out", short(&value));
            return Err(Failure::request(message).code("unsupported_parameter"));
        }
        Ok(())
    }

    /// The prompts of a completion.
    pub fn prompts(&mut self) -> Result<Vec<Prompt>, Failure> {
        const EXPECTED: &str =
            "a string, a list of strings, a list of token ids or a list of such lists";
        let value: Option<Value> = self.take("prompt", EXPECTED)?;
        let Some(value) = value else {
            return Err(Failure::field("prompt", format!("`prompt` is missing: {EXPECTED}")));
        };
        let wrong = |_| Failure::field("prompt", format!("`prompt` must be {EXPECTED}"));
        // A list of numbers is one prompt.
        let is_one = match &value {
            Value::Array(parts) => parts.first().is_some_and(Value::is_number),
            _ => true,
        };
        let prompts: Vec<Prompt> = match is_one {
            true => vec![serde_json::from_value(value).map_err(wrong)?],
            false => serde_json::from_value(value).map_err(wrong)?,
        };
        if prompts.is_empty() {
            return Err(Failure::field("prompt", "`prompt` is an empty list"));
        }
        Ok(prompts)
    }

    /// The prompt of a chat: what its messages say, one after the other. The model knows no roles.
    pub fn messages(&mut self) -> Result<Prompt, Failure> {
        let expected = "a list of messages, each with `role` and `content`";
        let messages: Option<Vec<Message>> = self.take("messages", expected)?;
        let wrong = |message: String| Err(Failure::field("messages", message));
        let Some(messages) = messages.filter(|messages| !messages.is_empty()) else {
            return wrong(format!("`messages` is missing or empty: {expected}"));
        };
        let mut said = Vec::new();
        for message in messages {
            let Message { role, content } = message;
            if !["system", "developer", "user", "assistant"].contains(&role.as_str()) {
                return wrong(format!(
                    "a message has the role `{}`; known are system, developer, user and assistant",
                    short(&Value::String(role))
                ));
            }
            said.push(match content {
                None => String::new(),
                Some(Content::Text(text)) => text,
                Some(Content::Parts(parts)) => {
                    if let Some(part) = parts.iter().find(|part| part.r#type != "text") {
                        let kind = short(&Value::String(part.r#type.clone()));
                        return wrong(format!(
                            "a message has a part of the type {kind}; only text is read"
                        ));
                    }
                    parts.into_iter().map(|part| part.text).collect()
                }
            });
        }
        Ok(Prompt::Text(said.join("\n")))
    }

    /// How prompts are answered.
    pub fn options(&mut self) -> Result<Options, Failure> {
        let count = "a whole number of at least 0";
        let number = "a number";
        let max_tokens: Option<usize> = self.take("max_tokens", count)?;
        let max_completion: Option<usize> = self.take("max_completion_tokens", count)?;
        let temperature: f64 = self.take("temperature", number)?.unwrap_or(0.0);
        let (top_k, top_p) = (self.take("top_k", count)?, self.take("top_p", number)?);
        let min_p = self.take("min_p", number)?;
        let repetition_penalty = self.take("repetition_penalty", number)?.unwrap_or(1.0);
        let seed: Option<i64> = self.take("seed", "a whole number")?;
        let drawn = Sampling {
            temperature: if temperature == 0.0 { 1.0 } else { temperature },
            top_k: top_k.unwrap_or(0),
            top_p: top_p.unwrap_or(1.0),
            min_p: min_p.unwrap_or(0.0),
            repetition_penalty,
            seed: seed.unwrap_or(0) as u64,
        };
        drawn.check().map_err(|error| Failure::request(error.to_string()))?;
        // At temperature 0 nothing is drawn: clients send the rest all the same.
        let sampling = match temperature {
            0.0 => Sampling { repetition_penalty, ..Sampling::default() },
            _ => drawn,
        };
        let answers = self.take("n", count)?.unwrap_or(1);
        if !(1..=MOST_ANSWERS).contains(&answers) {
            return Err(Failure::field(
                "n",
                format!("`n` is {answers}, expected 1 to {MOST_ANSWERS}"),
            ));
        }
        let stops = match self.take("stop", "a string or a list of strings")? {
            None => Vec::new(),
            Some(OneOrMany::One(stop)) => vec![stop],
            Some(OneOrMany::Many(stops)) => stops,
        };
        if stops.len() > MOST_STOPS || stops.iter().any(String::is_empty) {
            let message = format!(
                "`stop` has {} strings; expected at most {MOST_STOPS}, none of them empty",
                stops.len()
            );
            return Err(Failure::field("stop", message));
        }
        let options: Option<StreamOptions> = self.take("stream_options", "an object")?;
        Ok(Options {
            model: self.take("model", "a string")?,
            max_tokens: max_completion.or(max_tokens),
            sampling,
            has_seed: seed.is_some(),
            count: answers,
            stops,
            streams: self.take("stream", "true or false")?.unwrap_or(false),
            tells_usage: options.is_some_and(|options| options.include_usage),
        })
    }
}

/// Whether a field that is not done here asks for nothing.
fn is_idle(name: &str, value: &Value) -> bool {
    match name {
        "frequency_penalty" | "presence_penalty" | "top_logprobs" => value.as_f64() == Some(0.0),
        "echo" | "logprobs" => *value == Value::Bool(false),
        "best_of" => value.as_u64() == Some(1),
        "logit_bias" => value.as_object().is_some_and(Map::is_empty),
        "suffix" => value.as_str() == Some(""),
        "response_format" => value["type"] == "text",
        "tools" => value.as_array().is_some_and(Vec::is_empty),
        _ => false,
    }
}

/// A value in few characters.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn options(body: Value) -> Result<Options, Failure> {
        let mut fields = Fields::parse(body.to_string().as_bytes())?;
        let options = fields.options()?;
        fields.end()?;
        Ok(options)
    }

    fn refused(body: Value, expected: &str) {
        let failure = options(body.clone()).unwrap_err();
        assert_eq!(failure.status, 400);
        assert!(failure.message.contains(expected), "{body}: {}", failure.message);
    }

    #[test]
    fn options_are_what_clients_send() {
        let found = options(json!({})).unwrap();
        assert_eq!((found.count, found.streams, &found.sampling), (1, false, &Sampling::default()));
        let found = options(json!({
            "model": "m", "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "seed": 3, "n": 2,
            "stop": "a", "stream": true, "stream_options": {"include_usage": true}, "user": "u",
            "logprobs": null, "frequency_penalty": 0, "echo": false, "response_format": {"type": "text"}
        }))
        .unwrap();
        let sampling = Sampling { temperature: 0.5, top_p: 0.9, seed: 3, ..Sampling::default() };
        assert_eq!((found.sampling, found.has_seed, found.count), (sampling, true, 2));
        assert_eq!((found.max_tokens, found.stops), (Some(9), vec!["a".to_owned()]));
        assert!(found.streams && found.tells_usage);
        // Clients send both.
        let plain = options(json!({"temperature": 0, "top_p": 0.5, "stop": ["a", "b"]})).unwrap();
        assert_eq!((plain.sampling, plain.stops.len()), (Sampling::default(), 2));
        assert_eq!(options(json!({"max_completion_tokens": 4})).unwrap().max_tokens, Some(4));
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        refused(json!({"echo": true}), "`echo` = true is not supported");
        refused(json!({"frequency_penalty": 0.5}), "`frequency_penalty` = 0.5");
        refused(json!({"tools": [{"type": "function"}]}), "`tools`");
        refused(json!({"max_token": 3}), "`max_token` = 3");
        refused(json!({"max_tokens": -1}), "`max_tokens` must be a whole number");
        refused(json!({"temperature": "hot"}), "`temperature` must be a number");
        refused(json!({"temperature": -1}), "temperature is -1");
        refused(json!({"top_p": 2, "temperature": 1}), "top_p is 2");
        refused(json!({"n": 0}), "`n` is 0, expected 1 to 16");
        refused(json!({"stop": ["a", ""]}), "none of them empty");
        refused(json!({"stop": 3}), "`stop` must be a string or a list of strings");
        assert!(Fields::parse(b"[1]").is_err() && Fields::parse(b"{").is_err());
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(5000), "]".repeat(5000));
        assert!(Fields::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn prompts_are_strings_or_ids() {
        let prompts = |prompt: Value| {
            let body = json!({"prompt": prompt}).to_string();
            Fields::parse(body.as_bytes()).unwrap().prompts()
        };
        let text = |text: &str| Prompt::Text(text.into());
        assert_eq!(prompts(json!("a")).unwrap(), [text("a")]);
        assert_eq!(prompts(json!(["a", "b"])).unwrap(), [text("a"), text("b")]);
        assert_eq!(prompts(json!([1, 2])).unwrap(), [Prompt::Ids(vec![1, 2])]);
        assert_eq!(prompts(json!([[1], [2, 3]])).unwrap().len(), 2);
        for wrong in
            [json!([]), json!(3), json!([1, "a"]), json!({"a": 1}), json!([-1]), json!(null)]
        {
            assert_eq!(prompts(wrong.clone()).unwrap_err().param, Some("prompt"), "{wrong}");
        }
    }

    #[test]
    fn messages_become_one_text() {
        let prompt = |messages: Value| {
            let body = json!({"messages": messages}).to_string();
            Fields::parse(body.as_bytes()).unwrap().messages()
        };
        let found = prompt(json!([
            {"role": "system", "content": "a"},
            {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]},
        ]));
        assert_eq!(found.unwrap(), Prompt::Text("a\nbc".into()));
        let image = json!([{"role": "user", "content": [{"type": "image_url"}]}]);
        assert!(prompt(image).unwrap_err().message.contains("only text is read"));
        assert!(prompt(json!([{"role": "tool", "content": "x"}])).is_err());
        assert!(prompt(json!([])).is_err() && prompt(json!("hi")).is_err());
    }
}
