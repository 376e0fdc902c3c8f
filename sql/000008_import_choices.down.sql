REVOKE UPDATE ON trakrf.assets FROM bulkimport_worker;
ALTER TABLE trakrf.bulk_import_queue DROP COLUMN only_check;
REVOKE SELECT ON trakrf.bulk_import_chunks FROM bulkimport_web;
ALTER TABLE trakrf.bulk_import_errors DROP COLUMN line;
ALTER TABLE trakrf.bulk_import_chunks DROP COLUMN first_line;

ALTER TABLE trakrf.bulk_import_jobs
    DROP COLUMN options,
    DROP COLUMN header,
    DROP COLUMN ignored_columns,
    DROP COLUMN created_rows,
    DROP COLUMN updated_rows,
    DROP COLUMN skipped_rows,
    DROP COLUMN blank_rows,
    DROP COLUMN error_summary,
    DROP COLUMN parent_job_id;
