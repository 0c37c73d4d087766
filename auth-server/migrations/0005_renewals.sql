-- Whether a certificate was revoked for no other reason than that its holder's role changed: the
-- holder may renew it.
ALTER TABLE certificates ADD COLUMN role_changed INTEGER NOT NULL DEFAULT 0;
-- The first certificate of a device, got by a login: renewals are counted by it. Null: itself.
ALTER TABLE certificates ADD COLUMN device BLOB;
CREATE INDEX certificates_by_device ON certificates (device, created_at);
CREATE INDEX certificates_by_key ON certificates (key_sha256);

-- The CRL that was signed last.
CREATE TABLE last_crl (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    number INTEGER NOT NULL,
    der    BLOB NOT NULL
) STRICT;
