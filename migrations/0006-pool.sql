-- Why: several calendar servers may share their users (a pool of Client Access Servers), and a user stays with one of them.

ALTER TABLE calendar_server ADD COLUMN description TEXT; -- for people
ALTER TABLE calendar_server ADD COLUMN pool TEXT; -- null: a pool of its own
ALTER TABLE calendar_server ADD COLUMN weight INTEGER NOT NULL DEFAULT 1 CHECK (weight > 0);
ALTER TABLE calendar_server ADD COLUMN credentials_of TEXT; -- the server whose account and password are this one's too

-- Journal: which server of its pool each presentity's calendar is read from.
CREATE TABLE placement (
  presentity TEXT NOT NULL PRIMARY KEY,
  server TEXT NOT NULL
) STRICT, WITHOUT ROWID;
