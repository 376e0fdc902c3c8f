DROP TABLE trakrf.bulk_import_identifiers;
