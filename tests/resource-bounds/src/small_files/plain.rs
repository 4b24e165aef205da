//! Small malformed files of the formats that are no archives.

use millrace_extraction::samples;

use super::packages::{BODY, docx, utf_16};
use crate::bombs::zlib;

pub(super) fn pdfs() -> Vec<(&'static str, Vec<u8>)> {
    let plain = samples::pdf().bytes;
    let replaced = |from: &str, to: &str| String::from_utf8_lossy(&plain).replace(from, to).into_bytes();
    let cut_at = |mark: &[u8]| {
        let at = plain.windows(mark.len()).position(|window| window == mark).unwrap_or(plain.len());
        plain[..at].to_vec()
    };
    vec![
        ("only-a-head.pdf", b"%PDF-1.7\n".to_vec()),
        ("only-an-end.pdf", b"%PDF-1.7\nstartxref\n0\n%%EOF\n".to_vec()),
        ("no-table.pdf", replaced("xref", "xxxx")),
        ("table-elsewhere.pdf", replaced("startxref\n", "startxref\n9")),
        ("no-root.pdf", replaced("/Root 1 0 R", "/Root 99 0 R")),
        ("root-is-the-pages.pdf", replaced("/Root 1 0 R", "/Root 2 0 R")),
        ("kids-are-the-parent.pdf", replaced("/Kids [4 0 R", "/Kids [2 0 R")),
        ("count-negative.pdf", replaced("/Count 2", "/Count -2")),
        ("count-of-billions.pdf", replaced("/Count 2", "/Count 4294967296")),
        ("lengths-negative.pdf", replaced("/Length ", "/Length -")),
        ("lengths-of-gigabytes.pdf", replaced("/Length ", "/Length 99999")),
        ("filter-of-noise.pdf", replaced("/Length ", "/Filter /FlateDecode /Length ")),
        // One page of two is readable: enough. None of one is not, and is no blank page either.
        (
            "filter-of-noise-on-one-page.pdf",
            String::from_utf8_lossy(&plain)
                .replacen("/Length ", "/Filter /FlateDecode /Length ", 1)
                .into_bytes(),
        ),
        ("filter-unknown.pdf", replaced("/Length ", "/Filter /NoSuchDecode /Length ")),
        (
            "predictor-at-the-edge.pdf",
            replaced(
                "/Length ",
                "/Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns 4294967295 /Colors 255 /BitsPerComponent 64 >> /Length ",
            ),
        ),
        ("boxes-of-infinity.pdf", replaced("[0 0 612 792]", "[-1e38 1e38 1e400 nan]")),
        ("fonts-of-zero.pdf", replaced(" Tf", " 0 * Tf")),
        ("strings-open.pdf", replaced(") Tj", " Tj")),
        ("cut-before-table.pdf", cut_at(b"xref\n0")),
        ("cut-before-trailer.pdf", cut_at(b"trailer")),
        ("cut-in-stream.pdf", cut_at(b" Tj")),
        ("encrypted-with-a-password.pdf", samples::encrypted_pdf().bytes),
        ("is-html.pdf", b"<!DOCTYPE html><p>few words".to_vec()),
        ("zlib-but-no-pdf.pdf", zlib(b"few words")),
        ("empty.pdf", Vec::new()),
    ]
}

