-- The table is small: it has one row per unfinished job.
-- squawk-ignore-file constraint-missing-not-valid

-- The first `copies` turns of a retry each copy a chunk of its parent; its other turns import these copies.
ALTER TABLE trakrf.bulk_import_queue
    ADD COLUMN copies int NOT NULL DEFAULT 0,
    ADD CONSTRAINT copies_are_imported CHECK (0 <= copies AND copies < chunks);

GRANT INSERT ON trakrf.bulk_import_chunks TO bulkimport_worker;
