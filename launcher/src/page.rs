//! HTML pages: a single file each, without a script and without a request to anywhere.
//!
//! The content policy of a page forbids both, so that it opens from a disk, a mail or an artefact
//! store in ten years, whatever text of others it shows.

pub mod corpora;
mod histogram;
pub mod html;
pub mod rows;

use html::escape;

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
             content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{title} · knowcoder</title>\n\
             <style>\n{base}{style}</style>\n</head>\n<body>\n{header}<nav>{links}</nav>\n<main>\n\
             {bodies}</main>\n<footer>knowcoder {version}</footer>\n</body>\n</html>\n",
            title = escape(&self.title),
            base = include_str!("page/style.css"),
            style = self.style,
            header = self.header,
            version = env!("CARGO_PKG_VERSION"),
        )
    }
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
