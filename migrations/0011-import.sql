-- Why: lists of users are read and shown first, and applied when an administrator says so, perhaps later and after a restart.

CREATE TABLE user_import (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  summary TEXT NOT NULL, -- for people: how many rows are new, changed, the same, wrong
  read_at INTEGER NOT NULL,
  read_by TEXT NOT NULL,
  due_at INTEGER, -- when it is applied by itself; null: not
  due_by TEXT, -- in whose name
  applied_at INTEGER, -- null: not yet
  outcome TEXT, -- for people
  text TEXT NOT NULL -- the list as it was given; empty once it is applied
) STRICT;
