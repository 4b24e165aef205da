//! Fills the memory of the search index from its rows, when it is opened and before anything is written. Reading the
//! next rows and inverting the last ones go on at the same time.

use std::collections::HashMap;
use std::sync::Arc;

use millrace_domain::{ChunkIndex, CollectionName, DocumentId, Generation, TenantId};
use millrace_ports::PortError;
use rusqlite::{Connection, OptionalExtension, params};

use super::collection::Collection;
use super::entry::{About, Entry};
use super::forward::{Decoded, decode, encode};
use super::rows::{entry_and_chunk, save_terms};
use super::segment::{SEGMENT_CHUNKS_MAX, SegmentBuilder};
use super::vector_block::Row;
use crate::{Database, Publications, QuantisedVector, WorkerPool, corrupt, sql_error};
use millrace_words::{Analyzer, ChunkTerms};

/// Rows that are read at a time; a segment is made of them, so no more than fit one.
const BATCH_ROWS: usize = 16_384;
const _: () = assert!(BATCH_ROWS <= SEGMENT_CHUNKS_MAX);

/// Loads everything.
pub(super) async fn load(
    database: &Database,
    publications: &Arc<Publications>,
    pool: &WorkerPool,
) -> Result<(), PortError> {
    let publications = Arc::clone(publications);
    let owners = database.read("load the search index", move |c| read_owners(c, &publications)).await?;
    let owners = Arc::new(owners);
    load_words(database, pool, &owners).await?;
    load_vectors(database, pool, &owners).await?;
    for collection in owners.collections.clone() {
        let merge = move || {
            collection.upkeep();
            Ok(())
        };
        pool.run("merge a loaded collection", merge).await?;
    }
    Ok(())
}

/// Whose the rows are.
struct Owners {
    entries: HashMap<i64, Owner>,
    collections: Vec<Arc<Collection>>,
}

struct Owner {
    /// Place among the collections.
    collection: usize,
    document_id: DocumentId,
    generation: Generation,
    about: Arc<About>,
}

impl Owners {
    fn of(&self, entry: i64) -> Result<&Owner, PortError> {
        self.entries.get(&entry).ok_or_else(|| corrupt(format!("search rows of unknown entry {entry}")))
    }
}

fn read_owners(connection: &Connection, publications: &Publications) -> Result<Owners, PortError> {
    let mut owners = Owners { entries: HashMap::new(), collections: Vec::new() };
    let mut places = HashMap::new();
    let mut statement = connection
        .prepare(
            "SELECT id, tenant, collection, document, generation, filename, metadata FROM search_entries",
        )
        .map_err(sql_error)?;
    let mut rows = statement.query([]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        let text = |column| row.get_ref(column).map_err(sql_error)?.as_str().map_err(corrupt);
        let tenant = TenantId::new(text(1)?).map_err(corrupt)?;
        let name = CollectionName::from_index(text(2)?).map_err(corrupt)?;
        let collection = *places.entry((tenant, name)).or_insert_with_key(|(tenant, name)| {
            owners.collections.push(publications.collection(tenant, name));
            owners.collections.len() - 1
        });
        let metadata = serde_json::from_str(text(6)?).map_err(corrupt)?;
        let owner = Owner {
            collection,
            document_id: text(3)?.parse().map_err(corrupt)?,
            generation: Generation::new(row.get(4).map_err(sql_error)?),
            about: Arc::new(About { filename: text(5)?.to_owned(), metadata }),
        };
        owners.entries.insert(row.get(0).map_err(sql_error)?, owner);
    }
    Ok(owners)
}

/// Rows by id, ascending, and the highest.
type Batch<T> = Vec<(i64, T)>;

async fn load_words(database: &Database, pool: &WorkerPool, owners: &Arc<Owners>) -> Result<(), PortError> {
    let read = |after| database.read("load words", move |connection| read_words(connection, after));
    let mut batch = read(i64::MIN).await?;
    while let Some(&(last, _)) = batch.terms.last() {
        let owners = Arc::clone(owners);
        let Words { terms, renewed } = batch;
        let invert = pool.run("invert words", move || invert(&owners, &terms));
        let renew = database.write_bulk("renew words", move |connection| {
            renewed.iter().try_for_each(|(id, terms)| save_terms(connection, *id, terms))
        });
        (batch, (), ()) = futures::try_join!(read(last), invert, renew)?;
    }
    Ok(())
}

