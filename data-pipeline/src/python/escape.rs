//! String literals and names in the dialect `python`, both ways.
//!
//! # Names
//! A schema or corpus may use a name that Python does not allow. It is written so that it can be
//! read back:
//! - a character that may not stand there becomes `_0xHEX_`: `TV show` is `TV_0x20_show`,
//!   `3D` is `_0x33_D`; the empty name is `_0x_`;
//! - an underscore before a literal `0x` becomes `_0x5f_`, so that no plain name looks mangled;
//! - a keyword, `self` and `trigger` get one more underscore: `from` is `from_`, `from_` is
//!   `from__`.

use std::borrow::Cow;
use std::fmt::Write;
use unicode_ident::{is_xid_continue, is_xid_start};

/// What a class or role cannot be called: keywords, and the parameters that every event has.
const RESERVED: [&str; 38] = [
    "False",
    "None",
    "True",
    "__debug__",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "self",
    "trigger",
    "try",
    "while",
    "with",
    "yield",
];

/// The inside of a `"…"` literal that means `text`.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c == '"' || c == '\\' || c.is_control()) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            _ => push_escaped(&mut escaped, c),
        }
    }
    escaped.into()
}

/// `text` as one line of a docstring or comment: quotes stay where they do not end a docstring.
pub fn escape_line(text: &str) -> Cow<'_, str> {
    if text.contains("\"\"\"") {
        return escape(text);
    }
    if !text.contains(|c: char| c == '\\' || c.is_control()) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    text.chars().for_each(|c| push_escaped(&mut escaped, c));
    escaped.into()
}

/// `c`, or its escape where it would break a line or start another escape.
pub(crate) fn push_escaped(escaped: &mut String, c: char) {
    match c {
        '\\' => escaped.push_str("\\\\"),
        '\n' => escaped.push_str("\\n"),
        '\t' => escaped.push_str("\\t"),
        '\r' => escaped.push_str("\\r"),
        // All control characters lie below U+00A0: two digits are enough.
        c if c.is_control() => drop(write!(escaped, "\\x{:02x}", u32::from(c))),
        c => escaped.push(c),
    }
}

/// Reads the escape that follows a backslash at the start of `rest`: what it means, and how many
/// characters it takes; nothing if Python knows no such escape.
pub fn unescape(rest: &[char]) -> Option<(Option<char>, usize)> {
    let plain = |c| Some((Some(c), 1));
    let number = |skip: usize, digits: usize| {
        let text: String = rest.get(skip..skip + digits)?.iter().collect();
        let valid = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(&text, 16).ok().filter(|_| valid)?;
        Some((Some(char::from_u32(code)?), skip + digits))
    };
    match *rest.first()? {
        c @ ('\\' | '"' | '\'') => plain(c),
        'n' => plain('\n'),
        't' => plain('\t'),
        'r' => plain('\r'),
        'a' => plain('\x07'),
        'b' => plain('\x08'),
        'f' => plain('\x0c'),
        'v' => plain('\x0b'),
        'x' => number(1, 2),
        'u' => number(1, 4),
        'U' => number(1, 8),
        '0'..='7' => {
            let digits = rest.iter().take(3).take_while(|c| ('0'..='7').contains(*c)).count();
            let value = rest[..digits].iter().fold(0, |sum, c| sum * 8 + (*c as u32 - '0' as u32));
            Some((char::from_u32(value), digits))
        }
        '\n' => Some((None, 1)),
        _ => None,
    }
}

/// `name` as a Python identifier that is no keyword; the module's head has the rule.
pub fn mangle(name: &str) -> Cow<'_, str> {
    if name.is_empty() {
        return "_0x_".into();
    }
    let mut mangled = String::new();
    for (at, c) in name.char_indices() {
        let allowed = match c {
            '_' => !name[at + 1..].starts_with("0x"),
            c if at == 0 => is_xid_start(c),
            c => is_xid_continue(c),
        };
        match allowed {
            true => mangled.push(c),
            false => drop(write!(mangled, "_0x{:x}_", u32::from(c))),
        }
    }
    if is_reserved(&mangled) {
        mangled.push('_');
    }
    if mangled == name { name.into() } else { mangled.into() }
}

