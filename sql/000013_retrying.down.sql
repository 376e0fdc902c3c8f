REVOKE UPDATE (handled) ON trakrf.bulk_import_chunks FROM bulkimport_worker;
ALTER TABLE trakrf.bulk_import_chunks
    DROP COLUMN handled,
    DROP COLUMN only_rows;
