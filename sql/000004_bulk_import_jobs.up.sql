CREATE TABLE trakrf.bulk_import_jobs (
    account_id     int         NOT NULL REFERENCES trakrf.accounts (id),
    id             uuid        NOT NULL DEFAULT gen_random_uuid(),
    status         text        NOT NULL DEFAULT 'pending',
    total_rows     int         NOT NULL,
    -- Including the failed rows.
    processed_rows int         NOT NULL DEFAULT 0,
    failed_rows    int         NOT NULL DEFAULT 0,
    -- The first 100 row errors; all of them are in bulk_import_errors.
    errors         jsonb       NOT NULL DEFAULT '[]',
    -- Why a failed job stopped.
    failure        text,
    -- The asset field of each column of the file, in the file's order; NULL for an ignored column.
    columns        text[]      NOT NULL DEFAULT '{}',
    created_at     timestamptz NOT NULL DEFAULT now(),
    completed_at   timestamptz,

    PRIMARY KEY (account_id, id),
    CONSTRAINT valid_status CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    CONSTRAINT valid_row_counts CHECK (processed_rows <= total_rows AND failed_rows <= processed_rows),
    CONSTRAINT row_counts_not_negative CHECK (failed_rows >= 0),
    CONSTRAINT completed_handled_every_row CHECK (status <> 'completed' OR processed_rows = total_rows),
    CONSTRAINT only_finished_has_completion_time
        CHECK (completed_at IS NULL OR status IN ('completed', 'failed', 'cancelled')),
    CONSTRAINT only_failed_has_failure CHECK (failure IS NULL OR status = 'failed'),
    CONSTRAINT errors_is_array CHECK (jsonb_typeof(errors) = 'array')
) WITH (fillfactor = 80); -- so that updates of the counters fit on the same page

CREATE INDEX bulk_import_jobs_newest_idx ON trakrf.bulk_import_jobs (account_id, created_at DESC, id DESC);
CREATE INDEX bulk_import_jobs_status_idx ON trakrf.bulk_import_jobs (account_id, status);

ALTER TABLE trakrf.bulk_import_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_jobs FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON trakrf.bulk_import_jobs
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

GRANT SELECT, INSERT ON trakrf.bulk_import_jobs TO bulkimport_web;
GRANT SELECT, UPDATE ON trakrf.bulk_import_jobs TO bulkimport_worker;
