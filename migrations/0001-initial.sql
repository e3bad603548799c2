-- Why: the first schema; what people configure (registry), then what the engine remembers of each presentity (journal).
-- Instants are milliseconds since 1970-01-01T00:00:00Z. The tables of the two halves never refer to each other, so that
-- either may move to another engine.

CREATE TABLE user (
  presentity TEXT NOT NULL PRIMARY KEY,
  mailbox TEXT NOT NULL,
  gateway TEXT NOT NULL,
  locale TEXT NOT NULL,
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX user_by_mailbox ON user (mailbox);

CREATE TABLE calendar_server (
  name TEXT NOT NULL PRIMARY KEY,
  type TEXT NOT NULL,
  options TEXT NOT NULL, -- JSON object of strings
  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE calendar_secret (
  server TEXT NOT NULL REFERENCES calendar_server (name) ON DELETE CASCADE,
  name TEXT NOT NULL,
  sealed BLOB NOT NULL, -- src/store/secret-box.ts
  PRIMARY KEY (server, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE parameter (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE calendar_name (
  locale TEXT NOT NULL PRIMARY KEY, -- BCP 47
  name TEXT NOT NULL,
  source TEXT NOT NULL -- 'built-in', or who set it
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_subject ON audit (subject, id);

-- Written with every change of the registry, so that each process can follow what the others do.
CREATE TABLE registry_change (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL
) STRICT;

CREATE TABLE busy_time (
  presentity TEXT NOT NULL PRIMARY KEY,
  intervals TEXT NOT NULL, -- JSON array of numbers: start, end, status, start, …
  heard_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE calendar_error (
  presentity TEXT NOT NULL PRIMARY KEY,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE override (
  presentity TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('end', 'pause')),
  set_at INTEGER NOT NULL,
  until INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE client_presence (
  presentity TEXT NOT NULL PRIMARY KEY,
  clients TEXT NOT NULL -- JSON array
) STRICT, WITHOUT ROWID;

-- What came of it, in one row each: in a burst thousands are written at once, and twice.
CREATE TABLE result (
  presentity TEXT NOT NULL PRIMARY KEY,
  document TEXT, -- JSON; this and the next two are null until there was a composition
  because TEXT, -- JSON
  composed_at INTEGER,
  published TEXT NOT NULL, -- lines of JSON: src/store/publications.ts
  outbox TEXT NOT NULL -- the same of what is due
) STRICT, WITHOUT ROWID;
