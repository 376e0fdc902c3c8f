-- The last number of an identifier that the service generated (ASSET-0001), for each account that has one.
CREATE TABLE trakrf.asset_numbers (
    account_id  int    NOT NULL REFERENCES trakrf.accounts (id),
    last_number bigint NOT NULL,

    PRIMARY KEY (account_id),
    CONSTRAINT last_number_not_negative CHECK (last_number >= 0)
);

ALTER TABLE trakrf.asset_numbers ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.asset_numbers FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON trakrf.asset_numbers
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

GRANT SELECT, INSERT, UPDATE (last_number) ON trakrf.asset_numbers TO bulkimport_worker;
