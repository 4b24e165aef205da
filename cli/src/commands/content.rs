//! `millrace content`: downloads a document as it was uploaded, in blocks, or prints its text chunk by chunk. A file
//! appears under its name only when it is whole, and nothing is overwritten unasked.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use http::Response;
use http::header::CONTENT_DISPOSITION;
use hyper::body::Incoming;

use crate::arguments::ContentArguments;
use crate::client::{ClientError, percent_decoded};
use crate::exit_code::ExitCode;
use crate::output::{bytes_text, clean, one_line};
use crate::session::Session;

pub(crate) async fn run(session: &Session<'_>, arguments: ContentArguments) -> anyhow::Result<ExitCode> {
    if arguments.chunks {
        return print_chunks(session, &arguments.document).await;
    }
    if arguments.output.as_deref() == Some(Path::new("-")) {
        let response = session.client.content(&arguments.document).await?;
        return write_to_stdout(session, response).await;
    }
    if let Some(path) = &arguments.output {
        refuse_to_overwrite(path, arguments.force)?;
    }
    let response = session.client.content(&arguments.document).await?;
    let path = arguments.output.unwrap_or_else(|| own_name(&response, &arguments.document));
    refuse_to_overwrite(&path, arguments.force)?;
    let bytes = save(session, response, &path, arguments.force).await?;
    session.console.line(&format!("{}  {}", one_line(&path.display().to_string()), bytes_text(bytes)))?;
    Ok(ExitCode::Done)
}

async fn write_to_stdout(
    session: &Session<'_>,
    mut response: Response<Incoming>,
) -> anyhow::Result<ExitCode> {
    while let Some(block) = session.client.next_block(&mut response).await? {
        session.console.write(&block)?;
        if session.console.is_closed() {
            break;
        }
    }
    Ok(ExitCode::Done)
}

fn refuse_to_overwrite(path: &Path, force: bool) -> anyhow::Result<()> {
    let is_there = path.symlink_metadata().is_ok();
    anyhow::ensure!(force || !is_there, "{} is there already; overwrite it with --force", path.display());
    Ok(())
}

/// Writes beside the final name and renames at the end, so that a broken download leaves nothing behind.
async fn save(
    session: &Session<'_>,
    mut response: Response<Incoming>,
    path: &Path,
    force: bool,
) -> anyhow::Result<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |source| ClientError::File { path: path.to_owned(), source };
    let mut file = new_file_builder().tempfile_in(folder).map_err(failed)?;
    let mut bytes = 0;
    while let Some(block) = session.client.next_block(&mut response).await? {
        file.write_all(&block).map_err(failed)?;
        bytes += block.len() as u64;
    }
    let kept = if force { file.persist(path) } else { file.persist_noclobber(path) };
    kept.map_err(|error| error.error).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(bytes)
}

fn new_file_builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".millrace-");
    // As any new file of the user's, less what the umask takes away; the default would be the owner only.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// The last part of the name that the server gives: never a path, never hidden.
fn own_name(response: &Response<Incoming>, document_id: &str) -> PathBuf {
    let disposition = response.headers().get(CONTENT_DISPOSITION).and_then(|value| value.to_str().ok());
    PathBuf::from(disposition.and_then(safe_name).unwrap_or_else(|| document_id.to_owned()))
}

fn safe_name(disposition: &str) -> Option<String> {
    let name = disposition_filename(disposition)?;
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = clean(last).replace(['\n', '\t', ':'], " ");
    let name = name.trim().trim_start_matches('.');
    (!name.is_empty()).then(|| name.to_owned())
}

/// `filename*` (RFC 8187) before `filename`, as RFC 6266 asks.
fn disposition_filename(disposition: &str) -> Option<String> {
    let parameter = |wanted: &str| {
        parameters(disposition).into_iter().find_map(|(name, value)| (name == wanted).then_some(value))
    };
    let extended = parameter("filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_language, encoded) = rest.split_once('\'')?;
        if charset.eq_ignore_ascii_case("utf-8") { percent_decoded(encoded) } else { None }
    });
    extended.or_else(|| parameter("filename"))
}

/// The parameters after the disposition's type; quotes and their escapes resolved.
fn parameters(disposition: &str) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    let (mut current, mut is_quoted, mut is_escaped) = (String::new(), false, false);
    for character in disposition.chars().chain([';']) {
        match character {
            _ if is_escaped => {
                current.push(character);
                is_escaped = false;
            }
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => {
                if let Some((name, value)) = current.split_once('=') {
                    parameters.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
                current.clear();
            }
            _ => current.push(character),
        }
    }
    parameters
}

async fn print_chunks(session: &Session<'_>, document_id: &str) -> anyhow::Result<ExitCode> {
    let console = session.console;
    let mut cursor = None;
    loop {
        let page = session.client.chunks(document_id, cursor.clone()).await?;
        for chunk in &page.chunks {
            if console.json() {
                console.line(&chunk.text)?;
                continue;
            }
            let chunk = &chunk.value;
            let mut place = format!("── {}", chunk.index);
            if let Some(page) = chunk.page {
                place.push_str(&format!("  page {page}"));
            }
            if let Some(heading) = &chunk.heading {
                place.push_str(&format!("  {}", one_line(heading)));
            }
            console.line(&console.style().dim(&place))?;
            console.line(clean(&chunk.text).trim_end())?;
        }
        match page.next_cursor {
            Some(next) if cursor.as_ref() != Some(&next) && !console.is_closed() => cursor = Some(next),
            _ => return Ok(ExitCode::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extended_name_comes_first() {
        let disposition =
            r#"attachment; filename="Ubersicht.pdf"; filename*=UTF-8''%C3%9Cbersicht%3B%202025.pdf"#;
        assert_eq!(safe_name(disposition).as_deref(), Some("Übersicht; 2025.pdf"));
        assert_eq!(safe_name(r#"attachment; filename="a \"b\"; c.txt""#).as_deref(), Some("a \"b\"; c.txt"));
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        assert_eq!(safe_name(r#"attachment; filename="../../etc/passwd""#).as_deref(), Some("passwd"));
        assert_eq!(safe_name("attachment; filename*=UTF-8''..%2F.bashrc").as_deref(), Some("bashrc"));
        assert_eq!(safe_name("attachment; filename=.."), None);
        assert_eq!(safe_name("attachment"), None);
    }

    #[test]
    fn nothing_is_overwritten_unasked() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(refuse_to_overwrite(file.path(), false).is_err());
        assert!(refuse_to_overwrite(file.path(), true).is_ok());
        assert!(refuse_to_overwrite(&file.path().with_extension("new"), false).is_ok());
    }
}
