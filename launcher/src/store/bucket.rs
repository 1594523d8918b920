//! A bucket of an object store, asked over HTTP.
//!
//! Requests are repeated by the client where that may help. What a store says when it refuses is
//! shown as its code alone: the rest of such an answer repeats what was sent, down to the key's id.

use super::place::{Remote, Service};
use super::{Meta, Objects, Take};
use crate::error::{Error, exit};
use futures_util::StreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::buffered::BufWriter;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{ClientConfigKey, GetOptions, GetRange, ObjectMeta, ObjectStore, RetryConfig};
use object_store::{ObjectStoreExt, path};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;

/// Files up to this are put in one piece, longer ones in pieces of it.
const PIECE: usize = 8 << 20;

/// How often a request is repeated, with growing pauses: some seconds in all.
const RETRIES: usize = 5;

/// How long a server may need to take a connection, to send the next bytes, and to do it all.
const TIMES: [(ClientConfigKey, &str); 3] = [
    (ClientConfigKey::ConnectTimeout, "10s"),
    (ClientConfigKey::ReadTimeout, "30s"),
    // The default of half a minute would end the transfer of every large file.
    (ClientConfigKey::Timeout, "6h"),
];

/// A part of a bucket.
pub struct Bucket {
    remote: Remote,
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
}

impl Bucket {
    /// Nothing is asked for yet.
    pub fn open(remote: &Remote) -> Result<Self, Error> {
        // Whoever installed another one before is right too.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = client(remote).map_err(|error| {
            let message = format!("`{remote}` cannot be asked: {}", root_cause(&error));
            Error::new(exit::DECLARATION, message).hint(remote.service.credentials())
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| {
                let message = format!("failed to start a client of `{remote}`: {error}");
                Error::new(exit::TRANSIENT, message)
            })?;
        Ok(Self { remote: remote.clone(), store, runtime })
    }

    fn path(&self, key: &str) -> Result<path::Path, Error> {
        path::Path::parse(self.remote.key(key)).map_err(|error| {
            let message = format!("`{}` is no name of an object: {error}", self.name(key));
            Error::new(exit::DECLARATION, message)
        })
    }

    fn failed(&self, doing: &str, key: &str, error: &object_store::Error) -> Error {
        sentence(doing, &self.name(key), &self.remote, error)
    }
}

impl Objects for Bucket {
    fn name(&self, key: &str) -> String {
        let key = self.remote.key(key);
        let (scheme, bucket) = (self.remote.service.scheme(), &self.remote.bucket);
        if key.is_empty() {
            format!("{scheme}://{bucket}")
        } else {
            format!("{scheme}://{bucket}/{key}")
        }
    }

