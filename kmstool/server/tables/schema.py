"""The tables of the store as a list of steps: a new store takes all of them, an old one those that it lacks.

A released step is never changed. Step n leads to format n (`user_version`).
"""

from __future__ import annotations

STEPS = (
    """
    CREATE TABLE store (
        store_id BLOB NOT NULL, protection TEXT NOT NULL, canary BLOB NOT NULL,
        store_key BLOB NOT NULL, created INTEGER NOT NULL
    );
    CREATE TABLE cmk (
        region TEXT NOT NULL, key_id TEXT NOT NULL UNIQUE, alias TEXT NOT NULL, description TEXT NOT NULL,
        state TEXT NOT NULL, usage TEXT NOT NULL, origin TEXT NOT NULL, owner TEXT NOT NULL,
        created INTEGER NOT NULL, version INTEGER NOT NULL,
        UNIQUE (region, alias)
    );
    CREATE TABLE material (
        key_id TEXT NOT NULL, version INTEGER NOT NULL, algorithm TEXT NOT NULL, wrapped BLOB NOT NULL,
        PRIMARY KEY (key_id, version)
    ) WITHOUT ROWID;
    CREATE TABLE tag (
        key_id TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key_id, name)
    ) WITHOUT ROWID
    """,
    """
    ALTER TABLE store ADD COLUMN parameters TEXT NOT NULL DEFAULT '';
    ALTER TABLE store ADD COLUMN clock_offset INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE cmk ADD COLUMN deletion_date INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE cmk ADD COLUMN rotate_days INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE cmk ADD COLUMN next_rotation INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE cmk ADD COLUMN last_rotation INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE cmk ADD COLUMN valid_to INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE binding (
        key_id TEXT NOT NULL, product TEXT NOT NULL, resource TEXT NOT NULL,
        PRIMARY KEY (key_id, product, resource)
    ) WITHOUT ROWID;
    CREATE INDEX due_deletion ON cmk (deletion_date) WHERE deletion_date > 0;
    CREATE INDEX due_rotation ON cmk (next_rotation) WHERE next_rotation > 0;
    CREATE INDEX due_expiry ON cmk (valid_to) WHERE valid_to > 0
    """,
    """
    CREATE TABLE credential (
        secret_id TEXT PRIMARY KEY, wrapped BLOB NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE fault (number INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL)
    """,
    """
    CREATE TABLE import_parameters (
        key_id TEXT PRIMARY KEY, algorithm TEXT NOT NULL, private_key BLOB NOT NULL, token_digest BLOB NOT NULL,
        valid_to INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE first_material (key_id TEXT PRIMARY KEY, fingerprint BLOB NOT NULL) WITHOUT ROWID
    """,
    """
    CREATE TABLE data_key (
        region TEXT NOT NULL, data_key_id TEXT NOT NULL UNIQUE, key_id TEXT NOT NULL, name TEXT NOT NULL,
        description TEXT NOT NULL, state TEXT NOT NULL, origin TEXT NOT NULL, byte_count INTEGER NOT NULL,
        created INTEGER NOT NULL, deletion_date INTEGER NOT NULL, context TEXT NOT NULL, wrapped BLOB NOT NULL,
        UNIQUE (region, name)
    );
    CREATE INDEX data_key_of_cmk ON data_key (key_id);
    CREATE INDEX due_data_key ON data_key (deletion_date) WHERE deletion_date > 0
    """,
    """
    CREATE TABLE white_box_key (
        region TEXT NOT NULL, key_id TEXT NOT NULL UNIQUE, alias TEXT NOT NULL, description TEXT NOT NULL,
        state TEXT NOT NULL, algorithm TEXT NOT NULL, created INTEGER NOT NULL, wrapped BLOB NOT NULL,
        UNIQUE (region, alias)
    );
    CREATE TABLE device (
        key_id TEXT NOT NULL, number INTEGER NOT NULL, fingerprint TEXT NOT NULL, description TEXT NOT NULL,
        PRIMARY KEY (key_id, number), UNIQUE (key_id, fingerprint)
    ) WITHOUT ROWID
    """,
    # Nothing bound temporary keys of before to their expiry: they end here.
    """
    DELETE FROM credential WHERE expires > 0;
    ALTER TABLE credential ADD COLUMN kind TEXT NOT NULL DEFAULT 'lasting';
    ALTER TABLE credential ADD COLUMN parent TEXT NOT NULL DEFAULT '';
    CREATE INDEX credential_of_parent ON credential (parent)
    """,
    # What binds the rows to the keys of the store. Digests of tags, bindings and devices are part of the row
    # that they belong to, and so is the fingerprint of a key's first material.
    """
    ALTER TABLE store ADD COLUMN fingerprint_key BLOB NOT NULL DEFAULT x'';
    ALTER TABLE store ADD COLUMN former TEXT NOT NULL DEFAULT '';
    ALTER TABLE store ADD COLUMN seal BLOB NOT NULL DEFAULT x'';
    ALTER TABLE cmk ADD COLUMN tags_digest BLOB NOT NULL DEFAULT x'';
    ALTER TABLE cmk ADD COLUMN bindings_digest BLOB NOT NULL DEFAULT x'';
    ALTER TABLE cmk ADD COLUMN first_material BLOB NOT NULL DEFAULT x'';
    ALTER TABLE cmk ADD COLUMN seal BLOB NOT NULL DEFAULT x'';
    UPDATE cmk SET first_material = coalesce(
        (SELECT fingerprint FROM first_material WHERE first_material.key_id = cmk.key_id), x'');
    DROP TABLE first_material;
    ALTER TABLE import_parameters ADD COLUMN seal BLOB NOT NULL DEFAULT x'';
    ALTER TABLE data_key ADD COLUMN tags_digest BLOB NOT NULL DEFAULT x'';
    ALTER TABLE data_key ADD COLUMN seal BLOB NOT NULL DEFAULT x'';
    ALTER TABLE white_box_key ADD COLUMN tags_digest BLOB NOT NULL DEFAULT x'';
    ALTER TABLE white_box_key ADD COLUMN devices_digest BLOB NOT NULL DEFAULT x'';
    ALTER TABLE white_box_key ADD COLUMN seal BLOB NOT NULL DEFAULT x''
    """,
    # The keys of the KMS of 2017, of which several may have the empty alias.
    """
    CREATE TABLE beta_key (
        region TEXT NOT NULL, key_id TEXT NOT NULL UNIQUE, alias TEXT NOT NULL, description TEXT NOT NULL,
        state TEXT NOT NULL, type INTEGER NOT NULL, created INTEGER NOT NULL, deletion_date INTEGER NOT NULL,
        wrapped BLOB NOT NULL, seal BLOB NOT NULL
    );
    CREATE UNIQUE INDEX beta_alias ON beta_key (region, alias) WHERE alias <> '';
    CREATE INDEX due_beta_key ON beta_key (deletion_date) WHERE deletion_date > 0
    """,
    # What is assumed of the cloud; before the seal, which is the last column everywhere.
    """
    CREATE TABLE changed_store (
        store_id BLOB NOT NULL, protection TEXT NOT NULL, canary BLOB NOT NULL, store_key BLOB NOT NULL,
        created INTEGER NOT NULL, parameters TEXT NOT NULL, clock_offset INTEGER NOT NULL, fingerprint_key BLOB NOT NULL,
        former TEXT NOT NULL, assumptions TEXT NOT NULL, seal BLOB NOT NULL
    );
    INSERT INTO changed_store SELECT store_id, protection, canary, store_key, created, parameters, clock_offset,
        fingerprint_key, former, '', seal FROM store;
    DROP TABLE store;
    ALTER TABLE changed_store RENAME TO store
    """,
)

VERSION = len(STEPS)


TABLES = (
    "store", "cmk", "material", "tag", "binding", "credential", "fault", "import_parameters", "data_key",
    "white_box_key", "device", "beta_key",
)  # fmt: skip
"""All tables of the newest format."""


def statements(version: int, to: int = VERSION) -> list[str]:
    """Return the SQL that leads from format `version` to another one."""
    return [statement for step in STEPS[version:to] for statement in step.split(";")]
