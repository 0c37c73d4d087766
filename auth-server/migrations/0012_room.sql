-- Never below the number of members' certificates that a revocation list may have to name; counted anew
-- when it has reached the bound, as here for the first time.
INSERT INTO counters (name, value) VALUES ('listable', 300000);
