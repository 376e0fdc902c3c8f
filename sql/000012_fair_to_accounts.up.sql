-- Written before the first release, when every table was small.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

-- How many unfinished jobs the account had when this one was created. They count as chunks that are already done, so
-- that many jobs of one account do not all come before the first job of another.
ALTER TABLE trakrf.bulk_import_queue ADD COLUMN ahead int NOT NULL DEFAULT 0;

DROP INDEX trakrf.bulk_import_queue_fair_order_idx;
CREATE INDEX bulk_import_queue_fair_order_idx
    ON trakrf.bulk_import_queue ((next_chunk + ahead), enqueued_at);
