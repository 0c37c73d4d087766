-- Where each certificate was asked for, where the login came from that its device began with, and what
-- the device said that it is called. Null: from before this was kept.
ALTER TABLE certificates ADD COLUMN source TEXT;
ALTER TABLE certificates ADD COLUMN login_source TEXT;
ALTER TABLE certificates ADD COLUMN device_name TEXT;
