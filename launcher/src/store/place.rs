//! What a path on the command line means: a folder, or a part of a bucket.

use super::Objects;
use super::folder::Folder;
use crate::error::{Error, exit};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where things lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    Folder(PathBuf),
    /// In an object store.
    Remote(Remote),
}

/// A part of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Whose bucket.
    pub service: Service,
    /// The bucket, which Azure calls a container.
    pub bucket: String,
    /// What the keys of all its objects begin with, without a `/` at either end; may be empty.
    pub prefix: String,
}

/// Who keeps buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Amazon S3, and everybody who speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
}

impl Service {
    /// What its paths begin with.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Az => "az",
        }
    }

    /// The settings that say at which server a bucket is, the strongest first: buckets of one name
    /// at two servers have nothing in common.
    fn servers(self) -> &'static [&'static str] {
        match self {
            Self::S3 => {
                &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_DEFAULT_ENDPOINT"]
            }
            Self::Gs => &["GOOGLE_BASE_URL"],
            Self::Az => &["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "AZURE_STORAGE_ACCOUNT_NAME"],
        }
    }

    /// What to look at when it lets nobody in.
    #[cfg(feature = "object-store")]
    pub fn credentials(self) -> &'static str {
        match self {
            Self::S3 => {
                "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or AWS_SKIP_SIGNATURE=true for a public bucket"
            }
            Self::Gs => "set GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS",
            Self::Az => "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        }
    }
}

impl Place {
    /// What `path` names.
    pub fn of(path: &Path) -> Result<Self, Error> {
        let Some((scheme, rest)) = path.to_str().and_then(|text| text.split_once("://")) else {
            return Ok(Self::Folder(path.to_owned()));
        };
        let service = match scheme {
            "s3" => Service::S3,
            "gs" => Service::Gs,
            "az" => Service::Az,
            "file" => return Ok(Self::Folder(PathBuf::from(rest))),
            _ => {
                let message = format!("`{scheme}://` is no place that is known");
                let hint = "a place is a folder, or begins with s3://, gs:// or az://";
                return Err(Error::new(exit::DECLARATION, message).hint(hint));
            }
        };
        Ok(Self::Remote(Remote::new(service, rest)?))
    }

    /// Whether it is in an object store.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }

