//! What `kubectl` says on stderr, as one sentence with a way out.

use crate::error::{Error, exit};

/// The way out when nobody answers.
pub const CONNECTION: &str =
    "`kubectl cluster-info` must answer; kubernetes.context names the cluster";

/// A refusal that is known.
struct Refusal {
    /// One of these groups of words is in it, all of them.
    marks: &'static [&'static [&'static str]],
    code: u8,
    /// What comes before its own words; `PLACE` is where it happened.
    sentence: &'static str,
    hint: &'static str,
}

/// Known refusals, the more telling ones first.
const KNOWN: [Refusal; 11] = [
    Refusal {
        marks: &[&["no matches for kind"], &["doesn't have a resource type"]],
        code: exit::BACKEND,
        sentence: "the cluster does not know the kind, because its custom resource is not installed",
        hint: "ask an administrator to install JobSet, or write object = \"job\", which needs nothing",
    },
    Refusal {
        marks: &[&["failed calling webhook"]],
        code: exit::TRANSIENT,
        sentence: "a webhook of the cluster does not answer",
        hint: "try again; if it stays so, tell an administrator",
    },
    Refusal {
        marks: &[&["denied the request"]],
        code: exit::DECLARATION,
        sentence: "a rule of the cluster refuses what the cluster file asks for",
        hint: "change [kubernetes] accordingly",
    },
    Refusal {
        marks: &[
            &["error: context", "does not exist"],
            &["no context exists"],
            &["context was not found"],
        ],
        code: exit::DECLARATION,
        sentence: "kubectl has no such context",
        hint: "`kubectl config get-contexts` lists them",
    },
    Refusal {
        marks: &[&["Unauthorized"], &["must be logged in"], &["getting credentials"]],
        code: exit::BACKEND,
        sentence: "the cluster does not know who asks",
        hint: "log in again, as the cluster's documentation says",
    },
    Refusal {
        marks: &[
            &["was refused"],
            &["connection refused"],
            &["Unable to connect"],
            &["no such host"],
            &["no route to host"],
            &["i/o timeout"],
            &["TLS handshake timeout"],
            &["deadline exceeded"],
            &["x509:"],
            &["no configuration has been provided"],
        ],
        code: exit::BACKEND,
        sentence: "the cluster cannot be reached",
        hint: CONNECTION,
    },
    Refusal {
        marks: &[&["exceeded quota"]],
        code: exit::TRANSIENT,
        sentence: "the quota of PLACE is used up",
        hint: "wait, ask for less, or for more quota",
    },
    Refusal {
        marks: &[&["namespaces \"", "not found"]],
        code: exit::DECLARATION,
        sentence: "there is no PLACE",
        hint: "name one that there is: kubernetes.namespace",
    },
    Refusal {
        marks: &[&["(Forbidden)"], &["is forbidden"]],
        code: exit::BACKEND,
        sentence: "the cluster forbids it in PLACE",
        hint: "name a namespace of yours, kubernetes.namespace, or ask for the right",
    },
    Refusal {
        marks: &[&["(AlreadyExists)"], &["(Conflict)"], &["field is immutable"]],
        code: exit::TRANSIENT,
        sentence: "there is already one of that name in PLACE",
        hint: "wait until it is gone, or end it with `knowcoder cancel RUN --now`",
    },
    Refusal {
        marks: &[
            &["is invalid"],
            &["ValidationError"],
            &["strict decoding error"],
            &["(BadRequest)"],
        ],
        code: exit::DECLARATION,
        sentence: "the cluster refuses what the cluster file asks for",
        hint: "change [kubernetes] accordingly",
    },
];

/// What `errors` of `kubectl VERB` means; none where it said nothing.
pub fn sentence(verb: &str, place: &str, errors: &str) -> Option<Error> {
    let said = last_words(errors)?;
    let fits =
        |it: &&Refusal| it.marks.iter().any(|group| group.iter().all(|mark| errors.contains(mark)));
    let error = match KNOWN.iter().find(fits) {
        Some(Refusal { code, sentence, hint, .. }) => {
            let sentence = sentence.replace("PLACE", place);
            Error::new(*code, format!("{sentence}: {said}")).hint(*hint)
        }
        None => {
            let message = format!("`kubectl {verb}` failed in {place}: {said}");
            Error::new(exit::TRANSIENT, message)
                .hint("the manifests are in RUN/submit/ for trying by hand")
        }
    };
    Some(error)
}

/// The last line that is neither a log line of the client's nor a warning, without what it begins with.
fn last_words(errors: &str) -> Option<String> {
    let is_log = |line: &str| {
        line.starts_with(['E', 'W', 'I', 'F'])
            && line.get(1..5).is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()))
    };
    let is_noise = |line: &str| {
        is_log(line) || line.starts_with("Warning:") || line.starts_with("ensure CRDs")
    };
    let line = errors.lines().map(str::trim).rfind(|line| !line.is_empty() && !is_noise(line))?;
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let line = line.strip_prefix("Error from server").unwrap_or(line);
    Some(line.trim_start_matches([':', ' ']).to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What is made of words on stderr.
    fn check(errors: &str, code: u8, part: &str) {
        let error = sentence("apply", "namespace `ml`", errors).unwrap();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(part), "{error}");
        assert!(error.hint.is_some() && !error.message.contains('\n'), "{error}");
    }

    #[test]
    fn what_is_missing() {
        check(
            "error: resource mapping not found for name: \"x\" namespace: \"\" from \"j\": no matches for kind \"JobSet\" in version \"jobset.x-k8s.io/v1alpha2\"\nensure CRDs are installed first\n",
            69,
            "not installed: resource mapping not found",
        );
        check(
            "error: the server doesn't have a resource type \"jobsets\"\n",
            69,
            "not installed: the server doesn't have a resource type",
        );
        check(
            "error: context \"prod\" does not exist",
            64,
            "no such context: context \"prod\" does not exist",
        );
        check(
            "Error from server (NotFound): error when creating \"job.json\": namespaces \"ml\" not found",
            64,
            "there is no namespace `ml`",
        );
    }

    #[test]
    fn who_cannot_be_reached() {
        check(
            "E1123 13:09:40.455721   18793 memcache.go:265] \"Unhandled Error\" err=\"couldn't get\"\nThe connection to the server localhost:8080 was refused - did you specify the right host or port?\n",
            69,
            "cannot be reached: The connection to the server localhost:8080 was refused",
        );
        check(
            "error: error validating \"STDIN\": error validating data: failed to download openapi: Get \"http://localhost:8080/openapi/v2?timeout=2s\": dial tcp 127.0.0.1:8080: connect: connection refused; if you choose to ignore these errors, turn validation off with --validate=false",
            69,
            "cannot be reached",
        );
        check(
            "Unable to connect to the server: dial tcp: lookup api.example.org: no such host",
            69,
            "cannot be reached",
        );
        check("error: You must be logged in to the server (Unauthorized)", 69, "who asks");
    }

    #[test]
    fn what_is_refused() {
        check(
            "Error from server (Forbidden): jobsets.jobset.x-k8s.io is forbidden: User \"ann\" cannot create resource \"jobsets\" in API group \"jobset.x-k8s.io\" in the namespace \"ml\"",
            69,
            "forbids it in namespace `ml`: (Forbidden)",
        );
        check(
            "Error from server (Forbidden): jobs.batch \"x\" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, used: 5, limited: 5",
            75,
            "quota of namespace `ml` is used up",
        );
        check(
            "Error from server: admission webhook \"images.example.org\" denied the request: only images of registry.example.org",
            64,
            "asks for: admission webhook \"images.example.org\" denied the request: only images",
        );
        check(
            "The Job \"x\" is invalid: spec.template: Invalid value: field is immutable",
            75,
            "there is already one of that name",
        );
        check("The Job \"x\" is invalid: spec.completions: Required value", 64, "spec.completions");
        check("something new", 75, "failed in namespace `ml`: something new");
        assert_eq!(sentence("apply", "x", "\nWarning: old\n"), None);
    }
}
