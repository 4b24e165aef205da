-- The documents of a collection, as its re-embedding goes through them.

CREATE INDEX heads_by_collection ON heads (tenant, collection, document) WHERE status NOT IN ('deleting', 'deleted');
