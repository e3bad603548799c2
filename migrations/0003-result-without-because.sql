-- Why: it can be composed anew from the inputs at any time, and was a third of what a burst writes.

ALTER TABLE result DROP COLUMN because;
