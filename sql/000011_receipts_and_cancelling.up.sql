-- Written before the first release, when every table was small.
-- squawk-ignore-file constraint-missing-not-valid

-- What was uploaded, by whom, and when its import began and last made progress.
ALTER TABLE trakrf.bulk_import_jobs
    ADD COLUMN kind                text NOT NULL DEFAULT 'import',
    -- The subject of the token, the request and its trace (W3C Trace Context, section 3.2).
    ADD COLUMN created_by          text,
    ADD COLUMN request_id          text,
    ADD COLUMN traceparent         text,
    ADD COLUMN file_name           text,
    ADD COLUMN file_bytes          bigint,
    ADD COLUMN file_sha256         bytea,
    ADD COLUMN started_at          timestamptz,
    ADD COLUMN advanced_at         timestamptz,
    -- The worker that is importing a chunk of the job ends the job after that chunk.
    ADD COLUMN cancel_requested_at timestamptz,
    ADD CONSTRAINT valid_kind CHECK (kind IN ('import', 'revert')),
    ADD CONSTRAINT file_sha256_is_hash CHECK (octet_length(file_sha256) = 32);

-- Web cancels jobs, which takes effect immediately if no worker is processing the job, and deletes finished ones.
GRANT UPDATE (status, failure, completed_at, cancel_requested_at), DELETE
    ON trakrf.bulk_import_jobs TO bulkimport_web;
GRANT SELECT, UPDATE, DELETE ON trakrf.bulk_import_queue TO bulkimport_web;
GRANT SELECT, DELETE ON trakrf.bulk_import_identifiers TO bulkimport_web;
GRANT SELECT, INSERT ON trakrf.bulk_import_finished TO bulkimport_web;
