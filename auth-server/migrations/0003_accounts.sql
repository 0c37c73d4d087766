-- What people tell of themselves; when a one-time password ends (null: the password is a chosen
-- one); failed logins in a row, whatever their source (NIST SP 800-63B-4, 3.2.2).
ALTER TABLE users ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN one_time_until INTEGER;
ALTER TABLE users ADD COLUMN failed_logins INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN last_login_at INTEGER;

-- The role that a certificate states, and the certificate that it took the place of.
ALTER TABLE certificates ADD COLUMN role TEXT;
ALTER TABLE certificates ADD COLUMN renews BLOB REFERENCES certificates (serial);
CREATE INDEX certificates_by_end ON certificates (not_after);

-- Append-only; each hash covers the row and the hash before it.
CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    source  TEXT NOT NULL,
    action  TEXT NOT NULL,
    object  TEXT NOT NULL,
    outcome TEXT NOT NULL,
    hash    BLOB NOT NULL
) STRICT;

-- The root key's signature over the hash of a row of the audit log.
CREATE TABLE audit_checkpoints (
    seq       INTEGER PRIMARY KEY REFERENCES audit (seq),
    at        INTEGER NOT NULL,
    signature BLOB NOT NULL
) STRICT;
