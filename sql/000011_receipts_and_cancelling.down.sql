REVOKE SELECT, INSERT ON trakrf.bulk_import_finished FROM bulkimport_web;
REVOKE SELECT, DELETE ON trakrf.bulk_import_identifiers FROM bulkimport_web;
REVOKE SELECT, UPDATE, DELETE ON trakrf.bulk_import_queue FROM bulkimport_web;
REVOKE UPDATE (status, failure, completed_at, cancel_requested_at), DELETE
    ON trakrf.bulk_import_jobs FROM bulkimport_web;

ALTER TABLE trakrf.bulk_import_jobs
    DROP COLUMN kind,
    DROP COLUMN created_by,
    DROP COLUMN request_id,
    DROP COLUMN traceparent,
    DROP COLUMN file_name,
    DROP COLUMN file_bytes,
    DROP COLUMN file_sha256,
    DROP COLUMN started_at,
    DROP COLUMN advanced_at,
    DROP COLUMN cancel_requested_at;
