-- What a dry run would do with the rows of each of its chunks: those without errors, in file order. Arrays, because a
-- row of the table for each row of the file would cost more than the rest of the dry run.
CREATE TABLE trakrf.bulk_import_plans (
    account_id     int      NOT NULL,
    job_id         uuid     NOT NULL,
    -- The chunk's.
    number         int      NOT NULL,
    -- The first and the last of `rows`.
    first_row      int      NOT NULL,
    last_row       int      NOT NULL,
    -- How many rows would create an asset, update one, leave one as it is, or be skipped.
    created_rows   int      NOT NULL,
    updated_rows   int      NOT NULL,
    unchanged_rows int      NOT NULL,
    skipped_rows   int      NOT NULL,
    rows           int[]    NOT NULL,
    identifiers    text[]   NOT NULL,
    -- The asset that has the identifier, and its version; NULL for a row that would create one.
    asset_ids      bigint[] NOT NULL,
    versions       int[]    NOT NULL,
    -- For a row that would update its asset, {column: {"from", "to"}} in JSON; otherwise NULL.
    changes        text[]   NOT NULL,

    PRIMARY KEY (account_id, job_id, number),
    CONSTRAINT plan_of_job FOREIGN KEY (account_id, job_id)
        REFERENCES trakrf.bulk_import_jobs (account_id, id) ON DELETE CASCADE,
    CONSTRAINT every_row_has_an_action
        CHECK (created_rows + updated_rows + unchanged_rows + skipped_rows = cardinality(rows))
);

-- Written once and read a few times: compression is not worth its time.
ALTER TABLE trakrf.bulk_import_plans
    ALTER COLUMN identifiers SET STORAGE EXTERNAL,
    ALTER COLUMN changes     SET STORAGE EXTERNAL;

ALTER TABLE trakrf.bulk_import_plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_plans FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON trakrf.bulk_import_plans
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

GRANT SELECT ON trakrf.bulk_import_plans TO bulkimport_web;
GRANT SELECT, INSERT, DELETE ON trakrf.bulk_import_plans TO bulkimport_worker;