/// The name that [`mangle`] wrote; other names stay as they are.
pub fn unmangle(name: &str) -> Cow<'_, str> {
    let name = match name.strip_suffix('_') {
        Some(shorter) if is_reserved(shorter) => shorter,
        _ => name,
    };
    if !name.contains("_0x") {
        return name.into();
    }
    let (mut plain, mut rest) = (String::with_capacity(name.len()), name);
    while let Some(at) = rest.find("_0x") {
        plain.push_str(&rest[..at]);
        let digits = &rest[at + 3..];
        // At most six: every scalar value, and no long search for the closing underscore.
        let length = digits.bytes().take(7).take_while(u8::is_ascii_hexdigit).count();
        let code = match length {
            0 => Some(None),
            1..=6 => {
                u32::from_str_radix(&digits[..length], 16).ok().and_then(char::from_u32).map(Some)
            }
            _ => None,
        };
        match code.filter(|_| digits[length..].starts_with('_')) {
            Some(c) => {
                plain.extend(c);
                rest = &digits[length + 1..];
            }
            None => {
                plain.push_str("_0x");
                rest = digits;
            }
        }
    }
    plain.push_str(rest);
    plain.into()
}

/// Whether `name` is a reserved word, with any number of underscores behind it.
fn is_reserved(name: &str) -> bool {
    RESERVED
        .iter()
        .any(|word| name.strip_prefix(word).is_some_and(|rest| rest.bytes().all(|c| c == b'_')))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn check_name(name: &str, mangled: &str) {
        assert_eq!(mangle(name), mangled);
        assert_eq!(unmangle(mangled), name);
    }

    #[test]
    fn names_are_python_and_come_back() {
        check_name("Person", "Person");
        check_name("人物", "人物");
        check_name("military_unit", "military_unit");
        check_name("from", "from_");
        check_name("from_", "from__");
        check_name("trigger", "trigger_");
        check_name("match", "match");
        check_name("TV show", "TV_0x20_show");
        check_name("3D", "_0x33_D");
        check_name("", "_0x_");
        check_name("a_0x20_b", "a_0x5f_0x20_b");
        check_name("_0 x", "_0_0x20_x");
        check_name("__debug__", "__debug___");
        check_name("½", "_0xbd_");
    }

    #[test]
    fn foreign_names_are_left_alone() {
        for name in ["a_0xzz_", "_0x", "_0x110000_", "_0xd800_", "x_0x20", "_0x0000020_"] {
            assert_eq!(unmangle(name), name);
        }
    }

    #[test]
    fn strings_are_escaped_where_python_needs_it() {
        assert_eq!(escape("O\"Hara\\\n\t\r\0\u{7f}\u{85}人😀'"), {
            "O\\\"Hara\\\\\\n\\t\\r\\x00\\x7f\\x85人😀'"
        });
        assert_eq!(escape_line("see \"field\" \\ \n"), "see \"field\" \\\\ \\n");
        assert_eq!(escape_line("a \"\"\" b"), "a \\\"\\\"\\\" b");
    }

    proptest! {
        #[test]
        fn mangling_is_reversible(name in r"(\PC{0,6}|_|_0x|0x|[0-9a-f]{1,4}|from|self|trigger|__debug__){0,5}") {
            let mangled = mangle(&name);
            prop_assert_eq!(unmangle(&mangled), name.as_str());
            let valid = ruff_python_parser::parse_expression(&mangled)
                .is_ok_and(|parsed| parsed.expr().is_name_expr());
            prop_assert!(valid, "{}", mangled);
        }

        #[test]
        fn unmangling_never_fails(name in any::<String>()) {
            unmangle(&name);
        }
    }
}
