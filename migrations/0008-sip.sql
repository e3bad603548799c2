-- Why: a user's presence may be published by SIP too, under an address of record that no other user has.

ALTER TABLE user ADD COLUMN sip TEXT; -- sip:alice@example.com; null: none
ALTER TABLE user ADD COLUMN is_sip_on INTEGER NOT NULL DEFAULT 1 CHECK (is_sip_on IN (0, 1)); -- 0: kept and not used

-- Servers keep one presentity for sip: and sips:, and some compare without case.
CREATE UNIQUE INDEX user_by_sip ON user (lower(substr(sip, instr(sip, ':') + 1))) WHERE sip IS NOT NULL;
