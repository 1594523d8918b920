//! Secrets that stand where everybody can read them: in a line of shell of a cluster file.

/// Parts of names of variables that hold what nobody else should read.
const SECRETS: [&str; 9] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
];

/// Whether a variable holds what nobody else should read, by its name.
pub fn is_secret(name: &str) -> bool {
    // What cuts text into tokens is none.
    let upper = name.to_ascii_uppercase().replace("TOKENIZER", "");
    SECRETS.iter().any(|part| upper.contains(part))
}

/// The variable that a line of shell gives a secret as it stands; what is read from a file, a program or another
/// variable is none.
pub fn secret_in(line: &str) -> Option<&str> {
    // What follows a mark is a comment, where it begins a word.
    let words = line.split([' ', '\t', ';', '&', '|', '(', ')']);
    words.take_while(|word| !word.starts_with('#')).find_map(|word| {
        let (name, value) = word.split_once('=')?;
        let name = name.trim_start_matches(['"', '\'']).trim_end_matches('+');
        let is_name = !name.is_empty()
            && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
            && !name.starts_with(|it: char| it.is_ascii_digit());
        let value = value.trim_matches(['"', '\'']);
        // A path leads to it, and numbers and switches are none.
        let is_harmless = value.is_empty()
            || value.starts_with(['$', '`', '/', '~', '.'])
            || value.chars().all(|it| it.is_ascii_digit())
            || ["true", "false"].contains(&value);
        (is_name && is_secret(name) && !is_harmless).then_some(name)
    })
}