#[derive(Default)]
struct Words {
    terms: Batch<ChunkTerms>,
    /// Those that another version's analysis had made, as they should be.
    renewed: Batch<Vec<u8>>,
}

fn read_words(connection: &Connection, after: i64) -> Result<Words, PortError> {
    let mut words = Words::default();
    let mut analyzer = Analyzer::new();
    let mut statement = connection
        .prepare_cached("SELECT id, terms FROM search_words WHERE id > ?1 ORDER BY id LIMIT ?2")
        .map_err(sql_error)?;
    let mut rows = statement.query(params![after, BATCH_ROWS as i64]).map_err(sql_error)?;
    while let Some(row) = rows.next().map_err(sql_error)? {
        let id = row.get(0).map_err(sql_error)?;
        let bytes = row.get_ref(1).map_err(sql_error)?.as_blob().map_err(corrupt)?;
        let terms = match decode(bytes) {
            Decoded::Terms(terms) => terms,
            Decoded::Corrupt => return Err(corrupt(format!("terms of search row {id}"))),
            Decoded::OtherVersion => {
                let terms = analyzer.chunk(&read_text(connection, id)?);
                words.renewed.push((id, encode(&terms)));
                terms
            }
        };
        words.terms.push((id, terms));
    }
    Ok(words)
}

fn read_text(connection: &Connection, id: i64) -> Result<String, PortError> {
    let text = connection
        .prepare_cached("SELECT content FROM search_chunks WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
        .map_err(sql_error)?;
    text.ok_or_else(|| corrupt(format!("search row {id} has words but no chunk")))
}

/// One segment per collection from a batch of rows.
fn invert(owners: &Owners, words: &[(i64, ChunkTerms)]) -> Result<(), PortError> {
    let mut pieces: HashMap<usize, (SegmentBuilder, Vec<Entry>)> = HashMap::new();
    for (id, terms) in words {
        let (row, chunk) = entry_and_chunk(*id);
        let owner = owners.of(row)?;
        let (builder, entries) = pieces.entry(owner.collection).or_default();
        if entries.last().is_none_or(|entry| entry.row != row) {
            entries.push(Entry::new(row, owner.document_id, owner.generation, Arc::clone(&owner.about)));
        }
        builder.push(entries.len() as u32 - 1, chunk, terms);
    }
    for (collection, (builder, entries)) in pieces {
        owners.collections[collection].put(entries, builder.build());
    }
    Ok(())
}

async fn load_vectors(database: &Database, pool: &WorkerPool, owners: &Arc<Owners>) -> Result<(), PortError> {
    let read = |after| database.read("load vectors", move |connection| read_vectors(connection, after));
    let mut batch = read(i64::MIN).await?;
    while let Some(&(last, _)) = batch.last() {
        let owners = Arc::clone(owners);
        let place = pool.run("place vectors", move || place(&owners, &batch));
        (batch, ()) = futures::try_join!(read(last), place)?;
    }
    Ok(())
}

fn read_vectors(connection: &Connection, after: i64) -> Result<Batch<(usize, Row)>, PortError> {
    let mut statement = connection
        .prepare_cached("SELECT id, vector FROM search_vectors WHERE id > ?1 ORDER BY id LIMIT ?2")
        .map_err(sql_error)?;
    let mut rows = statement.query(params![after, BATCH_ROWS as i64]).map_err(sql_error)?;
    let mut batch = Vec::new();
    while let Some(row) = rows.next().map_err(sql_error)? {
        let id = row.get(0).map_err(sql_error)?;
        let bytes = row.get_ref(1).map_err(sql_error)?.as_blob().map_err(corrupt)?;
        let vector = QuantisedVector::from_bytes(bytes)
            .ok_or_else(|| corrupt(format!("vector of search row {id}")))?;
        batch.push((id, (vector.values.len(), Row::new(&vector.values))));
    }
    Ok(batch)
}

fn place(owners: &Owners, vectors: &[(i64, (usize, Row))]) -> Result<(), PortError> {
    for of_entry in vectors.chunk_by(|a, b| entry_and_chunk(a.0).0 == entry_and_chunk(b.0).0) {
        let owner = owners.of(entry_and_chunk(of_entry[0].0).0)?;
        let collection = &owners.collections[owner.collection];
        let rows: Vec<_> = of_entry
            .iter()
            .map(|(id, (_, row))| (ChunkIndex::new(entry_and_chunk(*id).1), row.clone()))
            .collect();
        collection.put_vectors(owner.document_id, owner.generation, of_entry[0].1.0, &rows);
    }
    Ok(())
}
