-- Assets are created, changed and deleted one by one, too.
GRANT INSERT, UPDATE ON trakrf.assets TO bulkimport_web;
