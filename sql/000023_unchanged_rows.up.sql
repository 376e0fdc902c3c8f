-- Rows that would have changed nothing in an existing asset: counted, and not written. Old workers leave it at 0.
-- The new CHECK implies the old one for their rows; a later file validates it.
ALTER TABLE trakrf.bulk_import_jobs
    ADD COLUMN unchanged_rows int NOT NULL DEFAULT 0,
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT outcomes_add_up,
    ADD CONSTRAINT outcomes_add_up
        CHECK (created_rows + updated_rows + unchanged_rows + skipped_rows + failed_rows + coalesce(removed_rows, 0)
               = processed_rows) NOT VALID,
    ADD CONSTRAINT unchanged_not_negative CHECK (unchanged_rows >= 0) NOT VALID;
