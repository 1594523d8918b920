//! Words as a shell reads them, for commands that people paste and for scripts.

use std::path::Path;

/// `word` as it is where every shell takes it so, and within quotes elsewhere.
pub fn word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-=:@%+,".contains(letter);
    // `=x` is a path to some shells.
    if !word.is_empty() && !word.starts_with('=') && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A path as a person would type it here.
pub fn path(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let shown = match path.strip_prefix(&here) {
        Ok(below) if !below.as_os_str().is_empty() => below,
        _ => path,
    };
    match shown.display().to_string() {
        // What begins with a dash would be an option.
        text if text.starts_with('-') => word(&format!("./{text}")),
        text => word(&text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::Command;

    #[test]
    fn words_survive_a_shell() {
        let odd =
            ["", "it's", "dé tach 'q' \"d\" $HOME `id`", "a;b|c&d", "~", "*", "=x", "a\nb", "'"];
        for given in odd {
            let line = format!("printf %s {}", word(given));
            let output = Command::new("sh").args(["-c", &line]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), given, "{line}");
            assert_ne!(word(given), given);
        }
        for plain in ["runs/first-1.2", "détaché", "a:b@c=d,e+f%g"] {
            assert_eq!(word(plain), plain);
        }
    }

    #[test]
    fn paths_below_here_are_short() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(path(&here.join("runs/one")), "runs/one");
        assert_eq!(path(&here.join("a b")), "'a b'");
        assert_eq!(path(&here.join("-x")), "./-x");
        assert_eq!(path(Path::new("/no/such")), "/no/such");
        assert_eq!(path(&here), word(&here.display().to_string()));
    }
}
