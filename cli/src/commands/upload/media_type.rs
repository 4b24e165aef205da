//! A guess at a file's media type from its extension. The server decides by content; this helps it with formats that look
//! alike.

use std::path::Path;

const UNKNOWN: &str = "application/octet-stream";

/// The media type that the file's name suggests.
pub(super) fn media_type_of(path: &Path) -> &'static str {
    let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else { return UNKNOWN };
    match extension.to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "txt" | "text" | "log" => "text/plain",
        "md" | "markdown" => "text/markdown",
        "html" | "htm" => "text/html",
        "xhtml" => "application/xhtml+xml",
        "xml" => "application/xml",
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "json" => "application/json",
        "jsonl" | "ndjson" => "application/x-ndjson",
        "yaml" | "yml" => "application/yaml",
        "rtf" => "application/rtf",
        "eml" => "message/rfc822",
        "mbox" => "application/mbox",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "doc" => "application/msword",
        "xls" => "application/vnd.ms-excel",
        "ppt" => "application/vnd.ms-powerpoint",
        "odt" => "application/vnd.oasis.opendocument.text",
        "ods" => "application/vnd.oasis.opendocument.spreadsheet",
        "odp" => "application/vnd.oasis.opendocument.presentation",
        "epub" => "application/epub+zip",
        "zip" => "application/zip",
        "rst" => "text/x-rst",
        "tex" => "application/x-tex",
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_in_any_case() {
        assert_eq!(media_type_of(Path::new("a/Report.PDF")), "application/pdf");
        assert_eq!(media_type_of(Path::new("a.tar.unknown")), UNKNOWN);
        assert_eq!(media_type_of(Path::new("README")), UNKNOWN);
    }
}
