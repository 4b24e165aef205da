-- Contents too small to be worth a file of their own.

CREATE TABLE small_blobs (
    key TEXT NOT NULL PRIMARY KEY,
    written_at INTEGER NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE INDEX small_blobs_sources ON small_blobs (key, written_at) WHERE key GLOB '*/source-*';
