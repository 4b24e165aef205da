-- Vectors already paid for, anew: found by a number made of tenant and hash. Hashes fall anywhere in an index, so the index
-- must fit into the page cache, or each new vector costs reads of its own: a million take 15 MB like this, and took 110.
-- What the older cache held is given up; it cost time only.

DROP TABLE embedding_cache;

-- The id grows with age, by which the oldest are dropped.
CREATE TABLE cached_vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    hash TEXT NOT NULL,
    model TEXT NOT NULL,
    vector BLOB NOT NULL
) STRICT;
CREATE INDEX cached_vectors_by_key ON cached_vectors (key);
