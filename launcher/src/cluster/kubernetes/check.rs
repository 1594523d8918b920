//! What the API server would refuse, or run differently than meant, found before it is asked.

use super::{Kubernetes, Toleration, Volume};
use std::path::{Component, Path};

/// Variables of pods that are ours.
const OURS: [&str; 8] = [
    "JOB_COMPLETION_INDEX",
    "KNOWCODER_COORDINATOR",
    "KNOWCODER_SECRET",
    "KNOWCODER_RUN",
    "KNOWCODER_NODE",
    "KNOWCODER_NODES",
    "KNOWCODER_LEASE_SECONDS",
    "KNOWCODER_JOIN_SECONDS",
];

/// Words of a variable's name that only secrets have.
const SECRET_WORDS: [&str; 8] =
    ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "CREDENTIALS", "APIKEY"];

/// What tokens of well-known services begin with.
const SECRET_BEGINNINGS: [&str; 10] =
    ["hf_", "sk-", "ghp_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "AKIA", "eyJ", "-----BEGIN"];

/// The most pods that prepare data: each reads all of a corpus's names at least.
const MOST_SHARES: usize = 1000;

/// Refuses what cannot be meant.
pub fn section(section: &Kubernetes) -> Result<(), String> {
    let Kubernetes { image, port, grace_seconds, user, gpu, .. } = section;
    if image.trim().is_empty() {
        return Err("kubernetes.image is empty; it names the image that the pods run, such as \
                    `registry.example.org/knowcoder:0.1.0`"
            .to_owned());
    }
    if image.contains(char::is_whitespace) {
        return Err(format!("kubernetes.image is `{image}`; names of images have no spaces"));
    }
    if *port < 1024 {
        return Err(format!(
            "kubernetes.port is {port}; it must be at least 1024: the pods' user is not root"
        ));
    }
    if *user == Some(0) {
        return Err("kubernetes.user is 0; pods do not run as root".to_owned());
    }
    if !(1..=86_400).contains(grace_seconds) {
        return Err(format!(
            "kubernetes.grace_seconds is {grace_seconds}; it must be between 1 and 86400"
        ));
    }
    if section.prepare_shares > MOST_SHARES {
        return Err(format!(
            "kubernetes.prepare_shares is {}; it must be between 0 and {MOST_SHARES}",
            section.prepare_shares
        ));
    }
    if !is_qualified(gpu) {
        return Err(format!(
            "kubernetes.gpu is `{gpu}`; resources are named like `nvidia.com/gpu`"
        ));
    }
    names(section)?;
    quantities(section)?;
    volumes(&section.volumes)?;
    section.tolerations.iter().try_for_each(toleration)?;
    marks(section)?;
    variables(section)
}

/// Refuses a run that its pods could not see, or not write.
pub fn places(section: &Kubernetes, run_dir: &Path, data_root: &Path) -> Result<(), String> {
    let volume = volume_of(section, "run directory", run_dir)?;
    if volume.read_only {
        return Err(format!(
            "the run directory `{}` lies on the volume `{}`, which pods only read",
            run_dir.display(),
            volume.path
        ));
    }
    // An object store is reached from anywhere.
    if data_root.to_string_lossy().contains("://") {
        return Ok(());
    }
    volume_of(section, "data root", data_root).map(drop)
}

/// Refuses a file that pods could not see.
pub fn file(section: &Kubernetes, what: &str, path: &Path) -> Result<(), String> {
    volume_of(section, what, path).map(drop)
}

/// The innermost volume that `path` lies on.
fn volume_of<'a>(section: &'a Kubernetes, what: &str, path: &Path) -> Result<&'a Volume, String> {
    let holders = section.volumes.iter().filter(|volume| path.starts_with(&volume.path));
    holders.max_by_key(|volume| Path::new(&volume.path).components().count()).ok_or_else(|| {
        let paths: Vec<_> = section.volumes.iter().map(|it| format!("`{}`", it.path)).collect();
        let known = if paths.is_empty() { "there are none".to_owned() } else { paths.join(", ") };
        format!(
            "the {what} `{}` lies on none of kubernetes.volumes ({known}); pods could not see it",
            path.display()
        )
    })
}

