//! Mail, CSV, Markdown and plain text of endless parts.

use super::{Bomb, bomb};

pub(super) fn bombs() -> Vec<Bomb> {
    vec![
        bomb(
            "a mail of multiparts inside one another",
            "a.eml",
            deep_multiparts,
            &["text", "corrupt", "empty"],
        ),
        bomb("a mail of messages inside one another", "a.eml", deep_messages, &["text", "corrupt", "empty"]),
        bomb("a mail whose parts all share one boundary", "a.eml", one_boundary, &["text", "empty"]),
        bomb("a mail of a hundred thousand parts", "a.eml", many_parts, &["text"]),
        bomb("a mail with a header of ten megabytes", "a.eml", long_header, &["text"]),
        bomb("a mail with a hundred thousand headers", "a.eml", many_headers, &["text"]),
        bomb("a mail of addresses and comments that never close", "a.eml", open_comments, &["text"]),
        bomb("a mail of a hundred thousand encoded words", "a.eml", encoded_words, &["text"]),
        bomb("a mail of continued parameters", "a.eml", continued_parameters, &["text", "empty"]),
        bomb("one field of ten megabytes", "a.csv", one_field, &["text"]),
        bomb("a field whose quote never closes", "a.csv", open_field, &["text"]),
        bomb("a row of five million empty fields", "a.csv", empty_fields, &["text"]),
        bomb("quotes, nothing but quotes", "a.csv", only_quotes, &["text", "empty"]),
        bomb("Markdown of nothing but headings", "a.md", only_headings, &["text"]),
        bomb("Markdown of one endless heading", "a.md", endless_heading, &["text"]),
        bomb("fences that never close", "a.md", open_fences, &["text"]),
        bomb("one word of ten megabytes", "a.txt", one_word, &["text"]),
        bomb("one letter under ten million accents", "a.txt", accents, &["text"]),
        bomb("line breaks, and a word at the end", "a.txt", line_breaks, &["text"]),
        bomb("blanks, and a word at each end", "a.txt", blanks, &["text"]),
        bomb("full stops, nothing but full stops", "a.txt", full_stops, &["text"]),
        bomb("zeros", "a.txt", zeros, &["unsupported_media_type", "empty"]),
        bomb("more text than may be", "a.txt", too_much, &["too_large"]),
        bomb("UTF-16 of lone surrogates", "a.txt", lone_surrogates, &["text"]),
    ]
}

const HEAD: &str = "From: a@b\r\nTo: c@d\r\nSubject: bombs\r\nMIME-Version: 1.0\r\n";

fn deep_multiparts() -> Vec<u8> {
    let mut mail = HEAD.to_owned();
    for level in 0..100_000 {
        mail.push_str(&format!("Content-Type: multipart/mixed; boundary=\"b{level}\"\r\n\r\n--b{level}\r\n"));
    }
    mail.push_str("Content-Type: text/plain\r\n\r\nword\r\n");
    mail.into_bytes()
}

fn deep_messages() -> Vec<u8> {
    format!("{HEAD}{}Subject: word\r\n\r\nword\r\n", "Content-Type: message/rfc822\r\n\r\n".repeat(200_000))
        .into_bytes()
}

fn one_boundary() -> Vec<u8> {
    let part = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n";
    format!("{HEAD}{}word\r\n--x--\r\n", part.repeat(100_000)).into_bytes()
}

fn many_parts() -> Vec<u8> {
    let part = "--x\r\nContent-Type: text/plain\r\n\r\nword\r\n";
    format!("{HEAD}Content-Type: multipart/mixed; boundary=x\r\n\r\n{}--x--\r\n", part.repeat(100_000))
        .into_bytes()
}

fn long_header() -> Vec<u8> {
    format!("{HEAD}X-Long: {}\r\n\r\nword", "x".repeat(10 << 20)).into_bytes()
}

fn many_headers() -> Vec<u8> {
    format!("{HEAD}{}\r\nword", "Received: from a by b\r\n To: e@f\r\n".repeat(100_000)).into_bytes()
}

fn open_comments() -> Vec<u8> {
    format!("From: {}\r\nTo: {}\r\nSubject: x\r\n\r\nword", "(\"<".repeat(1_000_000), "a:b;,".repeat(500_000))
        .into_bytes()
}

fn encoded_words() -> Vec<u8> {
    format!("From: a@b\r\nSubject: {}\r\n\r\nword", "=?utf-8?q?=ff?= =?utf-8?b?????=\r\n ".repeat(100_000))
        .into_bytes()
}

fn continued_parameters() -> Vec<u8> {
    let parameters: String = (0..100_000).map(|number| format!("; name*{number}*=utf-8''a%ff")).collect();
    format!("{HEAD}Content-Type: text/plain{parameters}\r\n\r\nword").into_bytes()
}

fn one_field() -> Vec<u8> {
    format!("a,b\n\"{}\",c\n", "x\"\"".repeat(3 << 20)).into_bytes()
}

fn open_field() -> Vec<u8> {
    format!("a,b\n\"{}", "x,y\n".repeat(2 << 20)).into_bytes()
}

fn empty_fields() -> Vec<u8> {
    format!("{}word", ",".repeat(5_000_000)).into_bytes()
}

fn only_quotes() -> Vec<u8> {
    "\"".repeat((8 << 20) + 1).into_bytes()
}

fn only_headings() -> Vec<u8> {
    "# a\n".repeat(2 << 20).into_bytes()
}

fn endless_heading() -> Vec<u8> {
    format!("# {}", "word ".repeat(2 << 20)).into_bytes()
}

fn open_fences() -> Vec<u8> {
    "```\n~~~\nword\n".repeat(500_000).into_bytes()
}

fn one_word() -> Vec<u8> {
    "x".repeat(10 << 20).into_bytes()
}

fn accents() -> Vec<u8> {
    format!("e{}", "\u{301}".repeat(5_000_000)).into_bytes()
}

fn line_breaks() -> Vec<u8> {
    format!("{}word", "\n".repeat(10 << 20)).into_bytes()
}

fn blanks() -> Vec<u8> {
    format!("word{}word", " ".repeat(10 << 20)).into_bytes()
}

fn full_stops() -> Vec<u8> {
    ".".repeat(10 << 20).into_bytes()
}

fn zeros() -> Vec<u8> {
    vec![0; 10 << 20]
}

fn too_much() -> Vec<u8> {
    "word ".repeat(5 << 20).into_bytes()
}

fn lone_surrogates() -> Vec<u8> {
    let units = std::iter::repeat_n([0x00, 0xd8, b'a', 0], 1 << 20).flatten();
    [0xff, 0xfe].into_iter().chain(units).collect()
}
