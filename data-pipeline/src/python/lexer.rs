//! An answer of the dialect `python` cut into names, strings and symbols.

use super::escape::unescape;
use super::read::{Answer, FlawKind, is_space, is_word};

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A run of letters, digits and underscores, as written.
    Name(String),
    /// A string, unescaped.
    Text {
        value: String,
        terminated: bool,
    },
    /// Any other character.
    Symbol(char),
    End,
}

/// The tokens with their positions; the last one is [`Token::End`].
pub(super) fn tokens(answer: &str, found: &mut Answer) -> Vec<(Token, usize)> {
    let chars: Vec<char> = answer.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        if is_space(c) {
            at += 1;
        } else if is_word(c) {
            at += chars[at..].iter().take_while(|c| is_word(**c)).count();
            tokens.push((Token::Name(chars[start..at].iter().collect()), start));
        } else if c == '"' || c == '\'' {
            let (token, end) = text(&chars, start, found);
            tokens.push((token, start));
            at = end;
        } else {
            at += 1;
            tokens.push((Token::Symbol(c), start));
        }
    }
    tokens.push((Token::End, at));
    tokens
}

/// The string literal that begins at `start`, and where it ends; a line break ends it too.
fn text(chars: &[char], start: usize, found: &mut Answer) -> (Token, usize) {
    let quote = chars[start];
    let (mut value, mut at) = (String::new(), start + 1);
    if quote == '\'' {
        found.flaw(start, FlawKind::SingleQuotes, "strings stand in double quotes");
    }
    while let Some(&c) = chars.get(at) {
        match c {
            c if c == quote => return (Token::Text { value, terminated: true }, at + 1),
            '\n' | '\r' => break,
            '\\' => match unescape(&chars[at + 1..]) {
                Some((meaning, length)) => {
                    value.extend(meaning);
                    at += 1 + length;
                }
                // As Python does: the backslash stands for itself.
                None => {
                    found.flaw(at, FlawKind::BadEscape, "a backslash that escapes nothing");
                    value.push('\\');
                    at += 1;
                }
            },
            c => {
                value.push(c);
                at += 1;
            }
        }
    }
    found.flaw(start, FlawKind::UnterminatedString, "the string has no end");
    (Token::Text { value, terminated: false }, at)
}
