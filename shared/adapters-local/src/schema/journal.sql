-- The history of documents: events in commit order, heads, snapshots, and how far each reader of the stream is.

CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    document TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    envelope TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_document ON events (tenant, document, sequence);

CREATE TABLE heads (
    tenant TEXT NOT NULL,
    document TEXT NOT NULL,
    version INTEGER NOT NULL,
    collection TEXT NOT NULL,
    status TEXT NOT NULL,
    published_generation INTEGER,
    published_upload TEXT,
    published_vectors INTEGER,
    unsettled_since INTEGER,
    PRIMARY KEY (tenant, document)
) STRICT, WITHOUT ROWID;
CREATE INDEX heads_unsettled ON heads (unsettled_since) WHERE unsettled_since IS NOT NULL;

CREATE TABLE snapshots (
    tenant TEXT NOT NULL,
    document TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (tenant, document)
) STRICT;

CREATE TABLE stream_cursors (
    consumer TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who does which step, until when, and what came of it.
CREATE TABLE ledger (
    step TEXT NOT NULL PRIMARY KEY,
    owner TEXT,
    expires_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    memo TEXT NOT NULL,
    remember_ms INTEGER NOT NULL,
    -- How often its process died at it.
    cut_off INTEGER NOT NULL DEFAULT 0,
    result TEXT,
    forget_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_forget ON ledger (forget_at);
