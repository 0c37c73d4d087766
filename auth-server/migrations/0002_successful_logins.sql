-- When each alias last logged in from each source; the subject is that of attempts.
CREATE TABLE successful_logins (
    subject TEXT PRIMARY KEY,
    last_at INTEGER NOT NULL
) STRICT;
