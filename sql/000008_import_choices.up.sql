-- Of before the first release, when every table was small.
-- squawk-ignore-file constraint-missing-not-valid, adding-foreign-key-constraint, require-concurrent-index-creation

-- How a file is read and what the caller chose, and the counts of what became of its rows. The counts are NULL
-- in a job that was not handed in as a file; so they do not bind it.
ALTER TABLE trakrf.bulk_import_jobs
    -- charset, delimiter, columns, date_format, dry_run, on_conflict, on_error: as they are in force.
    ADD COLUMN options         jsonb  NOT NULL DEFAULT '{}',
    -- The cells of the header, as the file has them.
    ADD COLUMN header          text[] NOT NULL DEFAULT '{}',
    -- Columns that are for nothing: [{"column", "position", "did_you_mean"}].
    ADD COLUMN ignored_columns jsonb  NOT NULL DEFAULT '[]',
    -- Rows. In a dry run, what would have become of them.
    ADD COLUMN created_rows    int,
    ADD COLUMN updated_rows    int,
    ADD COLUMN skipped_rows    int,
    -- Blank lines, which are no rows.
    ADD COLUMN blank_rows      int,
    -- Errors by code and field: [{"code", "field", "count", "first_rows"}].
    ADD COLUMN error_summary   jsonb  NOT NULL DEFAULT '[]',
    -- The job whose failed rows this file mends.
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

-- The physical line of the file on which a chunk, and a faulty row, begins; 0 for those of before this column.
ALTER TABLE trakrf.bulk_import_chunks ADD COLUMN first_line int NOT NULL DEFAULT 0;
ALTER TABLE trakrf.bulk_import_errors ADD COLUMN line int NOT NULL DEFAULT 0;

-- The failed rows are handed back as they were.
GRANT SELECT ON trakrf.bulk_import_chunks TO bulkimport_web;

-- An all-or-nothing job that met a bad row: its rows are now only checked, to report all that is wrong.
ALTER TABLE trakrf.bulk_import_queue ADD COLUMN only_check boolean NOT NULL DEFAULT false;

-- An import may now change assets that exist.
GRANT UPDATE ON trakrf.assets TO bulkimport_worker;
