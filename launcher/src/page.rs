//! HTML pages: a single file each, without a request to anywhere.
//!
//! The content policy of a page forbids requests, and every script but the page's own, which it knows by
//! its hash: so a page opens from a disk, a mail or an artefact store in ten years, whatever text of others
//! it shows. Most pages have no script; those that have one say everything without it too.

pub mod corpora;
mod histogram;
pub mod html;
pub mod rows;

use html::escape;
use sha2::{Digest, Sha256};

/// What stands on a page.
pub struct Page {
    /// The title of the window.
    pub title: String,
    /// What stands above everything; HTML.
    pub header: String,
    /// The sections; those without a body are left out.
    pub sections: Vec<Section>,
    /// Rules beside those of every page; CSS.
    pub style: &'static str,
    /// What the page can do beside being read; JavaScript, and nothing on most pages.
    pub script: &'static str,
    /// Said where no section has a body.
    pub empty: &'static str,
}

/// A part of a page with its heading.
pub struct Section {
    /// What links point at.
    pub id: String,
    /// The heading.
    pub title: String,
    /// HTML.
    pub body: String,
}

impl Section {
    /// A section.
    pub fn new(id: impl Into<String>, title: impl Into<String>, body: String) -> Self {
        Self { id: id.into(), title: title.into(), body }
    }
}

impl Page {
    /// The whole file.
    pub fn to_html(&self) -> String {
        let there = || self.sections.iter().filter(|section| !section.body.is_empty());
        let links: String = there()
            .map(|Section { id, title, .. }| format!("<a href=\"#{id}\">{}</a>", escape(title)))
            .collect();
        let mut bodies: String = there()
            .map(|Section { id, title, body }| {
                format!("<section id=\"{id}\"><h2>{}</h2>{body}</section>\n", escape(title))
            })
            .collect();
        if bodies.is_empty() {
            bodies = format!("<p class=\"note\">{}</p>", self.empty);
        }
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" \
             content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{title} · knowcoder</title>\n\
             <style>\n{base}{style}</style>\n</head>\n<body>\n{header}<nav>{links}</nav>\n<main>\n\
             {bodies}</main>\n<footer>knowcoder {version}</footer>\n{script}</body>\n</html>\n",
            policy = self.policy(),
            script = self.script_element(),
            title = escape(&self.title),
            base = include_str!("page/style.css"),
            style = self.style,
            header = self.header,
            version = env!("CARGO_PKG_VERSION"),
        )
    }

    /// Leave for the page's own script, and for no other.
    fn policy(&self) -> String {
        if self.script.is_empty() {
            return String::new();
        }
        format!("; script-src 'sha256-{}'", base64(&Sha256::digest(self.script)))
    }

    fn script_element(&self) -> String {
        match self.script {
            "" => String::new(),
            script => format!("<script>{script}</script>\n"),
        }
    }
}

/// Bytes as content policies write hashes (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3)
            .fold(0u32, |bits, at| (bits << 8) | three.get(at).map_or(0, |it| u32::from(*it)));
        for at in 0..4 {
            if at <= three.len() {
                text.push(char::from(SIGNS[(bits >> (18 - 6 * at)) as usize & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// What a page is, its name, and facts about it: labels and values, which are text.
pub fn header(eyebrow: &str, name: &str, facts: &[(&str, String)], tiles: &str) -> String {
    let facts: String = facts
        .iter()
        .map(|(label, value)| {
            format!("<div><dt>{label}</dt><dd dir=\"auto\">{}</dd></div>", escape(value))
        })
        .collect();
    format!(
        "<header>\n<p class=\"eyebrow\">{eyebrow}</p>\n<h1 dir=\"auto\">{}</h1>\n\
         <dl class=\"facts\">{facts}</dl>\n<div class=\"tiles\">{tiles}</div>\n</header>\n",
        escape(name)
    )
}

/// A number to read first; all three are text.
pub fn tile(label: &str, value: &str, note: &str) -> String {
    format!(
        "<div class=\"tile\"><span>{}</span><strong>{}</strong><small>{}</small></div>",
        escape(label),
        escape(value),
        escape(note)
    )
}

/// What must be true of every page, whatever stands on it.
#[cfg(test)]
pub fn assert_sound(page: &str) {
    // The page's own script is the only one, and the policy knows it.
    let own = page.split_once("<script>").and_then(|(_, rest)| rest.split_once("</script>"));
    let page = &match own {
        Some((script, _)) if page.contains("script-src") => {
            let hash = base64(&Sha256::digest(script));
            assert!(
                page.contains(&format!("script-src 'sha256-{hash}'\">")),
                "the hash of the script"
            );
            page.replacen(&format!("<script>{script}</script>"), "", 1)
        }
        _ => page.to_owned(),
    };
    for forbidden in ["<script", "http:", "https:", "src=", "url(", "@import", "NaN", "inf%"] {
        assert!(!page.contains(forbidden), "{forbidden} in {page}");
    }
    // Every element that is opened is closed.
    let elements = [
        "table", "tr", "td", "th", "details", "summary", "small", "section", "div", "span", "ul",
        "li", "article", "p", "b", "i", "figure", "svg", "bdi", "label",
    ];
    for element in elements {
        let opened = page.matches(&format!("<{element} ")).count()
            + page.matches(&format!("<{element}>")).count();
        assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element} in {page}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_the_standard_says() {
        // RFC 4648, section 10.
        let check = |text: &str, expected: &str| assert_eq!(base64(text.as_bytes()), expected);
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foobar", "Zm9vYmFy");
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn a_page_runs_its_own_script_and_no_other() {
        let page = |script| Page {
            title: "t".to_owned(),
            header: String::new(),
            sections: vec![Section::new("a", "A", "<p>&lt;script&gt;</p>".to_owned())],
            style: "",
            script,
            empty: "",
        };
        let with = page("let a = 1;").to_html();
        assert_sound(&with);
        assert!(with.contains("<script>let a = 1;</script>"), "{with}");
        let without = page("").to_html();
        assert_sound(&without);
        assert!(!without.contains("script-src"), "{without}");
        let other = with.replace("let a", "let b");
        assert!(std::panic::catch_unwind(|| assert_sound(&other)).is_err());
    }
}
