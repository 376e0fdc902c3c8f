CREATE TABLE trakrf.assets (
    account_id    int           NOT NULL REFERENCES trakrf.accounts (id),
    -- Cached: a session takes 100 numbers at a time, which makes imports faster but leaves gaps.
    id            bigint        NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 100),
    identifier    varchar(255)  NOT NULL,
    name          varchar(255)  NOT NULL,
    type          text          NOT NULL,
    description   varchar(1024),
    valid_from    timestamptz   NOT NULL,
    valid_to      timestamptz,
    is_active     boolean       NOT NULL DEFAULT true,
    metadata      jsonb         NOT NULL DEFAULT '{}',
    created_at    timestamptz   NOT NULL DEFAULT now(),
    updated_at    timestamptz   NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    -- Where the asset came from. No foreign key: a job may be purged long before its assets.
    import_job_id uuid,
    import_row    int,

    -- Every key begins with the account: any other key would reveal to one tenant what another one has.
    PRIMARY KEY (account_id, id),
    CONSTRAINT asset_identifier_present CHECK (identifier <> ''),
    CONSTRAINT asset_name_present CHECK (name <> ''),
    CONSTRAINT asset_type_known CHECK (type IN ('person', 'device', 'asset', 'inventory', 'other')),
    CONSTRAINT asset_valid_to_not_before_valid_from CHECK (valid_to >= valid_from),
    CONSTRAINT asset_metadata_is_object CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT asset_import_row_of_a_job CHECK ((import_job_id IS NULL) = (import_row IS NULL))
);

-- At most one live asset per identifier; deleting the asset frees the identifier.
CREATE UNIQUE INDEX assets_live_identifier_idx
    ON trakrf.assets (account_id, identifier)
    WHERE deleted_at IS NULL;

ALTER TABLE trakrf.assets ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.assets FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON trakrf.assets
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

GRANT SELECT ON trakrf.assets TO bulkimport_web;
GRANT SELECT, INSERT ON trakrf.assets TO bulkimport_worker;
