DROP TABLE trakrf.accounts;