fn names(section: &Kubernetes) -> Result<(), String> {
    let named = [
        ("namespace", &section.namespace),
        ("queue", &section.queue),
        ("service_account", &section.service_account),
    ];
    for (key, value) in named {
        if let Some(value) = value.as_deref().filter(|value| !is_label(value)) {
            return Err(not_a_name(key, value));
        }
    }
    Ok(())
}

fn quantities(section: &Kubernetes) -> Result<(), String> {
    let shared = Some(&section.shared_memory);
    let given = [
        ("cpu", section.cpu.as_ref()),
        ("memory", section.memory.as_ref()),
        ("shared_memory", shared),
    ];
    for (key, value) in given {
        if let Some(value) = value.filter(|value| !is_quantity(value)) {
            return Err(format!(
                "kubernetes.{key} is `{value}`; quantities are numbers such as `8`, `500m`, `64Gi` or `1.5Ti`"
            ));
        }
    }
    Ok(())
}

fn volumes(volumes: &[Volume]) -> Result<(), String> {
    for (index, Volume { claim, path, .. }) in volumes.iter().enumerate() {
        if !is_subdomain(claim) {
            return Err(not_a_name("volumes.claim", claim));
        }
        let place = Path::new(path);
        let climbs = place.components().any(|part| part == Component::ParentDir);
        if !place.is_absolute() || climbs || path.contains(':') {
            return Err(format!(
                "kubernetes.volumes: `{path}` is no absolute path without `:` and `..`"
            ));
        }
        if place == Path::new("/") || place.starts_with("/dev") {
            return Err(format!("kubernetes.volumes: nothing can lie at `{path}` of a pod"));
        }
        if let Some(other) = volumes[..index].iter().find(|it| Path::new(&it.path) == place) {
            return Err(format!(
                "kubernetes.volumes: two claims lie at `{}`; a path can hold one of them",
                other.path
            ));
        }
    }
    Ok(())
}

fn toleration(toleration: &Toleration) -> Result<(), String> {
    let known = |what: &str, given: &Option<String>, known: &[&str]| match given.as_deref() {
        Some(given) if !known.contains(&given) => Err(format!(
            "kubernetes.tolerations: {what} `{given}` is unknown; known are: {}",
            known.join(", ")
        )),
        _ => Ok(()),
    };
    known("operator", &toleration.operator, &["Equal", "Exists"])?;
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    known("effect", &toleration.effect, &effects)?;
    let exists = toleration.operator.as_deref() == Some("Exists");
    if toleration.key.is_none() && !exists {
        return Err(
            "kubernetes.tolerations: one without a key needs operator = \"Exists\"".to_owned()
        );
    }
    if exists && toleration.value.is_some() {
        return Err(
            "kubernetes.tolerations: with operator = \"Exists\" no value counts; leave it out"
                .to_owned(),
        );
    }
    if toleration.seconds.is_some() && toleration.effect.as_deref() != Some("NoExecute") {
        return Err(
            "kubernetes.tolerations: seconds count with effect = \"NoExecute\" only".to_owned()
        );
    }
    Ok(())
}

/// Labels, annotations and the node selector.
fn marks(section: &Kubernetes) -> Result<(), String> {
    let Kubernetes { labels, annotations, node_selector, .. } = section;
    for (what, marks) in
        [("labels", labels), ("annotations", annotations), ("node_selector", node_selector)]
    {
        if let Some(name) = marks.keys().find(|name| !is_qualified(name)) {
            return Err(format!(
                "kubernetes.{what}: `{name}` is no name such as `team` or `example.org/team`"
            ));
        }
        let values = marks.iter().filter(|_| what != "annotations");
        if let Some((name, value)) = values.into_iter().find(|(_, value)| !is_label_value(value)) {
            return Err(format!(
                "kubernetes.{what}.{name} is `{value}`; values there have at most 63 letters, digits, `-`, `_` and `.`"
            ));
        }
        if let Some(name) =
            marks.keys().find(|name| what != "node_selector" && name.starts_with("knowcoder/"))
        {
            return Err(format!("kubernetes.{what}: `{name}` is set by knowcoder itself"));
        }
    }
    Ok(())
}

