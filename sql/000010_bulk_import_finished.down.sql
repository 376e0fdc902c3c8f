REVOKE SELECT, DELETE ON trakrf.bulk_import_errors FROM bulkimport_worker;
REVOKE DELETE ON trakrf.bulk_import_jobs, trakrf.bulk_import_chunks FROM bulkimport_worker;
DROP TABLE trakrf.bulk_import_finished;
