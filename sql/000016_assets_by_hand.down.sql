REVOKE INSERT, UPDATE ON trakrf.assets FROM bulkimport_web;
