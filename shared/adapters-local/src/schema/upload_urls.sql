-- Uploaded contents are known by their ending, since a store's notifications select by it. The folder's own layout brings
-- the files along.

UPDATE small_blobs SET key = key || '.content' WHERE key GLOB '*/source-*' AND NOT key GLOB '*.content';

-- The secret that signs URLs for uploads; one row.

CREATE TABLE upload_url_secret (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    secret BLOB NOT NULL
) STRICT;