pub(super) fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let words = "few words";
    vec![
        ("empty.txt", Vec::new()),
        ("utf-8-mark-only.txt", b"\xef\xbb\xbf".to_vec()),
        ("utf-16-le-mark-only.txt", b"\xff\xfe".to_vec()),
        ("utf-16-be-mark-only.txt", b"\xfe\xff".to_vec()),
        ("utf-32-mark-only.txt", b"\xff\xfe\0\0".to_vec()),
        ("one-byte.txt", b"x".to_vec()),
        ("one-zero.txt", b"\0".to_vec()),
        ("zeros-among-words.txt", b"few\0words\0here".to_vec()),
        (
            "controls.txt",
            (0..32)
                .chain(127..160)
                .chain(*b"few words and a lot more of them, so that this is text")
                .collect(),
        ),
        ("utf-16-of-odd-length.txt", utf_16(words)[..19].to_vec()),
        ("utf-16-ends-in-a-pair.txt", [&utf_16(words)[..], b"\x3d\xd8"].concat()),
        ("utf-16-lone-low-surrogates.txt", b"\xff\xfe\x00\xdca\0\x00\xdcb\0\x00\xdc".to_vec()),
        (
            "utf-32-with-mark.txt",
            [0xff, 0xfe, 0, 0]
                .into_iter()
                .chain(words.chars().flat_map(|c| (c as u32).to_le_bytes()))
                .collect(),
        ),
        ("utf-8-surrogates.txt", b"few \xed\xa0\x80\xed\xbf\xbf words".to_vec()),
        ("utf-8-overlong.txt", b"few \xc0\x80\xe0\x80\x80\xf0\x80\x80\x80\xc1\xbf words".to_vec()),
        ("utf-8-beyond-unicode.txt", b"few \xf4\x90\x80\x80\xf8\x88\x80\x80\x80\xff\xfe words".to_vec()),
        ("utf-8-cut-in-a-character.txt", "few words 👍".as_bytes()[..12].to_vec()),
        ("right-to-left.txt", "שלום עולם مرحبا بالعالم \u{202e}sdrow wef\u{202c} \u{2067}x\u{2069}".into()),
        ("emoji.txt", "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇩 e\u{301}\u{301}\u{301} \u{fe0f}\u{200d}\u{20e3}".into()),
        (
            "only-blanks-of-all-kinds.txt",
            " \t\r\n\u{b}\u{c}\u{85}\u{a0}\u{2003}\u{2028}\u{2029}\u{3000}\u{feff}\u{200b}".into(),
        ),
        ("only-accents.txt", "\u{301}".repeat(3).into()),
        ("not-characters.txt", "few \u{fffe}\u{ffff}\u{1fffe}\u{e000}\u{10ffff} words".into()),
        ("iso-2022-jp-broken.txt", b"few \x1b$B\x21\x1b(B\x1b$B words".to_vec()),
        ("shift-jis-cut.txt", b"\x83e\x83X\x83g\x82\xcc\x95\xb6\x8f\x91\x82".to_vec()),
        ("is-a-zip.txt", docx(BODY)),
        ("is-gzip.txt", b"\x1f\x8b\x08\0few words".to_vec()),
        ("talks-of-pdf.txt", b"few words on %PDF-1.7 and its kind".to_vec()),
        ("begins-like-mail.txt", b"From: a\nTo: b\nSubject: c\nDate: d".to_vec()),
    ]
}

pub(super) fn tables() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("open-quote.csv", b"a,\"b\nc,d".to_vec()),
        ("quote-at-the-end.csv", b"a,\"".to_vec()),
        ("text-behind-a-quote.csv", b"a,\"b\"c\"d\",e\n".to_vec()),
        ("only-delimiters.csv", b",,,;;;\t\t\t||||\n,,\n".to_vec()),
        ("only-line-breaks.csv", b"\r\n\n\r\r\n".to_vec()),
        ("mark-and-quote.csv", b"\xef\xbb\xbf\"few, words\",x".to_vec()),
        ("utf-16.csv", utf_16("a;b\n\"few;words\";c")),
        ("zeros.csv", b"a,\0,b\n".to_vec()),
        ("field-of-line-breaks.csv", b"a,\"\n\n\n\r\r\n\",b".to_vec()),
    ]
}

pub(super) fn json() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("lone-surrogate.json", b"{\"a\":\"\\ud800 few words\"}".to_vec()),
        ("zero-in-string.json", b"{\"a\":\"few \\u0000 words\"}".to_vec()),
        ("numbers-at-the-edge.json", b"[1e400,-1e400,1e-400,-0,99999999999999999999999,0.1e+5]".to_vec()),
        ("cut.json", b"{\"a\":[\"few words\",{\"b\":".to_vec()),
        ("two-values-on-a-line.json", b"{\"a\":1}{\"b\":2} 3 \"few words\"".to_vec()),
        ("keys-twice.json", b"{\"a\":1,\"a\":2,\"\":3}".to_vec()),
        ("nothing-in-it.json", b"[{},[],null,\"\",\" \"]".to_vec()),
        ("nested-to-the-bound.json", format!("{}\"few words\"{}", "[".repeat(127), "]".repeat(127)).into()),
        (
            "nested-beyond-the-bound.json",
            format!("{}\"few words\"{}", "[".repeat(128), "]".repeat(128)).into(),
        ),
        ("lines-one-broken.jsonl", b"{\"a\":1}\n{\"a\":\n{\"a\":2}\n".to_vec()),
        ("mark.json", b"\xef\xbb\xbf{\"a\":\"few words\"}".to_vec()),
        ("utf-16.json", utf_16("{\"a\":\"few words\"}")),
    ]
}

