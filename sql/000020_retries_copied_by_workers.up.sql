-- The table has one row an unfinished job.
-- squawk-ignore-file constraint-missing-not-valid

-- A retry's first turns, as many as this, each copy a chunk of its parent; its other turns import the copies.
ALTER TABLE trakrf.bulk_import_queue
    ADD COLUMN copies int NOT NULL DEFAULT 0,
    ADD CONSTRAINT copies_are_imported CHECK (0 <= copies AND copies < chunks);

GRANT INSERT ON trakrf.bulk_import_chunks TO bulkimport_worker;
