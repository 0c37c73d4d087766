-- A checkpoint keeps the hash that it was made of, so that it says what the entry was even when the
-- entry has changed. (None was made before this migration.)
DROP TABLE audit_checkpoints;
CREATE TABLE audit_checkpoints (
    seq       INTEGER PRIMARY KEY REFERENCES audit (seq),
    hash      BLOB NOT NULL,
    at        INTEGER NOT NULL,
    signature BLOB NOT NULL
) STRICT;

-- The number of the last entry ever written, so that entries taken away from the end are missed.
INSERT INTO counters (name, value) SELECT 'audit', COALESCE(MAX(seq), 0) FROM audit;