pub(super) fn pages() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("open-quote.html", b"<p>few</p><a href='x><p>words</p>".to_vec()),
        ("open-comment.html", b"<p>few words</p><!-- <p>more".to_vec()),
        ("odd-comments.html", b"<!--><!---><!----><p>few words</p><!- -><!><?><!".to_vec()),
        ("open-script.html", b"<p>few words</p><script>if (a</b) ".to_vec()),
        ("open-title.html", b"<title>few words".to_vec()),
        ("ends-in-a-tag.html", b"<p>few words</p><".to_vec()),
        ("ends-in-a-name.html", b"<p>few words</p></".to_vec()),
        (
            "closes-too-often.html",
            b"</td></tr></table></ul></pre></h1><h1>few</h1></h1></title>words".to_vec(),
        ),
        ("bad-references.html", b"<p>few &#0;&#xd800;&#x110000;&#99999999999;&#x;&#;&;&amp words".to_vec()),
        ("cdata-cut.html", b"<p>few words</p><![CDATA[ more ]]".to_vec()),
        ("names-of-other-letters.html", "<p>few words</p><é ü='ß'><\u{301}><p/é>".into()),
        ("zeros.html", b"<p>few\0words<\0p>".to_vec()),
        ("charset-unknown.html", b"<meta charset='x-nope'><p>few words \xff".to_vec()),
        ("charset-utf-16-but-is-not.html", b"<meta charset=utf-16><p>few words".to_vec()),
        ("only-hidden.html", b"<div hidden>few words</div>".to_vec()),
        ("heading-of-nothing.html", b"<h1></h1><h2> </h2><p>few words</p><h3>".to_vec()),
    ]
}

pub(super) fn xml() -> Vec<(&'static str, Vec<u8>)> {
    const HEAD: &str = "<?xml version=\"1.0\"?>";
    let document = |inside: &str| format!("{HEAD}{inside}").into_bytes();
    vec![
        ("entities.xml", document("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")),
        ("external.xml", document("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a>few words</a>")),
        ("parameter-entity.xml", document("<!DOCTYPE a [<!ENTITY % b SYSTEM 'x'> %b;]><a>few words</a>")),
        ("entity-in-lower-case.xml", document("<!DOCTYPE a [<!entity b 'c'>]><a>&b; few words</a>")),
        ("open-doctype.xml", document("<!DOCTYPE a [ <a>few words</a>")),
        ("open-cdata.xml", document("<a><![CDATA[few words</a>")),
        ("open-comment.xml", document("<a>few words<!-- </a>")),
        ("ends-in-a-tag.xml", document("<a>few words</a")),
        ("ends-inside.xml", document("<a><b>few words</b>")),
        ("two-roots.xml", document("<a>few</a><b>words</b>")),
        ("attributes-twice.xml", document("<a b='1' b='2' b=3 c>few words</a>")),
        ("encoding-that-is-not.xml", b"<?xml version='1.0' encoding='utf-16'?><a>few words</a>".to_vec()),
        ("encoding-open.xml", b"<?xml version='1.0' encoding='?><a>few words</a>".to_vec()),
        ("utf-16.xml", utf_16("<?xml version=\"1.0\"?><a>few words</a>")),
        ("controls.xml", document("<a>few\u{1}\u{0}words&#0;&#1;</a>")),
    ]
}

pub(super) fn markdown() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("front-matter-open.md", b"---\ntitle: few words\n".to_vec()),
        ("front-matter-empty-title.md", b"---\ntitle: \"\"\n---\nfew words".to_vec()),
        ("underlines-without-words.md", b"===\n---\n\n===\nfew words\n=\n-\n--\n".to_vec()),
        ("fence-open.md", b"```\n# few words\n".to_vec()),
        ("headings-of-nothing.md", b"#\n# \n## #\n###### ######\nfew words".to_vec()),
        ("heading-of-controls.md", b"# \x01\x02\n# few\x00words\n".to_vec()),
        ("other-line-breaks.md", "# few\u{2028}# words\r# more\u{85}===\n".into()),
        ("blanks-of-other-kinds.md", "#\u{3000}few\n# \u{2003}words\u{2003}#\n".into()),
    ]
}

