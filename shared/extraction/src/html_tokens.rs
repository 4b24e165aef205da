//! Splits HTML into tags and text in one pass, in linear time and without a tree, so that neither depth
//! nor broken markup costs anything. It deliberately builds no document model and repairs nothing.

use std::borrow::Cow;

use crate::xml::resolve_reference;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Open { name: String, attributes: &'a str, closed: bool },
    Close { name: String },
    Text(Cow<'a, str>),
}

/// Elements whose content is no markup.
const RAW_TEXT: [&str; 8] = ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"];
const ENTITY_NAME_BYTES_MAX: usize = 32;

#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    rest: &'a str,
    raw_text_of: Option<String>,
    /// No tag from here on can be trusted to close its quotes: one was looked at up to the end of the document.
    ignores_quotes: bool,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(html: &'a str) -> Self {
        Self { rest: html, raw_text_of: None, ignores_quotes: false }
    }

    fn text(&mut self, bytes: usize) -> Token<'a> {
        let (text, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        Token::Text(unescape(text))
    }

    /// Everything up to the end tag of a raw-text element.
    fn raw_text(&mut self, name: &str) -> Token<'a> {
        let mut from = 0;
        let end = loop {
            let Some(at) = self.rest[from..].find("</") else { break self.rest.len() };
            let tag = &self.rest.as_bytes()[from + at + 2..];
            if tag.len() >= name.len() && tag[..name.len()].eq_ignore_ascii_case(name.as_bytes()) {
                break from + at;
            }
            from += at + 2;
        };
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Token::Text(if matches!(name, "title" | "textarea") { unescape(text) } else { Cow::Borrowed(text) })
    }

    /// Skips a comment, doctype, processing instruction or CDATA mark; text of CDATA is returned.
    fn declaration(&mut self) -> Option<Token<'a>> {
        let after = |text: &'a str, mark: &str| text.find(mark).map_or("", |at| &text[at + mark.len()..]);
        if let Some(data) = self.rest.strip_prefix("<![CDATA[") {
            let end = data.find("]]>").unwrap_or(data.len());
            self.rest = data.get(end + 3..).unwrap_or("");
            return Some(Token::Text(Cow::Borrowed(&data[..end])));
        }
        self.rest = if self.rest.starts_with("<!-->") {
            &self.rest[5..]
        } else if let Some(comment) = self.rest.strip_prefix("<!--") {
            after(comment, "-->")
        } else {
            after(self.rest, ">")
        };
        None
    }

    /// An unclosed quote must not swallow the document: then the tag ends at the first `>` after all. That was learnt by
    /// reading to the end, which must happen only once, or broken tags would cost the square of their number.
    fn tag_end(&mut self, attributes: &str) -> usize {
        let end = if self.ignores_quotes { None } else { quoted_tag_end(attributes) };
        end.unwrap_or_else(|| {
            self.ignores_quotes = true;
            attributes.find('>').unwrap_or(attributes.len())
        })
    }

    fn tag(&mut self) -> Token<'a> {
        let closing = self.rest.starts_with("</");
        let inside = &self.rest[if closing { 2 } else { 1 }..];
        let name_bytes =
            inside.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(inside.len());
        let name = inside[..name_bytes].to_ascii_lowercase();
        let name = name.rsplit_once(':').map_or(name.as_str(), |(_, local)| local).to_owned();
        let attributes = &inside[name_bytes..];
        let end = self.tag_end(attributes);
        self.rest = attributes.get(end + 1..).unwrap_or("");
        let attributes = &attributes[..end];
        if closing {
            return Token::Close { name };
        }
        let closed = attributes.trim_end().ends_with('/');
        if !closed && RAW_TEXT.contains(&name.as_str()) {
            self.raw_text_of = Some(name.clone());
        }
        Token::Open { name, attributes, closed }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if let Some(name) = self.raw_text_of.take() {
            return Some(self.raw_text(&name));
        }
        while !self.rest.is_empty() {
            let Some(at) = self.rest.find('<') else { return Some(self.text(self.rest.len())) };
            if at > 0 {
                return Some(self.text(at));
            }
            match self.rest.as_bytes().get(1) {
                Some(b'!' | b'?') => {
                    if let Some(token) = self.declaration() {
                        return Some(token);
                    }
                }
                Some(b'/') if self.rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic) => {
                    return Some(self.tag());
                }
                Some(byte) if byte.is_ascii_alphabetic() => return Some(self.tag()),
                // A lone `<` is text, up to the next one.
                _ => {
                    return Some(
                        self.text(self.rest[1..].find('<').map_or(self.rest.len(), |next| next + 1)),
                    );
                }
            }
        }
        None
    }
}

