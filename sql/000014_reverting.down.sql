DROP INDEX trakrf.bulk_import_jobs_one_revert_idx;
ALTER TABLE trakrf.bulk_import_jobs NO FORCE ROW LEVEL SECURITY;
DELETE FROM trakrf.bulk_import_jobs WHERE kind = 'revert';
ALTER TABLE trakrf.bulk_import_jobs FORCE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_jobs
    DROP CONSTRAINT only_revert_removes,
    DROP CONSTRAINT removed_not_negative,
    DROP CONSTRAINT outcomes_add_up,
    DROP COLUMN removed_rows,
    ADD CONSTRAINT outcomes_add_up CHECK (created_rows + updated_rows + skipped_rows + failed_rows = processed_rows);

DROP TABLE trakrf.bulk_import_changes;
DROP INDEX trakrf.assets_import_idx;
ALTER TABLE trakrf.assets DROP COLUMN version;
