REVOKE INSERT ON trakrf.bulk_import_chunks FROM bulkimport_worker;

ALTER TABLE trakrf.bulk_import_queue
    DROP CONSTRAINT copies_are_imported,
    DROP COLUMN copies;