    fn find(&self, key: &str) -> Result<Option<Meta>, Error> {
        let path = self.path(key)?;
        match self.runtime.block_on(self.store.head(&path)) {
            Ok(found) => Ok(Some(meta(key.to_owned(), found))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("look for", key, &error)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<Meta>, Error> {
        let path = self.path(folder)?;
        let prefix = Some(&path).filter(|path| !path.as_ref().is_empty());
        let listed = self.runtime.block_on(self.store.list_with_delimiter(prefix));
        let listed = listed.map_err(|error| self.failed("list", folder, &error))?;
        let mut found: Vec<Meta> = listed
            .objects
            .into_iter()
            .filter_map(|object| {
                let name = object.location.filename()?.to_owned();
                Some(meta(super::join(folder, &name), object))
            })
            .collect();
        found.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(found)
    }

    fn read(&self, wanted: &Meta, from: u64, take: Take<'_>) -> Result<(), Error> {
        let path = self.path(&wanted.key)?;
        let options = GetOptions {
            if_match: wanted.etag.clone(),
            range: (from > 0).then_some(GetRange::Offset(from)),
            ..GetOptions::default()
        };
        let failed = |error: &object_store::Error| self.failed("read", &wanted.key, error);
        self.runtime.block_on(async {
            let answer = self.store.get_opts(&path, options).await.map_err(|it| failed(&it))?;
            let mut pieces = answer.into_stream();
            while let Some(piece) = pieces.next().await {
                take(&piece.map_err(|it| failed(&it))?)?;
            }
            Ok(())
        })
    }

    fn write(&self, key: &str, file: &Path) -> Result<(), Error> {
        let path = self.path(key)?;
        let read = |error| Error::from(data_pipeline::Error::read(file)(error));
        let mut source = std::fs::File::open(file).map_err(read)?;
        let mut sink = BufWriter::with_capacity(Arc::clone(&self.store), path, PIECE);
        let mut piece = vec![0; 1 << 20];
        self.runtime.block_on(async {
            // The object appears when the last byte is there: what ends early leaves nothing.
            loop {
                let count = match source.read(&mut piece) {
                    Ok(0) => break,
                    Ok(count) => count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => {
                        let _ = sink.abort().await;
                        return Err(read(error));
                    }
                };
                if let Err(error) = sink.write_all(&piece[..count]).await {
                    let error = self.failed("write", key, &of_io(error));
                    let _ = sink.abort().await;
                    return Err(error);
                }
            }
            sink.shutdown().await.map_err(|error| self.failed("write", key, &of_io(error)))
        })
    }

    fn remove(&self, key: &str) -> Result<(), Error> {
        let path = self.path(key)?;
        match self.runtime.block_on(self.store.delete(&path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", key, &error)),
        }
    }

    fn check(&self) -> Result<(), Error> {
        let path = self.path("")?;
        let prefix = Some(&path).filter(|path| !path.as_ref().is_empty());
        let first = self.runtime.block_on(async { self.store.list(prefix).next().await });
        match first {
            Some(Err(error)) => Err(self.failed("list", "", &error)),
            _ => Ok(()),
        }
    }

    fn file(&self, _: &str) -> Option<PathBuf> {
        None
    }
}

/// A client with what the environment says.
fn client(remote: &Remote) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    let retry = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: Duration::from_secs(120),
        ..RetryConfig::default()
    };
    Ok(match remote.service {
        Service::S3 => {
            let builder = TIMES.iter().fold(AmazonS3Builder::from_env(), |builder, (key, time)| {
                builder.with_config(AmazonS3ConfigKey::Client(*key), *time)
            });
            Arc::new(builder.with_bucket_name(&remote.bucket).with_retry(retry).build()?)
        }
        Service::Gs => {
            let builder = GoogleCloudStorageBuilder::from_env();
            let builder = TIMES.iter().fold(builder, |builder, (key, time)| {
                builder.with_config(GoogleConfigKey::Client(*key), *time)
            });
            Arc::new(builder.with_bucket_name(&remote.bucket).with_retry(retry).build()?)
        }
        Service::Az => {
            let builder = MicrosoftAzureBuilder::from_env();
            let builder = TIMES.iter().fold(builder, |builder, (key, time)| {
                builder.with_config(AzureConfigKey::Client(*key), *time)
            });
            Arc::new(builder.with_container_name(&remote.bucket).with_retry(retry).build()?)
        }
    })
}

fn meta(key: String, found: ObjectMeta) -> Meta {
    Meta {
        key,
        size: found.size,
        etag: found.e_tag,
        modified: found.last_modified.timestamp_millis(),
    }
}

/// What a writer was told by the store, taken out of its wrapping.
fn of_io(error: std::io::Error) -> object_store::Error {
    match error.downcast::<object_store::Error>() {
        Ok(error) => error,
        Err(error) => object_store::Error::Generic { store: "io", source: Box::new(error) },
    }
}

/// What happened to the object called `name`, and the way out.
fn sentence(doing: &str, name: &str, remote: &Remote, error: &object_store::Error) -> Error {
    use object_store::Error as E;
    let texts = chain(error);
    let code = texts.iter().find_map(|text| between(text, "<Code>", "</Code>"));
    let status = texts.iter().find_map(|text| status(text));
    let because = match (status, code) {
        (Some(status), Some(code)) => format!("{status} {code}"),
        (Some(status), None) => status.to_string(),
        (None, _) => root_cause(error),
    };
    let credentials = remote.service.credentials();
    let new = |code: u8, message: String, hint: &str| Error::new(code, message).hint(hint);
    if code == Some("NoSuchBucket") || code == Some("ContainerNotFound") {
        let message = format!("there is no bucket `{}`, so `{name}` is not there", remote.bucket);
        return new(exit::BACKEND, message, "create it, or name another one");
    }
    // What is asked of a bucket as a whole fails without a kind, but with a status.
    let is_refused = matches!(error, E::PermissionDenied { .. } | E::Unauthenticated { .. })
        || matches!(status, Some(401 | 403));
    let is_absent = matches!(error, E::NotFound { .. }) || status == Some(404);
    match error {
        _ if is_absent => new(
            exit::BACKEND,
            format!("`{name}` is not there"),
            "the store answers, so the bucket or the name is another one",
        ),
        _ if is_refused => new(
            exit::BACKEND,
            format!("not allowed to {doing} `{name}`: the store answers {because}"),
            credentials,
        ),
        E::Precondition { .. } => {
            new(exit::TRANSIENT, format!("`{name}` changed while it was read"), "try again")
        }
        // Without credentials of their own, clients ask the machine that they may run on.
        _ if texts.iter().any(|text| text.contains("169.254.")) => new(
            exit::BACKEND,
            format!("failed to {doing} `{name}`: there are no credentials in the environment"),
            credentials,
        ),
        _ if status.is_some_and(|it| (300..500).contains(&it) && it != 408 && it != 429) => new(
            exit::DECLARATION,
            format!("failed to {doing} `{name}`: the store answers {because}"),
            "look at the bucket, its region and the address of the store in the environment",
        ),
        _ => new(
            exit::TRANSIENT,
            format!("failed to {doing} `{name}`: {because}"),
            "look at the network and the address of the store; the same command goes on where it stopped",
        ),
    }
}

/// What an error says, and what each of its causes says.
fn chain(error: &object_store::Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts
}

/// The innermost cause in one line; an address loses its query, which may hold a signature.
fn root_cause(error: &object_store::Error) -> String {
    let text = chain(error).pop().unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let words = line.split(' ').map(|word| match word.contains("://") {
        true => word.split('?').next().unwrap_or_default(),
        false => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inner, _)| inner)
}

/// The HTTP status in `Server returned non-2xx status code: 403 Forbidden: …`.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn check(error: object_store::Error, expect: Expect) {
        let remote =
            Remote { service: Service::S3, bucket: "b".to_owned(), prefix: "p".to_owned() };
        let error = sentence("read", "s3://b/p/x", &remote, &error);
        expect.assert_eq(&format!("{} {error}", error.code));
    }

