//! HTML (and the XHTML of EPUB, the HTML parts of mail) to text: blocks become paragraphs, `h1`-`h6`
//! headings, table rows lines. Scripts, styles, navigation and hidden parts are left out. It deliberately
//! evaluates no CSS beyond inline `display:none` and runs no script.

use millrace_ports::{ExtractedText, ExtractionError, ExtractionLimits};

use crate::decode::{self, charset_parameter};
use crate::html_tokens::{Token, Tokens, attribute};
use crate::media_type::Format;
use crate::text_builder::{Separator, TextBuilder};

const META_WITHIN_BYTES: usize = 2048;

/// Elements whose content is not for readers.
const NOISE: [&str; 10] =
    ["script", "style", "noscript", "template", "svg", "iframe", "object", "select", "datalist", "nav"];
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];
const BLOCK: [&str; 34] = [
    "p",
    "div",
    "section",
    "article",
    "aside",
    "header",
    "footer",
    "main",
    "ul",
    "ol",
    "dl",
    "table",
    "caption",
    "blockquote",
    "pre",
    "figure",
    "figcaption",
    "form",
    "fieldset",
    "legend",
    "address",
    "details",
    "summary",
    "hr",
    "body",
    "html",
    "center",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
];
const LINE: [&str; 5] = ["li", "tr", "dt", "dd", "option"];

pub(crate) fn extract(
    bytes: &[u8],
    charset: Option<&str>,
    limits: &ExtractionLimits,
) -> Result<ExtractedText, ExtractionError> {
    let meta = meta_charset(bytes);
    let html = decode::decode(bytes, charset.or(meta.as_deref()));
    let mut out = TextBuilder::new(limits);
    append(&html, &mut out)?;
    out.finish(Format::Html.media_type(), "the page holds no visible text")
}

/// Appends a page's text. If leaving out noise leaves nothing, the noise is what the page has to say.
pub(crate) fn append(html: &str, out: &mut TextBuilder) -> Result<(), ExtractionError> {
    let before = out.len();
    let unclosed = Walk::new(true).run(html, out)?;
    out.end_paragraph();
    if unclosed && out.len() == before {
        Walk::new(false).run(html, out)?;
        out.end_paragraph();
    }
    Ok(())
}

fn meta_charset(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(META_WITHIN_BYTES)]);
    Tokens::new(&head).find_map(|token| match token {
        Token::Open { name, attributes, .. } if name == "meta" => {
            attribute(attributes, "charset").or_else(|| {
                attribute(attributes, "content")
                    .and_then(|content| charset_parameter(&content).map(str::to_owned))
            })
        }
        _ => None,
    })
}

struct Walk {
    skip_noise: bool,
    /// The element being skipped, and how many of its name are open inside it.
    skipping: Option<(String, usize)>,
    skipped_any: bool,
    in_title: bool,
    preformatted: usize,
    lists: usize,
    in_row: bool,
    row_has_cell: bool,
    /// A cell or list item has begun and has no text yet: blocks inside it do not break away from it.
    fresh: bool,
    bullet_pending: bool,
}

impl Walk {
    fn new(skip_noise: bool) -> Self {
        Self {
            skip_noise,
            skipping: None,
            skipped_any: false,
            in_title: false,
            preformatted: 0,
            lists: 0,
            in_row: false,
            row_has_cell: false,
            fresh: false,
            bullet_pending: false,
        }
    }

    /// Returns whether anything was left out.
    fn run(mut self, html: &str, out: &mut TextBuilder) -> Result<bool, ExtractionError> {
        for token in Tokens::new(html) {
            if self.skip(&token) {
                continue;
            }
            match token {
                Token::Text(text) if self.in_title => out.set_title(&text),
                Token::Text(text) => self.text(&text, out)?,
                Token::Open { name, attributes, closed } => self.open(&name, attributes, closed, out)?,
                Token::Close { name } => self.close(&name, out),
            }
        }
        Ok(self.skipped_any)
    }

    fn text(&mut self, text: &str, out: &mut TextBuilder) -> Result<(), ExtractionError> {
        if !text.trim().is_empty() {
            self.fresh = false;
            if std::mem::take(&mut self.bullet_pending) {
                out.push("- ")?;
                return if self.preformatted > 0 {
                    out.push(text.trim_start())
                } else {
                    out.push_collapsed(text.trim_start())
                };
            }
        }
        if self.preformatted > 0 { out.push(text) } else { out.push_collapsed(text) }
    }

    /// Follows the element that is being skipped; true if the token belongs to it.
    fn skip(&mut self, token: &Token<'_>) -> bool {
        if let Some((skipped, depth)) = &mut self.skipping {
            match token {
                Token::Open { name, closed: false, .. } if name == skipped => *depth += 1,
                Token::Close { name } if name == skipped && *depth == 0 => self.skipping = None,
                Token::Close { name } if name == skipped => *depth -= 1,
                _ => {}
            }
            return true;
        }
        let Token::Open { name, attributes, closed } = token else { return false };
        let always = matches!(name.as_str(), "script" | "style");
        let noise = always || (self.skip_noise && (NOISE.contains(&name.as_str()) || is_hidden(attributes)));
        if noise && !closed && !VOID.contains(&name.as_str()) {
            self.skipping = Some((name.clone(), 0));
            self.skipped_any = true;
        }
        noise
    }