pub(super) fn mails() -> Vec<(&'static str, Vec<u8>)> {
    const HEAD: &str = "From: a@b\r\nTo: c@d\r\nSubject: few words\r\n";
    let mail = |rest: &str| format!("{HEAD}{rest}").into_bytes();
    vec![
        ("heads-only.eml", mail("")),
        ("no-heads.eml", b"\r\n\r\nfew words".to_vec()),
        (
            "boundary-empty.eml",
            mail("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nfew\r\n----\r\n"),
        ),
        ("boundary-missing.eml", mail("Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nfew\r\n")),
        (
            "boundary-never-closed.eml",
            mail("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nfew words"),
        ),
        (
            "parts-inside-themselves.eml",
            mail(&"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n".repeat(20)),
        ),
        (
            "messages-inside-messages.eml",
            mail(&"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n".repeat(20)),
        ),
        ("base64-broken.eml", mail("Content-Transfer-Encoding: base64\r\n\r\n====Zm=V3IH=dvcmRz!!")),
        (
            "quoted-printable-broken.eml",
            mail("Content-Transfer-Encoding: quoted-printable\r\n\r\nfew =words=\r\n==ff=0="),
        ),
        ("charset-unknown.eml", mail("Content-Type: text/plain; charset=x-nope\r\n\r\nfew words \u{ff}")),
        (
            "encoded-words-broken.eml",
            b"From: =?utf-8?b?=\r\nTo: =?a?q?b?\r\nSubject: =?utf-8?q?few?= =?x?\r\nDate: never\r\n\r\nwords"
                .to_vec(),
        ),
        ("date-at-the-edge.eml", mail("Date: Mon, 99 Zzz 999999 99:99:99 +9999\r\n\r\nfew words")),
        (
            "attachment-is-the-mail.eml",
            mail(
                "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Disposition: attachment; filename=\"a.eml\"\r\n\r\nFrom: a\r\nTo: b\r\nSubject: c\r\n\r\ninner\r\n--x--\r\n",
            ),
        ),
        (
            "attachment-of-nothing.eml",
            mail(
                "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\n\r\n--x--\r\n",
            ),
        ),
        (
            "bare-line-feeds.eml",
            mail("Content-Type: multipart/mixed; boundary=x\r\n\r\n")
                .into_iter()
                .filter(|byte| *byte != b'\r')
                .chain(*b"--x\n\nfew\n--x--\n")
                .collect(),
        ),
    ]
}

pub(super) fn rich_texts() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("only-a-head.rtf", b"{\\rtf1}".to_vec()),
        ("cut-in-a-group.rtf", b"{\\rtf1 few {\\b words".to_vec()),
        ("cut-in-a-word.rtf", b"{\\rtf1 few words\\par".to_vec()),
        ("cut-in-a-byte.rtf", b"{\\rtf1 few words\\'e".to_vec()),
        ("closes-too-often.rtf", b"{\\rtf1 few words}}}} more {".to_vec()),
        ("binary-of-negative-length.rtf", b"{\\rtf1 few \\bin-5 words}".to_vec()),
        ("binary-beyond-the-end.rtf", b"{\\rtf1 few words \\bin2147483647 }".to_vec()),
        (
            "numbers-at-the-edge.rtf",
            b"{\\rtf1\\uc-1\\u99999999999 \\u-32769?\\outlinelevel255\\f-99999 few words\\par}".to_vec(),
        ),
        ("lone-surrogates.rtf", b"{\\rtf1\\uc0 few\\u-10179 {}\\u-8704 \\u-10179 words}".to_vec()),
        (
            "code-page-changes-in-a-character.rtf",
            b"{\\rtf1\\ansicpg932 few \\'83{\\ansicpg1252 \\'65} words}".to_vec(),
        ),
        (
            "groups-to-the-bound.rtf",
            format!("{{\\rtf1 {}few words{}}}", "{".repeat(9_990), "}".repeat(9_990)).into(),
        ),
    ]
}
