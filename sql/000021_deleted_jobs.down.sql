REVOKE UPDATE (finished_at) ON trakrf.bulk_import_finished FROM bulkimport_web;
REVOKE UPDATE (deleted_at, parent_job_id) ON trakrf.bulk_import_jobs FROM bulkimport_web;

ALTER TABLE trakrf.bulk_import_jobs DROP COLUMN deleted_at;

-- Earlier code would keep forever the jobs that still had to be tidied up.
ALTER TABLE trakrf.bulk_import_finished NO FORCE ROW LEVEL SECURITY;
UPDATE trakrf.bulk_import_finished SET finished_at = now() WHERE finished_at = 'infinity';
ALTER TABLE trakrf.bulk_import_finished FORCE ROW LEVEL SECURITY;
