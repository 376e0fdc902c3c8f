CREATE TABLE trakrf.bulk_import_errors (
    account_id int      NOT NULL,
    job_id     uuid     NOT NULL,
    -- The row number as a spreadsheet shows it; the header is row 1.
    row_number int      NOT NULL,
    -- Counted from 0, since a row may have several errors.
    position   smallint NOT NULL,
    -- NULL if the error concerns the row as a whole.
    field      text,
    code       text     NOT NULL,
    message    text     NOT NULL,
    -- The beginning of the cell, as it is in the file.
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