    /// What is in it; nothing is asked for yet.
    pub fn open(&self) -> Result<Box<dyn Objects>, Error> {
        match self {
            Self::Folder(path) => Ok(Box::new(Folder::new(path))),
            Self::Remote(remote) => remote.open(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Remote(remote) => remote.fmt(f),
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.service.scheme(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl Remote {
    fn new(service: Service, rest: &str) -> Result<Self, Error> {
        let scheme = service.scheme();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let wrong = |message: String| {
            let hint = format!("write {scheme}://BUCKET/FOLDER");
            Err(Error::new(exit::DECLARATION, message).hint(hint))
        };
        if bucket.contains(['@', ':']) {
            // What stands there may be a key: it is not repeated.
            return wrong(format!(
                "a path `{scheme}://…` holds neither credentials nor a port; both come from the environment"
            ));
        }
        if bucket.is_empty() {
            return wrong(format!("`{scheme}://{rest}` names no bucket"));
        }
        let prefix = prefix.trim_end_matches('/');
        let is_odd = |part: &str| matches!(part, "" | "." | "..");
        if !prefix.is_empty() && prefix.split('/').any(is_odd) {
            return wrong(format!("`{scheme}://{rest}` has a part that is empty, `.` or `..`"));
        }
        Ok(Self { service, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The whole key of an object.
    #[cfg(any(test, feature = "object-store"))]
    pub fn key(&self, key: &str) -> String {
        match (self.prefix.as_str(), key) {
            (prefix, "") => prefix.to_owned(),
            (prefix, key) => super::join(prefix, key),
        }
    }

    /// Where its objects lie in a cache: no two places share a file.
    pub fn folder(&self) -> PathBuf {
        self.folder_at(self.service.servers().iter().find_map(|name| std::env::var(name).ok()))
    }

    fn folder_at(&self, server: Option<String>) -> PathBuf {
        let server = server.filter(|server| !server.is_empty());
        let server = server.unwrap_or_else(|| "default".to_owned());
        // A name and a password before the host are nobody's business.
        let server = server.rsplit_once('@').map_or(server.as_str(), |(_, host)| host);
        let server = server.split_once("://").map_or(server, |(_, host)| host);
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let server: String =
            server.chars().map(|letter| if allowed(letter) { letter } else { '-' }).collect();
        Path::new(self.service.scheme()).join(server).join(&self.bucket).join(&self.prefix)
    }

    #[cfg(feature = "object-store")]
    fn open(&self) -> Result<Box<dyn Objects>, Error> {
        Ok(Box::new(super::bucket::Bucket::open(self)?))
    }

    #[cfg(not(feature = "object-store"))]
    fn open(&self) -> Result<Box<dyn Objects>, Error> {
        let message =
            format!("`{self}` is in an object store, which this program was built without");
        Err(Error::new(exit::BACKEND, message)
            .hint("build it with: cargo build --release --features object-store"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::{Expect, expect};

    fn check(path: &str, expect: Expect) {
        let shown = match Place::of(Path::new(path)) {
            Ok(Place::Folder(path)) => format!("folder {}", path.display()),
            Ok(Place::Remote(remote)) => format!("{remote} | {}", remote.key("a/b")),
            Err(error) => format!("{} {error}", error.code),
        };
        expect.assert_eq(&shown);
    }

    #[test]
    fn a_place_is_a_folder_or_a_part_of_a_bucket() {
        check("data", expect!["folder data"]);
        check("/data/a:b", expect!["folder /data/a:b"]);
        check("file:///data", expect!["folder /data"]);
        check("s3://bucket", expect!["s3://bucket | a/b"]);
        check("s3://bucket/", expect!["s3://bucket | a/b"]);
        check("gs://bucket/corpora/v2/", expect!["gs://bucket/corpora/v2 | corpora/v2/a/b"]);
        check("az://container/x", expect!["az://container/x | x/a/b"]);
    }

    #[test]
    fn what_is_no_place_is_refused_and_no_key_is_repeated() {
        check(
            "https://bucket/x",
            expect![[r#"
                64 error: `https://` is no place that is known
                hint: a place is a folder, or begins with s3://, gs:// or az://"#]],
        );
        check(
            "s3:///x",
            expect![[r#"
                64 error: `s3:///x` names no bucket
                hint: write s3://BUCKET/FOLDER"#]],
        );
        check(
            "s3://bucket/a//b",
            expect![[r#"
                64 error: `s3://bucket/a//b` has a part that is empty, `.` or `..`
                hint: write s3://BUCKET/FOLDER"#]],
        );
        check(
            "s3://bucket/a/../b",
            expect![[r#"
                64 error: `s3://bucket/a/../b` has a part that is empty, `.` or `..`
                hint: write s3://BUCKET/FOLDER"#]],
        );
        check(
            "s3://AKIA:secret@bucket/x",
            expect![[r#"
                64 error: a path `s3://…` holds neither credentials nor a port; both come from the environment
                hint: write s3://BUCKET/FOLDER"#]],
        );
    }

    #[test]
    fn buckets_of_one_name_at_two_servers_share_no_file() {
        let Place::Remote(remote) = Place::of(Path::new("s3://bucket/x")).unwrap() else {
            panic!("a bucket is remote")
        };
        for (server, expected) in [
            (None, "s3/default/bucket/x"),
            (Some(""), "s3/default/bucket/x"),
            (Some("http://127.0.0.1:9000"), "s3/127.0.0.1-9000/bucket/x"),
            (Some("https://me:secret@host/path"), "s3/host-path/bucket/x"),
        ] {
            assert_eq!(remote.folder_at(server.map(str::to_owned)), Path::new(expected));
        }
    }

    #[test]
    #[cfg(not(feature = "object-store"))]
    fn a_program_without_object_stores_says_how_to_build_one_with_them() {
        let error = Place::of(Path::new("s3://bucket/x")).unwrap().open().err().unwrap();
        expect![[r#"
            error: `s3://bucket/x` is in an object store, which this program was built without
            hint: build it with: cargo build --release --features object-store"#]]
        .assert_eq(&error.to_string());
        assert_eq!(error.code, exit::BACKEND);
    }
}
