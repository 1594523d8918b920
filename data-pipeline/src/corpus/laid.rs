//! Tokens laid onto the untouched text they were cut from, so that a sentence keeps its own spacing,
//! which matters most where the language writes none.

/// The characters of each token in `text`: tokens follow each other with at most white space between
/// them, and nothing but white space is left over.
///
/// The error is a sentence and the token that it is about.
pub(crate) fn places(tokens: &[&str], text: &str) -> Result<Vec<(usize, usize)>, (usize, String)> {
    let mut rest = text;
    let mut at = 0;
    let mut places = Vec::with_capacity(tokens.len());
    for (index, token) in tokens.iter().enumerate() {
        let trimmed = rest.trim_start();
        at += rest[..rest.len() - trimmed.len()].chars().count();
        rest = trimmed.strip_prefix(token).filter(|_| !token.is_empty()).ok_or_else(|| {
            let found: String = trimmed.chars().take(token.chars().count().max(8)).collect();
            let message =
                format!("token `{token}` is not what the text holds at character {at}: `{found}`");
            (index, message)
        })?;
        let length = token.chars().count();
        places.push((at, at + length));
        at += length;
    }
    if !rest.trim().is_empty() {
        let found: String = rest.trim().chars().take(12).collect();
        let message = format!("no token stands for the end of the text, `{found}`");
        return Err((tokens.len().saturating_sub(1), message));
    }
    Ok(places)
}
