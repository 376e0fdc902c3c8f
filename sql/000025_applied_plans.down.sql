ALTER TABLE trakrf.bulk_import_jobs
    DROP COLUMN applies_plan,
    DROP CONSTRAINT outcomes_add_up,
    DROP CONSTRAINT unchanged_not_negative,
    ADD CONSTRAINT outcomes_add_up
        CHECK (created_rows + updated_rows + unchanged_rows + skipped_rows + failed_rows + coalesce(removed_rows, 0)
               = processed_rows) NOT VALID,
    ADD CONSTRAINT unchanged_not_negative CHECK (unchanged_rows >= 0) NOT VALID;
