-- Written before the first release, when every table was small.
-- squawk-ignore-file constraint-missing-not-valid, ban-drop-constraint, require-concurrent-index-creation

-- Incremented with each change of the asset: for ETag and If-Match, and to detect changes since an import.
ALTER TABLE trakrf.assets ADD COLUMN version int NOT NULL DEFAULT 1;
CREATE INDEX assets_import_idx ON trakrf.assets (account_id, import_job_id, import_row);

-- Assets as they were before a job changed them.
CREATE TABLE trakrf.bulk_import_changes (
    account_id    int         NOT NULL,
    job_id        uuid        NOT NULL,
    row_number    int         NOT NULL,
    asset_id      bigint      NOT NULL,
    -- The asset's version after the job's change.
    version_after int         NOT NULL,
    name          text        NOT NULL,
    type          text        NOT NULL,
    description   text,
    valid_from    timestamptz NOT NULL,
    valid_to      timestamptz,
    is_active     boolean     NOT NULL,
    metadata      jsonb       NOT NULL,

    PRIMARY KEY (account_id, job_id, row_number),
    CONSTRAINT change_of_job FOREIGN KEY (account_id, job_id)
        REFERENCES trakrf.bulk_import_jobs (account_id, id) ON DELETE CASCADE
);

ALTER TABLE trakrf.bulk_import_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_changes FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON trakrf.bulk_import_changes
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

GRANT SELECT ON trakrf.bulk_import_changes TO bulkimport_web;
GRANT SELECT, INSERT, DELETE ON trakrf.bulk_import_changes TO bulkimport_worker;

-- A job that reverts another one counts the assets that it removed separately.
ALTER TABLE trakrf.bulk_import_jobs
    ADD COLUMN removed_rows int,
    DROP CONSTRAINT outcomes_add_up,
    ADD CONSTRAINT outcomes_add_up
        CHECK (created_rows + updated_rows + skipped_rows + failed_rows + coalesce(removed_rows, 0)
               = processed_rows),
    ADD CONSTRAINT removed_not_negative CHECK (removed_rows >= 0),
    ADD CONSTRAINT only_revert_removes CHECK (kind = 'revert' OR removed_rows IS NULL);

-- At most one revert per job, not counting those that failed or were cancelled.
CREATE UNIQUE INDEX bulk_import_jobs_one_revert_idx
    ON trakrf.bulk_import_jobs (account_id, parent_job_id)
    WHERE kind = 'revert' AND status IN ('pending', 'processing', 'completed');
