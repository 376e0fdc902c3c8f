-- Finds the latest completed import with a header; a hash, since the names of 500 columns are too long for an index.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS bulk_import_jobs_header_idx
    ON trakrf.bulk_import_jobs (account_id, hash_array_extended(header, 0), completed_at DESC)
    WHERE status = 'completed' AND kind = 'import' AND deleted_at IS NULL;
