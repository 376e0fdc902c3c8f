DROP TABLE trakrf.asset_numbers;
