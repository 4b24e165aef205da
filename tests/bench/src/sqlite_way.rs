//! The usual way to search words on one machine, to compare with: SQLite's FTS5 with its Porter stemmer, ranked by its
//! BM25, called in this process without HTTP. It knows nothing of meaning.

use std::time::Instant;

use anyhow::Result;
use rusqlite::Connection;

use crate::latencies::Latencies;

/// A full-text table in a file that is removed with it.
#[derive(Debug)]
pub(crate) struct SqliteWay {
    connection: Connection,
}

impl SqliteWay {
    pub(crate) fn index(texts: &[String]) -> Result<Self> {
        // An empty name: a temporary file of SQLite's own.
        let mut connection = Connection::open("")?;
        connection
            .execute_batch("CREATE VIRTUAL TABLE chunks USING fts5(text, tokenize = 'porter unicode61')")?;
        let transaction = connection.transaction()?;
        let mut insert = transaction.prepare("INSERT INTO chunks (text) VALUES (?1)")?;
        for text in texts {
            insert.execute([text])?;
        }
        drop(insert);
        transaction.commit()?;
        connection.execute("INSERT INTO chunks (chunks) VALUES ('optimize')", ())?;
        Ok(Self { connection })
    }

    /// The time each question takes, the first `warm_up` not counted.
    pub(crate) fn search(&self, questions: &[String], limit: u32, warm_up: usize) -> Result<Latencies> {
        let mut select = self
            .connection
            .prepare("SELECT text FROM chunks WHERE chunks MATCH ?1 ORDER BY rank LIMIT ?2")?;
        let mut durations = Vec::with_capacity(questions.len());
        for question in questions {
            let begun = Instant::now();
            let mut rows = select.query((any_word(question), limit))?;
            while let Some(row) = rows.next()? {
                std::hint::black_box(row.get_ref(0)?);
            }
            durations.push(begun.elapsed());
        }
        Ok(durations.into_iter().skip(warm_up).collect())
    }
}

/// A query for chunks with any of the words.
fn any_word(question: &str) -> String {
    let words: Vec<String> = question
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| format!("\"{word}\""))
        .collect();
    words.join(" OR ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_stems_of_any_word() {
        let texts = ["cats sleep", "dogs bark", "birds"].map(str::to_owned);
        let way = SqliteWay::index(&texts).unwrap();
        let count: u32 = way
            .connection
            .query_row(
                "SELECT count(*) FROM chunks WHERE chunks MATCH ?1",
                [any_word("cat, barking?")],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(count, 2);
        assert_eq!(way.search(&["cat".to_owned(), "dog".to_owned()], 10, 1).unwrap().len(), 1);
    }
}
