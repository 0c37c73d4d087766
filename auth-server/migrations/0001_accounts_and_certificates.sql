-- Times are seconds since 1970 in UTC.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- A removed person's row stays, without a password: the alias is never given out again.
CREATE TABLE users (
    alias      TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    password   TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('active', 'disabled', 'removed')),
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- The ledger. A row without an alias is the auth server's own HTTPS certificate.
CREATE TABLE certificates (
    serial     BLOB PRIMARY KEY,
    alias      TEXT REFERENCES users (alias),
    key_sha256 BLOB NOT NULL,
    not_before INTEGER NOT NULL,
    not_after  INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('about_to_sign', 'signed')),
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    reason     INTEGER,
    CHECK ((revoked_at IS NULL) = (reason IS NULL))
) STRICT;

CREATE INDEX certificates_by_alias ON certificates (alias, not_after);
CREATE INDEX certificates_revoked ON certificates (not_after) WHERE revoked_at IS NOT NULL;

-- crl_number: the last number given to a CRL. revocations: rises with every revocation.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

INSERT INTO counters (name, value) VALUES ('crl_number', 0), ('revocations', 0);

-- Failed logins in a row, by source and by alias and source.
CREATE TABLE attempts (
    subject  TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
) STRICT;
