-- Why: users say by chat what they are shown as, in which language and time zone they are answered, and that they want to be left out.

-- The user chose the locale; neither the mailbox nor a default.
ALTER TABLE user ADD COLUMN is_own_locale INTEGER NOT NULL DEFAULT 0 CHECK (is_own_locale IN (0, 1));

-- Apart from the user's row, which administrators write: they change neither.
CREATE TABLE time_zone (
  presentity TEXT NOT NULL PRIMARY KEY,
  zone TEXT NOT NULL, -- IANA
  origin TEXT NOT NULL CHECK (origin IN ('mailbox', 'user'))
) STRICT, WITHOUT ROWID;

-- Stays when the user is deleted: whoever comes back by a directory is still left out.
CREATE TABLE opt_out (
  presentity TEXT NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Journal: the same, and what the user set.
CREATE TABLE new_override (
  presentity TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('end', 'pause', 'set')),
  show TEXT CHECK (show IN ('available', 'away', 'dnd')),
  set_at INTEGER NOT NULL,
  until INTEGER,
  CHECK (kind <> 'set' OR (show IS NOT NULL AND until IS NOT NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO new_override (presentity, kind, set_at, until) SELECT presentity, kind, set_at, until FROM override;
DROP TABLE override;
ALTER TABLE new_override RENAME TO override;
