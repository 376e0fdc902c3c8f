-- Web creates, changes and deletes single assets.
GRANT INSERT, UPDATE ON trakrf.assets TO bulkimport_web;
