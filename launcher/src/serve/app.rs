//! What all requests share, their way past the guard, and the routes.

use super::counts::Counts;
use super::failure::{self, Failure};
use super::guard::{Guard, check_type};
use super::{Settings, extract, openai};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use data_pipeline::Task;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Semaphore, SemaphorePermit};
use trainer::extract::Extractor;

/// How long the body of a request may take to come.
const BODY: Duration = Duration::from_secs(30);
/// Bytes of a body that is too long that are read all the same: who still writes reads no answer.
const SPILL: usize = 16 << 20;
/// The page, whole.
const PAGE: &str = include_str!("page.html");
/// What the page may do: nothing but run its own script and ask this server.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What all requests share.
pub struct App {
    settings: Settings,
    guard: Guard,
    /// The model, once it is read.
    extractor: OnceLock<Extractor>,
    is_draining: AtomicBool,
    counts: Counts,
    /// One for each request that may be looked at: more than the queue has no place for.
    places: Semaphore,
    /// Seconds since 1970 at the start.
    created: u64,
}

impl App {
    /// Without a model yet.
    pub fn new(settings: Settings, guard: Guard) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            guard,
            extractor: OnceLock::new(),
            is_draining: AtomicBool::new(false),
            counts: Counts::default(),
            places: Semaphore::new(settings.queue + settings.rows),
            created: since.map_or(0, |since| since.as_secs()),
            settings,
        }
    }

    /// The model is there.
    pub fn open(&self, extractor: Extractor) {
        // There is one start.
        let _ = self.extractor.set(extractor);
    }

    /// Nothing new is let in.
    pub fn drain(&self) {
        self.is_draining.store(true, Relaxed);
    }

    /// What is in work is given up.
    pub fn cut(&self) {
        if let Some(extractor) = self.extractor.get() {
            extractor.engine().cut();
        }
    }

    /// Prompts that wait or are in work.
    pub fn in_work(&self) -> usize {
        let stats = self.extractor.get().map(|it| it.engine().stats()).unwrap_or_default();
        stats.waiting + stats.in_work
    }

    /// Prompts that were answered.
    pub fn answered(&self) -> u64 {
        self.extractor.get().map(|it| it.engine().stats().answered).unwrap_or_default()
    }

    /// Requests over HTTP.
    pub fn requests(&self) -> u64 {
        self.counts.total()
    }

    /// What is served, and to whom.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The model, if it is there and takes requests.
    pub fn extractor(&self) -> Result<&Extractor, Failure> {
        let extractor = self.extractor.get().ok_or_else(failure::starting)?;
        // What was let in before a request to stop may ask to its end.
        if extractor.engine().is_open() { Ok(extractor) } else { Err(failure::ending()) }
    }

    /// A place among those who are looked at.
    pub fn place(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.places.try_acquire().map_err(|_| {
            let most = self.settings.queue + self.settings.rows;
            let message = format!("{most} requests are being looked at already; ask again in 1 s");
            Failure::new(StatusCode::TOO_MANY_REQUESTS, message).code("queue_full").after(1)
        })
    }

    /// When a request that begins now must be answered.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.settings.timeout
    }

    /// Refuses a model that is not the one that is served.
    pub fn check_model(&self, name: Option<&str>) -> Result<(), Failure> {
        let served = self.settings.name.as_str();
        match name {
            Some(name) if name != served => {
                let message = format!("there is no model `{name}` here, only `{served}`");
                let failure = Failure::new(StatusCode::NOT_FOUND, message).code("model_not_found");
                Err(Failure { param: Some("model"), ..failure })
            }
            _ => Ok(()),
        }
    }

    /// The model as OpenAI's clients list it.
    pub fn model_json(&self) -> Value {
        json!({
            "id": self.settings.name, "object": "model", "created": self.created,
            "owned_by": "knowcoder"
        })
    }

    /// Whether a request is let in.
    fn check(&self, request: &Request) -> Result<(), Failure> {
        if matches!(request.uri().path(), "/" | "/health") {
            return Ok(());
        }
        self.guard.check(request.headers())?;
        if request.method() != Method::POST {
            return Ok(());
        }
        if self.is_draining.load(Relaxed) {
            return Err(failure::ending());
        }
        check_type(request.headers())
    }
}