    fn open(
        &mut self,
        name: &str,
        attributes: &str,
        closed: bool,
        out: &mut TextBuilder,
    ) -> Result<(), ExtractionError> {
        match name {
            "title" => self.in_title = !closed,
            "br" if self.preformatted > 0 => out.push("\n")?,
            "br" => out.request(Separator::Line),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => out.start_heading(name.as_bytes()[1] - b'0'),
            "ul" | "ol" if self.lists > 0 => {
                self.lists += 1;
                out.request(Separator::Line);
            }
            "td" | "th" => {
                self.fresh = true;
                if std::mem::replace(&mut self.row_has_cell, true) {
                    out.replace(Separator::Cell);
                }
            }
            "tr" => {
                self.in_row = true;
                self.row_has_cell = false;
                out.request(Separator::Line);
            }
            "img" => {
                if let Some(alternative) = attribute(attributes, "alt") {
                    out.request(Separator::Space);
                    out.push_collapsed(&alternative)?;
                    out.request(Separator::Space);
                }
            }
            "li" => {
                out.request(Separator::Line);
                self.fresh = true;
                self.bullet_pending = true;
            }
            "p" | "div" if self.fresh => {}
            "p" | "div" if self.in_row => out.request(Separator::Line),
            _ if LINE.contains(&name) => out.request(Separator::Line),
            _ if BLOCK.contains(&name) => {
                self.lists += usize::from(matches!(name, "ul" | "ol"));
                self.preformatted += usize::from(name == "pre" && !closed);
                out.end_paragraph();
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str, out: &mut TextBuilder) {
        match name {
            "title" => self.in_title = false,
            "p" | "div" if self.fresh || self.in_row => out.request(Separator::Line),
            "tr" => {
                self.in_row = false;
                out.request(Separator::Line);
            }
            "ul" | "ol" => {
                self.lists = self.lists.saturating_sub(1);
                if self.lists == 0 { out.end_paragraph() } else { out.request(Separator::Line) }
            }
            "pre" => {
                self.preformatted = self.preformatted.saturating_sub(1);
                out.end_paragraph();
            }
            _ if LINE.contains(&name) => out.request(Separator::Line),
            _ if BLOCK.contains(&name) => out.end_paragraph(),
            _ => {}
        }
    }
}

fn is_hidden(attributes: &str) -> bool {
    if attributes.is_empty() {
        return false;
    }
    attribute(attributes, "hidden").is_some_and(|value| !value.eq_ignore_ascii_case("false"))
        || attribute(attributes, "aria-hidden").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || attribute(attributes, "role").is_some_and(|role| role.eq_ignore_ascii_case("navigation"))
        || attribute(attributes, "style").is_some_and(|style| {
            style
                .to_ascii_lowercase()
                .split(';')
                .any(|rule| rule.split_whitespace().collect::<String>() == "display:none")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> ExtractedText {
        extract(html.as_bytes(), None, &ExtractionLimits::default()).unwrap()
    }

    #[test]
    fn blocks_headings_lists_and_tables_keep_their_shape() {
        let page = read(
            "<html><head><title>The &amp; title</title><style>p{}</style></head><body><nav>menu</nav><h1>Big <i>news</i></h1>\
             <p>One\n two<br>three</p><ul><li>a<li>b</ul><table><tr><th><p>k</p></th><th>v</th></tr><tr><td>1</td><td><p>2</p></td></tr></table>\
             <pre>  x\n    y</pre><script>if (a<b) {}</script><div hidden>secret</div>end",
        );
        assert_eq!(page.text, "Big news\n\nOne two\nthree\n\n- a\n- b\n\nk | v\n1 | 2\n\nx\n    y\n\nend");
        assert_eq!(page.title.as_deref(), Some("The & title"));
        assert_eq!(&page.text[page.headings[0].start..page.headings[0].end], "Big news");
    }

    #[test]
    fn a_page_of_nothing_but_navigation_is_still_read() {
        assert_eq!(read("<nav><a>Home</a> <a>Docs</a></nav>").text, "Home Docs");
    }

    #[test]
    fn deep_nesting_costs_nothing() {
        let html = format!("{}deep{}", "<div>".repeat(200_000), "</div>".repeat(200_000));
        assert_eq!(read(&html).text, "deep");
    }

    #[test]
    fn the_charset_of_the_meta_element_is_honoured() {
        let page = extract(
            b"<meta charset=windows-1251><p>\xcf\xf0\xe8\xe2\xe5\xf2",
            None,
            &ExtractionLimits::default(),
        )
        .unwrap();
        assert_eq!(page.text, "Привет");
    }
}
