-- Belongs to the platform; created here so that the service also works on its own.
CREATE TABLE trakrf.accounts (
    id         int         PRIMARY KEY,
    name       text        NOT NULL,
    is_active  boolean     NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT account_id_positive CHECK (id > 0),
    CONSTRAINT account_name_present CHECK (name <> '')
);

ALTER TABLE trakrf.accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.accounts FORCE ROW LEVEL SECURITY;

-- The sub-select is evaluated once per statement, not once per row. An unset tenant reads as NULL or '', which
-- matches no rows.
CREATE POLICY tenant ON trakrf.accounts
    USING      (id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

GRANT SELECT (id, name, is_active) ON trakrf.accounts TO bulkimport_web;
