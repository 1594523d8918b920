//! Which requests are let in.
//!
//! A token, where there is one, is compared in a time that does not depend on where it differs. Without one,
//! only programs of this machine should ask, but a page of any site that is open in a browser here may try to,
//! under a name of its own that leads to this machine: so the host that a request names must be an address or
//! the name that is served. And a body must be called JSON, which a page of another site may not send without
//! asking first; nobody answers that question.

use super::failure::Failure;
use axum::http::{HeaderMap, StatusCode, header};
use std::net::IpAddr;

/// What requests must show.
pub struct Guard {
    token: Option<String>,
    host: String,
}

impl Guard {
    /// Lets in who shows `token`, or, where there is none, who names `host` or an address.
    pub fn new(token: Option<String>, host: String) -> Self {
        Self { token, host }
    }

    /// Whether a request is let in.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Failure> {
        match &self.token {
            Some(token) => check_token(token, headers),
            None => self.check_host(headers),
        }
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), Failure> {
        // HTTP/1.0 names none.
        let Some(host) = headers.get(header::HOST) else { return Ok(()) };
        let name = name(host.to_str().unwrap_or_default());
        let is_known = name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || name.eq_ignore_ascii_case(&self.host);
        if is_known {
            return Ok(());
        }
        let message =
            "the request names a host that is not served here; ask by address, or as localhost";
        Err(Failure::new(StatusCode::FORBIDDEN, message).code("host"))
    }
}

/// The name of `name:port`.
fn name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn check_token(token: &str, headers: &HeaderMap) -> Result<(), Failure> {
    let shown = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let shown = shown.and_then(|value| match value.split_at_checked(7) {
        Some((scheme, shown)) if scheme.eq_ignore_ascii_case(b"bearer ") => Some(shown),
        _ => None,
    });
    let wrong = |message: &str| {
        Err(Failure::new(StatusCode::UNAUTHORIZED, message).code("invalid_api_key"))
    };
    match shown {
        Some(shown) if same(shown, token.as_bytes()) => Ok(()),
        Some(_) => wrong("the token is not the one that this server was started with"),
        None => wrong("a token is needed: `Authorization: Bearer TOKEN`"),
    }
}

/// Whether two strings are the same, in a time that depends on their lengths only.
fn same(shown: &[u8], token: &[u8]) -> bool {
    let mut difference = u8::from(shown.len() != token.len());
    for (place, byte) in token.iter().enumerate() {
        let other = shown.get(place).copied().unwrap_or(0);
        // Not to be decided early by the compiler either.
        difference |= std::hint::black_box(byte ^ other);
    }
    difference == 0
}

/// Whether a body is called JSON.
pub fn check_type(headers: &HeaderMap) -> Result<(), Failure> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!("the body is called `{essence}`; send `Content-Type: application/json`");
    Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn status(guard: &Guard, name: header::HeaderName, value: &'static str) -> Option<u16> {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        guard.check(&headers).err().map(|failure| failure.status.as_u16())
    }

    #[test]
    fn the_token_is_the_whole_token() {
        let guard = Guard::new(Some("secret".into()), "0.0.0.0".into());
        let check = |value| status(&guard, header::AUTHORIZATION, value);
        assert_eq!(check("Bearer secret"), None);
        assert_eq!(check("bearer secret"), None);
        for wrong in ["Bearer secre", "Bearer secrets", "Bearer ", "secret", "Basic secret", ""] {
            assert_eq!(check(wrong), Some(401), "{wrong}");
        }
        assert_eq!(guard.check(&HeaderMap::new()).err().map(|it| it.status.as_u16()), Some(401));
        assert_eq!(status(&guard, header::HOST, "evil.example"), Some(401));
    }

    #[test]
    fn without_a_token_pages_of_other_sites_cannot_ask() {
        let guard = Guard::new(None, "box.local".into());
        let check = |value| status(&guard, header::HOST, value);
        for host in ["127.0.0.1:8765", "[::1]:8765", "localhost", "LOCALHOST:1", "box.local:80"] {
            assert_eq!(check(host), None, "{host}");
        }
        for host in ["evil.example:8765", "localhost.evil.example", "box.local.evil"] {
            assert_eq!(check(host), Some(403), "{host}");
        }
        let kind = |value| {
            let value = HeaderValue::from_static(value);
            check_type(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)])).is_ok()
        };
        assert!(kind("application/json") && kind("Application/JSON; charset=utf-8"));
        assert!(!kind("text/plain") && check_type(&HeaderMap::new()).is_err());
    }
}
