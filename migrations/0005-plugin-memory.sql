-- Why: plugins must not forget over a restart what servers keep for them, such as subscriptions: those would leak.
-- What a calendar server's plugin remembers goes with the server; other plugins have no server.

CREATE TABLE plugin_memory (
  instance TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  server TEXT REFERENCES calendar_server (name) ON DELETE CASCADE,
  PRIMARY KEY (instance, key)
) STRICT, WITHOUT ROWID;
