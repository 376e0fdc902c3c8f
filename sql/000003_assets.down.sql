DROP TABLE trakrf.assets;
