ALTER TABLE trakrf.bulk_import_chunks
    -- Its rows were handled, and but for the failed ones they are done. A chunk that was never reached, or is
    -- of a file of which nothing was imported, has still to be.
    ADD COLUMN handled   boolean NOT NULL DEFAULT false,
    -- The numbers of the rows that count, where not all of the body's do: those that are tried again.
    ADD COLUMN only_rows int[];

-- The owner is bound by the policies, too, and for once has to see all rows.
ALTER TABLE trakrf.bulk_import_jobs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_chunks NO FORCE ROW LEVEL SECURITY;
UPDATE trakrf.bulk_import_chunks AS chunk
SET handled = true
FROM trakrf.bulk_import_jobs AS job
WHERE job.account_id = chunk.account_id
  AND job.id         = chunk.job_id
  AND job.status     = 'completed';
ALTER TABLE trakrf.bulk_import_chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_jobs FORCE ROW LEVEL SECURITY;

GRANT UPDATE (handled) ON trakrf.bulk_import_chunks TO bulkimport_worker;
