-- Collections that move to another model: the index space that searches see, the revision that a change must know, and the
-- saga under way and the one before, as JSON.

ALTER TABLE collections ADD COLUMN space INTEGER NOT NULL DEFAULT 0;
ALTER TABLE collections ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE collections ADD COLUMN reembedding TEXT;
ALTER TABLE collections ADD COLUMN last_reembedding TEXT;

-- Looked at every second; empty but for the while of a saga.
CREATE INDEX collections_under_reembedding ON collections (tenant, name) WHERE reembedding IS NOT NULL;
