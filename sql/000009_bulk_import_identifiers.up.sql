-- The identifiers that a job has met so far, and the rows they are in. They reveal a duplicate in the file even if
-- the first occurrence did not create an asset (a dry run, a skipped row, an update). Deleted when the job ends.
CREATE TABLE trakrf.bulk_import_identifiers (
    account_id int          NOT NULL,
    job_id     uuid         NOT NULL,
    identifier varchar(255) NOT NULL,
    row_number int          NOT NULL,

    PRIMARY KEY (account_id, job_id, identifier),
    CONSTRAINT identifier_of_job FOREIGN KEY (account_id, job_id)
        REFERENCES trakrf.bulk_import_jobs (account_id, id) ON DELETE CASCADE
);

ALTER TABLE trakrf.bulk_import_identifiers ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_identifiers FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON trakrf.bulk_import_identifiers
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

GRANT SELECT, INSERT, DELETE ON trakrf.bulk_import_identifiers TO bulkimport_worker;
