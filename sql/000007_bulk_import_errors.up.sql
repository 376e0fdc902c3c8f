CREATE TABLE trakrf.bulk_import_errors (
    account_id int      NOT NULL,
    job_id     uuid     NOT NULL,
    -- The number that a spreadsheet shows; the header is row 1.
    row_number int      NOT NULL,
    -- From 0: a row may have several errors.
    position   smallint NOT NULL,
    -- NULL where the row as a whole is to blame.
    field      text,
    code       text     NOT NULL,
    message    text     NOT NULL,
    -- The start of the cell, as the file has it.
    value      text,

    PRIMARY KEY (account_id, job_id, row_number, position),
    CONSTRAINT error_of_job FOREIGN KEY (account_id, job_id)
        REFERENCES trakrf.bulk_import_jobs (account_id, id) ON DELETE CASCADE
);

ALTER TABLE trakrf.bulk_import_errors ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_errors FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON trakrf.bulk_import_errors
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

GRANT SELECT ON trakrf.bulk_import_errors TO bulkimport_web;
GRANT INSERT ON trakrf.bulk_import_errors TO bulkimport_worker;
