-- What may be done only so often: when its present period began, and how often it was done in it.
CREATE TABLE allowances (
    subject TEXT PRIMARY KEY,
    since   INTEGER NOT NULL,
    spent   INTEGER NOT NULL
) STRICT;

-- Answers by itself how many certificates of members have not ended.
DROP INDEX certificates_by_end;
CREATE INDEX certificates_by_end ON certificates (not_after, alias);
