-- Documents as lists see them. What filters and counts look at is beside the state, which is read only to be shown.

CREATE TABLE views (
    tenant TEXT NOT NULL,
    document TEXT NOT NULL,
    version INTEGER NOT NULL,
    collection TEXT NOT NULL,
    status TEXT NOT NULL,
    label TEXT,
    chunks INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (tenant, document)
) STRICT;
CREATE INDEX views_by_collection ON views (tenant, collection, document);
CREATE INDEX views_by_status ON views (tenant, status, document);
CREATE INDEX views_by_label ON views (tenant, label, document) WHERE label IS NOT NULL;
-- Holds all that counts need.
CREATE INDEX views_counts ON views (tenant, collection, status, chunks, bytes);
