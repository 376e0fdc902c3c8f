-- Finished jobs, in the order in which they will be purged. This is a table of its own because, as with the queue, a
-- worker looks for them before it knows which account they belong to.
CREATE TABLE trakrf.bulk_import_finished (
    account_id  int         NOT NULL,
    job_id      uuid        NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now(),

    PRIMARY KEY (account_id, job_id),
    CONSTRAINT finished_job FOREIGN KEY (account_id, job_id)
        REFERENCES trakrf.bulk_import_jobs (account_id, id) ON DELETE CASCADE
);

CREATE INDEX bulk_import_finished_oldest_idx ON trakrf.bulk_import_finished (finished_at);

-- The owner is bound by the policy of the jobs, too, but has to see all of them here.
ALTER TABLE trakrf.bulk_import_jobs NO FORCE ROW LEVEL SECURITY;
INSERT INTO trakrf.bulk_import_finished (account_id, job_id, finished_at)
SELECT account_id, id, completed_at FROM trakrf.bulk_import_jobs WHERE completed_at IS NOT NULL;
ALTER TABLE trakrf.bulk_import_jobs FORCE ROW LEVEL SECURITY;

ALTER TABLE trakrf.bulk_import_finished ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_finished FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON trakrf.bulk_import_finished
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

CREATE POLICY every_tenant_for_workers ON trakrf.bulk_import_finished
    TO bulkimport_worker
    USING      (true)
    WITH CHECK (true);

-- UPDATE is needed only to lock rows.
GRANT SELECT, INSERT, UPDATE, DELETE ON trakrf.bulk_import_finished TO bulkimport_worker;
GRANT DELETE ON trakrf.bulk_import_jobs, trakrf.bulk_import_chunks TO bulkimport_worker;
GRANT SELECT, DELETE ON trakrf.bulk_import_errors TO bulkimport_worker;
