//! Mail, web and text samples.

use super::Sample;

fn sample(
    filename: &'static str,
    bytes: impl Into<Vec<u8>>,
    media_type: &'static str,
    phrases: Vec<&'static str>,
) -> Sample {
    Sample { filename, bytes: bytes.into(), media_type, phrases, pages: 0, headings: Vec::new() }
}

/// An HTML page with a table, a script and hidden text.
#[must_use]
pub fn html() -> Sample {
    let page = "<!DOCTYPE html><html><head><title>Tides</title><style>p { color: red }</style></head><body><nav>Home | About</nav>\
                <h1>Tide tables</h1><p>High water at <b>06:12</b>&nbsp;and 18:40.</p><script>var secret = 'not text';</script>\
                <table><tr><th>Day</th><th>Height</th></tr><tr><td>Monday</td><td>4.1&thinsp;m</td></tr></table></body></html>";
    let phrases = vec!["Tide tables\n\nHigh water at 06:12 and 18:40.", "Day | Height\nMonday | 4.1"];
    Sample { headings: vec!["Tide tables"], ..sample("tides.html", page, "text/html", phrases) }
}

/// Markdown with headings and a code block.
#[must_use]
pub fn markdown() -> Sample {
    let text = "# Install\r\n\r\nRun the command:\r\n\r\n```sh\r\n# not a heading\r\nmake all\r\n```\r\n\r\n## Uninstall\r\n\r\nRemove the folder.\r\n";
    let phrases = vec!["Run the command:", "# not a heading\nmake all", "Remove the folder."];
    Sample { headings: vec!["Install", "Uninstall"], ..sample("readme.md", text, "text/markdown", phrases) }
}

/// Plain text in UTF-8 with emoji and right-to-left words.
#[must_use]
pub fn plain_text() -> Sample {
    let text = "A lighthouse keeper's log.\r\n\r\n\r\n\r\nשלום עולם means hello world 🌍.\n\u{7}";
    sample(
        "log.txt",
        text,
        "text/plain",
        vec!["A lighthouse keeper's log.\n\nשלום עולם means hello world 🌍."],
    )
}

/// Plain text in UTF-16 without a byte order mark.
#[must_use]
pub fn plain_text_utf_16() -> Sample {
    let bytes: Vec<u8> =
        "Written on an old machine, naïvely.".encode_utf16().flat_map(u16::to_le_bytes).collect();
    sample("old.txt", bytes, "text/plain", vec!["Written on an old machine, naïvely."])
}

/// Plain text in Shift-JIS.
#[must_use]
pub fn plain_text_shift_jis() -> Sample {
    let words = "灯台守の日誌。今日は霧が深く、船は一隻も通らなかった。";
    let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode(words);
    sample("nisshi.txt", bytes.into_owned(), "text/plain", vec![words])
}

/// CSV with quoted fields.
#[must_use]
pub fn csv() -> Sample {
    let text = "port,vessels\n\"Aberdeen, Scotland\",40\nBergen,\"thirty \"\"or so\"\"\"\n";
    sample(
        "ports.csv",
        text,
        "text/csv",
        vec!["port | vessels\nAberdeen, Scotland | 40\nBergen | thirty \"or so\""],
    )
}

/// JSON with nesting.
#[must_use]
pub fn json() -> Sample {
    let text = r#"{"station": {"name": "Skerry Rock", "lamps": ["Fresnel", "LED"]}, "active": true}"#;
    sample(
        "station.json",
        text,
        "application/json",
        vec!["station.name: Skerry Rock", "station.lamps: LED", "active: true"],
    )
}

/// A mail with an encoded subject, two alternatives and a text attachment.
#[must_use]
pub fn eml() -> Sample {
    let text = "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nTo: keeper@example.org\r\nSubject: =?utf-8?b?TGFtcCByZXBhaXIg8J+SoQ==?=\r\n\
                Date: Mon, 6 Jan 2025 10:00:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"out\"\r\n\r\n\
                --out\r\nContent-Type: multipart/alternative; boundary=\"in\"\r\n\r\n\
                --in\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nThe lens is cracked=\r\n again.\r\n\
                --in\r\nContent-Type: text/html\r\n\r\n<p>The lens is cracked again.</p>\r\n--in--\r\n\
                --out\r\nContent-Type: text/plain; name=\"parts.txt\"\r\nContent-Disposition: attachment; filename=\"parts.txt\"\r\n\r\nOne prism, two screws.\r\n--out--\r\n";
    let phrases = vec![
        "Lamp repair 💡",
        "Jürgen <j@example.org>",
        "The lens is cracked again.",
        "One prism, two screws.",
    ];
    Sample {
        headings: vec!["Lamp repair 💡", "parts.txt"],
        ..sample("repair.eml", text, "message/rfc822", phrases)
    }
}

/// RTF with an outline level, a code page and Unicode.
#[must_use]
pub fn rtf() -> Sample {
    let text = "{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Times;}}{\\info{\\title Log}}\\pard\\outlinelevel0 Storm\\par\\pard The caf\\'e9 closed early \\u8212? \\b everyone\\b0  left.\\par}";
    let phrases = vec!["Storm\n\nThe café closed early — everyone left."];
    Sample { headings: vec!["Storm"], ..sample("storm.rtf", text, "application/rtf", phrases) }
}

/// XML of no known vocabulary.
#[must_use]
pub fn xml() -> Sample {
    let text = "<?xml version=\"1.0\"?><log><entry at=\"1\">Fog at dawn &amp; dusk</entry><entry>Clear at noon</entry></log>";
    sample("log.xml", text, "application/xml", vec!["Fog at dawn & dusk\nClear at noon"])
}
