-- The search index: chunks, words, vectors. Written under a generation; `heads` says which of them may be seen.
-- Chunks, words and vectors share an id, 2^24 times the entry plus the chunk's position, and lie apart so that
-- opening an index reads no texts.

CREATE TABLE search_entries (
    -- Never used again, so that nobody who is reading gets another document's chunks.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    collection TEXT NOT NULL,
    document TEXT NOT NULL,
    generation INTEGER NOT NULL,
    filename TEXT NOT NULL,
    metadata TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX search_entries_by_document ON search_entries (tenant, document, collection, generation);

CREATE TABLE search_chunks (
    id INTEGER PRIMARY KEY,
    page INTEGER,
    heading TEXT,
    start_byte INTEGER NOT NULL,
    end_byte INTEGER NOT NULL,
    content TEXT NOT NULL
) STRICT;

-- The terms of a chunk, as the module `search::forward` writes them.
CREATE TABLE search_words (
    id INTEGER PRIMARY KEY,
    terms BLOB NOT NULL
) STRICT;

-- As `QuantisedVector` writes them.
CREATE TABLE search_vectors (
    id INTEGER PRIMARY KEY,
    vector BLOB NOT NULL
) STRICT;
