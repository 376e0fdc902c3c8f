-- Written before the first release, when every table was small.
-- squawk-ignore-file constraint-missing-not-valid, adding-foreign-key-constraint, require-concurrent-index-creation

-- How a file is read, which options the caller chose, and how many rows had which outcome. The counts are NULL in
-- a job that was not created by an upload, so that the constraints on them do not apply to it.
ALTER TABLE trakrf.bulk_import_jobs
    -- charset, delimiter, columns, date_format, dry_run, on_conflict and on_error, including defaults.
    ADD COLUMN options         jsonb  NOT NULL DEFAULT '{}',
    -- The cells of the header, as they are in the file.
    ADD COLUMN header          text[] NOT NULL DEFAULT '{}',
    -- Columns that are not used: [{"column", "position", "did_you_mean"}].
    ADD COLUMN ignored_columns jsonb  NOT NULL DEFAULT '[]',
    -- Numbers of rows by outcome; in a dry run, the outcomes that the rows would have had.
    ADD COLUMN created_rows    int,
    ADD COLUMN updated_rows    int,
    ADD COLUMN skipped_rows    int,
    -- The number of blank lines, which do not count as rows.
    ADD COLUMN blank_rows      int,
    -- Errors by code and field: [{"code", "field", "count", "first_rows"}].
    ADD COLUMN error_summary   jsonb  NOT NULL DEFAULT '[]',
    -- The job whose failed rows this file corrects.
    ADD COLUMN parent_job_id   uuid,
    ADD CONSTRAINT parent_of_job FOREIGN KEY (account_id, parent_job_id)
        REFERENCES trakrf.bulk_import_jobs (account_id, id) ON DELETE SET NULL (parent_job_id),
    ADD CONSTRAINT outcomes_add_up CHECK (created_rows + updated_rows + skipped_rows + failed_rows = processed_rows),
    ADD CONSTRAINT outcomes_not_negative
        CHECK (created_rows >= 0 AND updated_rows >= 0 AND skipped_rows >= 0 AND blank_rows >= 0),
    ADD CONSTRAINT options_is_object CHECK (jsonb_typeof(options) = 'object'),
    ADD CONSTRAINT ignored_columns_is_array CHECK (jsonb_typeof(ignored_columns) = 'array'),
    ADD CONSTRAINT error_summary_is_array CHECK (jsonb_typeof(error_summary) = 'array');

CREATE INDEX bulk_import_jobs_parent_idx ON trakrf.bulk_import_jobs (account_id, parent_job_id)
    WHERE parent_job_id IS NOT NULL;

-- The physical line of the file on which a chunk, or a row with an error, begins; 0 if it is older than this column.
ALTER TABLE trakrf.bulk_import_chunks ADD COLUMN first_line int NOT NULL DEFAULT 0;
ALTER TABLE trakrf.bulk_import_errors ADD COLUMN line int NOT NULL DEFAULT 0;

-- Web lets callers download the failed rows as they were.
GRANT SELECT ON trakrf.bulk_import_chunks TO bulkimport_web;

-- Set when an all-or-nothing job has met a bad row: its rows are then only checked, to report all errors.
ALTER TABLE trakrf.bulk_import_queue ADD COLUMN only_check boolean NOT NULL DEFAULT false;

-- An import can update existing assets.
GRANT UPDATE ON trakrf.assets TO bulkimport_worker;