    fn source(text: &str) -> Box<dyn std::error::Error + Send + Sync> {
        text.to_owned().into()
    }

    #[test]
    fn a_refusal_is_a_code_and_repeats_no_key() {
        let body = "Server returned non-2xx status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIASECRET</AWSAccessKeyId></Error>";
        check(
            object_store::Error::PermissionDenied { path: "x".into(), source: source(body) },
            expect![[r#"
                69 error: not allowed to read `s3://b/p/x`: the store answers 403 SignatureDoesNotMatch
                hint: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or AWS_SKIP_SIGNATURE=true for a public bucket"#]],
        );
    }

    #[test]
    fn every_trouble_has_its_code_and_a_way_out() {
        let generic =
            |text: &str| object_store::Error::Generic { store: "S3", source: source(text) };
        let body = "Server returned non-2xx status code: 404 Not Found: <Code>NoSuchBucket</Code>";
        check(
            object_store::Error::NotFound { path: "x".into(), source: source(body) },
            expect![[r#"
                69 error: there is no bucket `b`, so `s3://b/p/x` is not there
                hint: create it, or name another one"#]],
        );
        check(
            generic("Server returned non-2xx status code: 503 Service Unavailable: "),
            expect![[r#"
                75 error: failed to read `s3://b/p/x`: 503
                hint: look at the network and the address of the store; the same command goes on where it stopped"#]],
        );
        check(
            generic(
                "Server returned non-2xx status code: 301 Moved Permanently: <Code>PermanentRedirect</Code>",
            ),
            expect![[r#"
                64 error: failed to read `s3://b/p/x`: the store answers 301 PermanentRedirect
                hint: look at the bucket, its region and the address of the store in the environment"#]],
        );
        check(
            generic("cannot reach https://a.blob/x?sv=1&sig=secret now"),
            expect![[r#"
                75 error: failed to read `s3://b/p/x`: cannot reach https://a.blob/x now
                hint: look at the network and the address of the store; the same command goes on where it stopped"#]],
        );
        check(
            generic("error sending request for url (http://169.254.169.254/latest/api/token)"),
            expect![[r#"
                69 error: failed to read `s3://b/p/x`: there are no credentials in the environment
                hint: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or AWS_SKIP_SIGNATURE=true for a public bucket"#]],
        );
    }
}
