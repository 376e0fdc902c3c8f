CREATE TABLE trakrf.bulk_import_chunks (
    account_id int   NOT NULL,
    job_id     uuid  NOT NULL,
    -- Counted from 0, in the file's order.
    number     int   NOT NULL,
    -- The row number of the first record in a spreadsheet, which counts blank lines; the header is row 1.
    first_row  int   NOT NULL,
    -- The number of records that are not blank.
    rows       int   NOT NULL,
    -- Whole records in UTF-8. Not of type text: a file may contain NUL, which is a row error, no reason to refuse it.
    body       bytea NOT NULL,

    PRIMARY KEY (account_id, job_id, number),
    -- Deferred: the chunks are inserted while the rows are counted, and the job, with their total, afterwards.
    CONSTRAINT chunk_of_job FOREIGN KEY (account_id, job_id)
        REFERENCES trakrf.bulk_import_jobs (account_id, id)
        ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);

-- Written once and read once: compression is not worth its time.
ALTER TABLE trakrf.bulk_import_chunks ALTER COLUMN body SET STORAGE EXTERNAL;

ALTER TABLE trakrf.bulk_import_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_chunks FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON trakrf.bulk_import_chunks
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

GRANT INSERT ON trakrf.bulk_import_chunks TO bulkimport_web;
GRANT SELECT ON trakrf.bulk_import_chunks TO bulkimport_worker;
