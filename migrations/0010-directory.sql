-- Why: users may come from a directory; whoever is not named here was made by hand, and no directory removes or changes them.

-- What the directory gave last: only what it gives otherwise is changed, so that what an administrator has set stays.
CREATE TABLE directory_user (
  presentity TEXT NOT NULL PRIMARY KEY REFERENCES user (presentity) ON DELETE CASCADE,
  directory TEXT NOT NULL, -- name of its section in the configuration
  entry_key TEXT NOT NULL, -- entryUUID or objectGUID: stays when the person is renamed
  mailbox TEXT NOT NULL,
  gateway TEXT NOT NULL,
  locale TEXT -- null: the directory says nothing
) STRICT, WITHOUT ROWID;