/// Who answers what.
pub fn routes(app: Arc<App>) -> Router {
    let absent = |request: Request| async move {
        let (method, path) = (request.method(), request.uri().path());
        Failure::new(StatusCode::NOT_FOUND, format!("there is nothing at {method} {path}"))
    };
    let other_method = |request: Request| async move {
        let (method, path) = (request.method(), request.uri().path());
        let message = format!("{path} is not asked by {method}");
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, message)
    };
    Router::new()
        .route("/", get(page))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/schemas", get(schemas))
        .route("/extract", post(extract::extract))
        .route("/v1/models", get(openai::models))
        .route("/v1/models/{name}", get(openai::model))
        .route("/v1/completions", post(openai::completions))
        .route("/v1/chat/completions", post(openai::chat))
        .fallback(absent)
        .method_not_allowed_fallback(other_method)
        .layer(from_fn_with_state(app.clone(), let_in))
        .with_state(app)
}

/// Holds each request against the guard, and counts it.
async fn let_in(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (begun, route) = (Instant::now(), route(request.uri().path()));
    let mut response = match app.check(&request) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if app.is_draining.load(Relaxed) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    app.counts.add(route, response.status().as_u16(), begun.elapsed());
    response
}

/// What a path is counted as: there are few, whatever is asked for.
fn route(path: &str) -> &'static str {
    const KNOWN: [&str; 8] = [
        "/",
        "/health",
        "/metrics",
        "/schemas",
        "/extract",
        "/v1/models",
        "/v1/completions",
        "/v1/chat/completions",
    ];
    match KNOWN.iter().find(|known| **known == path) {
        Some(known) => known,
        None if path.starts_with("/v1/models/") => "/v1/models",
        None => "other",
    }
}

async fn page() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, Html(PAGE)).into_response()
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let stats = app.extractor.get().map(|it| it.engine().stats());
    let (status, code) = match (&stats, app.is_draining.load(Relaxed)) {
        (_, true) => ("draining", StatusCode::SERVICE_UNAVAILABLE),
        (None, false) => ("starting", StatusCode::SERVICE_UNAVAILABLE),
        (Some(_), false) => ("ready", StatusCode::OK),
    };
    let stats = stats.unwrap_or_default();
    let document = json!({
        "status": status, "queue_length": stats.waiting, "in_work": stats.in_work,
        "queue_limit": app.settings.queue
    });
    (code, Json(document)).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.counts.text(app.extractor.get().map(|it| it.engine().stats()));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// The schemas that are known by name, for the page.
async fn schemas(State(app): State<Arc<App>>) -> Response {
    let tasks = [Task::Ner, Task::Re, Task::Ed, Task::Eae];
    let schemas: Vec<Value> = app
        .settings
        .schemas
        .iter()
        .map(|(name, schema)| {
            let tasks = tasks.iter().filter(|task| !schema.of_task(**task).is_empty());
            let tasks: Vec<String> = tasks.map(Task::to_string).collect();
            let classes: Vec<&str> =
                schema.classes.iter().map(|class| class.name.as_str()).collect();
            json!({"name": name, "tasks": tasks, "classes": classes})
        })
        .collect();
    Json(json!({"model": app.settings.name, "schemas": schemas})).into_response()
}

/// The body of a request, if it is not too long and comes in time.
pub async fn body(app: &App, request: Request) -> Result<Bytes, Failure> {
    let most = app.settings.max_body;
    let named = request.headers().get(header::CONTENT_LENGTH);
    let named = named.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let read = tokio::time::timeout(BODY, read(request.into_body(), most)).await;
    let (bytes, length) = read.unwrap_or_else(|_| {
        let message = format!("the body has not come within {} s", BODY.as_secs());
        Err(Failure::new(StatusCode::REQUEST_TIMEOUT, message))
    })?;
    if length <= most {
        return Ok(bytes.into());
    }
    let length = named.unwrap_or(length).max(length);
    let message = format!(
        "the body has {length} bytes or more, at most {most} are read; ask for less at a time, or start with a larger --max-body-kib"
    );
    Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, message))
}

/// The first bytes of a body, and how many came.
async fn read(body: Body, most: usize) -> Result<(Vec<u8>, usize), Failure> {
    let mut stream = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk
            .map_err(|error| Failure::request(format!("the body ended before its end: {error}")))?;
        length += chunk.len();
        if length <= most {
            bytes.extend_from_slice(&chunk);
        } else if length > most.saturating_add(SPILL) {
            break;
        }
    }
    Ok((bytes, length))
}
