-- Why: certificates that administrators trust beside the system's, what was offered to them, what servers showed, and
-- which expiries they were told of. Instants are milliseconds since 1970-01-01T00:00:00Z; SHA-256 is lower-case hex.

CREATE TABLE trusted_certificate (
  sha256 TEXT NOT NULL PRIMARY KEY,
  der BLOB NOT NULL,
  subject TEXT NOT NULL,
  issuer TEXT NOT NULL,
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  source TEXT NOT NULL,
  added_by TEXT NOT NULL,
  added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate_offer (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  server TEXT NOT NULL,
  certificates TEXT NOT NULL, -- JSON array of base64
  made_by TEXT NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;

CREATE TABLE certificate_seen (
  host TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  subject TEXT NOT NULL,
  not_after INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (host, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate_warning (
  sha256 TEXT NOT NULL,
  days INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (sha256, days)
) STRICT, WITHOUT ROWID;
