CREATE TABLE trakrf.bulk_import_chunks (
    account_id int   NOT NULL,
    job_id     uuid  NOT NULL,
    -- From 0, in the file's order.
    number     int   NOT NULL,
    -- The number in the spreadsheet of the first record, blank ones counted; the header is row 1.
    first_row  int   NOT NULL,
    -- Records that are not blank.
    rows       int   NOT NULL,
    -- Whole records, UTF-8. Not text: a file may hold NUL, which is a row error and not a refusal.
    body       bytea NOT NULL,

    PRIMARY KEY (account_id, job_id, number),
    -- Deferred: the chunks are written while the file is counted, and the job, with its total, after them.
    CONSTRAINT chunk_of_job FOREIGN KEY (account_id, job_id)
        REFERENCES trakrf.bulk_import_jobs (account_id, id)
        ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);

-- Written once and read once: compressing costs more time than it saves space.
ALTER TABLE trakrf.bulk_import_chunks ALTER COLUMN body SET STORAGE EXTERNAL;

ALTER TABLE trakrf.bulk_import_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_chunks FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON trakrf.bulk_import_chunks
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

GRANT INSERT ON trakrf.bulk_import_chunks TO bulkimport_web;
GRANT SELECT ON trakrf.bulk_import_chunks TO bulkimport_worker;
