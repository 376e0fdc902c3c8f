-- Rows that were unchanged count as updated again, as they did before.
-- The owner is bound by the policies, too, but has to see all rows here.
ALTER TABLE trakrf.bulk_import_jobs
    NO FORCE ROW LEVEL SECURITY,
    DROP CONSTRAINT outcomes_add_up;
UPDATE trakrf.bulk_import_jobs
SET updated_rows = updated_rows + unchanged_rows
WHERE unchanged_rows > 0;
ALTER TABLE trakrf.bulk_import_jobs
    FORCE ROW LEVEL SECURITY,
    DROP COLUMN unchanged_rows,
    ADD CONSTRAINT outcomes_add_up
        CHECK (created_rows + updated_rows + skipped_rows + failed_rows + coalesce(removed_rows, 0)
               = processed_rows);
