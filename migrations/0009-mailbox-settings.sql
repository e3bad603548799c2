-- Why: a user's locale may come from the mailbox when no administrator has set one, and automatic replies are shown as out of office.

-- Null: an administrator set it; 'default' until the mailbox is heard; 'mailbox'. Who has en mostly has it because nobody chose.
ALTER TABLE user ADD COLUMN locale_from TEXT CHECK (locale_from IN ('default', 'mailbox'));
UPDATE user SET locale_from = 'default' WHERE locale = 'en';

-- Journal: automatic replies as last read.
CREATE TABLE automatic_replies (
  presentity TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('disabled', 'always', 'scheduled')),
  start_at INTEGER, -- of scheduled ones
  end_at INTEGER,
  heard_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
