-- Why: a calendar service that is switched off for good (EWS in Office 365) has its mailboxes read by another that follows on it.

ALTER TABLE calendar_server ADD COLUMN successor TEXT; -- name of the server or pool that follows on this one
ALTER TABLE calendar_server ADD COLUMN retired_at INTEGER; -- null: it serves; else its mailboxes are with its successor
ALTER TABLE calendar_server ADD COLUMN retired_because TEXT;
