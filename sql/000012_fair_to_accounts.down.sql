DROP INDEX trakrf.bulk_import_queue_fair_order_idx;
ALTER TABLE trakrf.bulk_import_queue DROP COLUMN ahead;
CREATE INDEX bulk_import_queue_fair_order_idx ON trakrf.bulk_import_queue (next_chunk, enqueued_at);
