DROP TABLE trakrf.bulk_import_plans;