/// Where the `>` is that ends a tag; one inside a quoted value does not. None if a quote stays open.
fn quoted_tag_end(attributes: &str) -> Option<usize> {
    let mut quote = None;
    let mut previous = b' ';
    for (at, &byte) in attributes.as_bytes().iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') if previous == b'=' => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            previous = byte;
        }
    }
    None
}

/// The value of an attribute, unescaped; `Some("")` for one without value.
pub(crate) fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        // An equals sign in front belongs to the name, so that every round consumes something.
        let name_end = rest.char_indices().skip(1).find(|(_, c)| c.is_whitespace() || matches!(c, '=' | '/'));
        let name_bytes = name_end.map_or(rest.len(), |(at, _)| at);
        let name = &rest[..name_bytes];
        rest = rest[name_bytes..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let (found, remaining) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
                _ => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
            };
            (value, rest) = (found, remaining);
        }
        if name.eq_ignore_ascii_case(wanted) {
            return Some(unescape(value).into_owned());
        }
    }
}

/// Resolves character references; what is none stays as it is.
fn unescape(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find('&') else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let name_bytes = rest
            .bytes()
            .take(ENTITY_NAME_BYTES_MAX)
            .take_while(|b| b.is_ascii_alphanumeric() || *b == b'#')
            .count();
        match resolve_reference(&rest[..name_bytes]) {
            Some(resolved) if name_bytes > 0 => {
                out.push_str(&resolved);
                rest = &rest[name_bytes..];
                rest = rest.strip_prefix(';').unwrap_or(rest);
            }
            _ => out.push('&'),
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(html: &str) -> String {
        Tokens::new(html)
            .filter_map(|token| if let Token::Text(text) = token { Some(text.into_owned()) } else { None })
            .collect()
    }

    #[test]
    fn broken_markup_is_survived() {
        assert_eq!(texts("a < b && c <3 <p>x</p"), "a < b && c <3 x");
        assert_eq!(texts("<a href=\"x>y\">t</a>"), "t");
        assert_eq!(texts("<a href=\"x>t"), "t");
        assert_eq!(texts("<!-- <p> --><![CDATA[raw <b>]]>&eacute;&#233;&#xE9;&nope;"), "raw <b>ééé&nope;");
    }

    #[test]
    fn tags_that_never_close_their_quotes_cost_no_more_than_others() {
        // Each `>` lies inside quotes, so that every tag would be looked for up to the end: 8 TB of looking.
        let html = "<a b='>'".repeat(1 << 20);
        assert_eq!(texts(&html).len(), 1 << 20);
    }

    #[test]
    fn raw_text_ends_at_its_own_end_tag() {
        assert_eq!(texts("<title>a &amp; <b></title>x"), "a & <b>x");
    }

    #[test]
    fn attributes_are_found() {
        assert_eq!(attribute(" a=1 Hidden b='x &lt; y'", "hidden").as_deref(), Some(""));
        assert_eq!(attribute(" a=1 Hidden b='x &lt; y'", "b").as_deref(), Some("x < y"));
        assert_eq!(attribute(" é='", "b"), None);
    }
}
