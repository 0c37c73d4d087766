-- The number of the last entry of the audit log that was told to the server's log. Until now what
-- was told began behind the last checkpoint.
INSERT INTO counters (name, value) SELECT 'audit_told', COALESCE(MAX(seq), 0) FROM audit_checkpoints;
