-- The secret that signs URLs for uploads; one row.

CREATE TABLE upload_url_secret (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    secret BLOB NOT NULL
) STRICT;