fn variables(section: &Kubernetes) -> Result<(), String> {
    let Kubernetes { env, secrets, .. } = section;
    let all = env.keys().chain(secrets.iter().map(|it| &it.name));
    let names: Vec<(&str, &String)> = all
        .enumerate()
        .map(|(at, name)| (if at < env.len() { "env" } else { "secrets" }, name))
        .collect();
    for (index, (key, name)) in names.iter().enumerate() {
        let is_name = name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
            && !name.is_empty()
            && !name.starts_with(|it: char| it.is_ascii_digit());
        if !is_name {
            return Err(format!(
                "kubernetes.{key}: `{name}` is no name of a variable; they have letters, digits and `_`"
            ));
        }
        if OURS.contains(&name.as_str()) {
            return Err(format!("kubernetes.{key}: `{name}` is set by knowcoder itself"));
        }
        if names[..index].iter().any(|(_, before)| before == name) {
            return Err(format!("kubernetes.{key}: `{name}` is given twice"));
        }
    }
    if let Some((name, _)) = env.iter().find(|(name, value)| looks_secret(name, value)) {
        return Err(format!(
            "kubernetes.env.{name} looks like a secret, which must not lie in files; keep it in a Secret of the \
             namespace and write secrets = [{{ name = \"{name}\", secret = \"NAME\", key = \"KEY\" }}]"
        ));
    }
    for it in secrets {
        if !is_subdomain(&it.secret) {
            return Err(not_a_name("secrets.secret", &it.secret));
        }
        let is_key = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
        if it.key.is_empty() || !it.key.chars().all(is_key) {
            return Err(format!("kubernetes.secrets: `{}` is no key of a secret", it.key));
        }
    }
    Ok(())
}

/// Whether `value` is one that must not be read by everybody who may see the pods.
fn looks_secret(name: &str, value: &str) -> bool {
    if SECRET_BEGINNINGS.iter().any(|beginning| value.starts_with(beginning)) {
        return true;
    }
    // `scheme://user:password@host`
    let user = value.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
    if user.and_then(|it| it.split_once('@')).is_some_and(|(user, _)| user.contains(':')) {
        return true;
    }
    // A path leads to the secret, and numbers and switches are none.
    let harmless = value.is_empty()
        || value.starts_with('/')
        || value.chars().all(|it| it.is_ascii_digit())
        || ["true", "false"].contains(&value);
    let upper = name.to_ascii_uppercase();
    let is_secret = upper.split('_').any(|word| SECRET_WORDS.contains(&word))
        || upper.ends_with("_KEY")
        || upper.contains("ACCESS_KEY");
    !harmless && is_secret
}

fn not_a_name(key: &str, value: &str) -> String {
    format!(
        "kubernetes.{key} is `{value}`; names there have at most 63 letters a-z, digits and `-`, and begin and end \
         with a letter or digit"
    )
}

/// A label of RFC 1123.
fn is_label(name: &str) -> bool {
    let is_inside = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(is_inside)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Labels of RFC 1123 with dots between them.
fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// A name with or without a domain in front.
fn is_qualified(name: &str) -> bool {
    match name.split_once('/') {
        Some((domain, name)) => is_subdomain(domain) && !name.is_empty() && is_label_value(name),
        None => !name.is_empty() && is_label_value(name),
    }
}

fn is_label_value(value: &str) -> bool {
    let is_inside = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
    let is_edge = |it: char| it.is_ascii_alphanumeric();
    value.is_empty()
        || value.len() <= 63
            && value.chars().all(is_inside)
            && value.starts_with(is_edge)
            && value.ends_with(is_edge)
}

/// A positive number with one of the API's suffixes.
fn is_quantity(text: &str) -> bool {
    let end = text.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let suffixes = ["", "m", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi"];
    number.parse::<f64>().is_ok_and(|number| number > 0.0) && suffixes.contains(&suffix)
}
