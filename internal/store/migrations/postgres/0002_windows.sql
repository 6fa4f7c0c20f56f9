-- A key that a rule remembers is a window of runs: it begins at `at` with the first of them, holds
-- as many as `runs` says, and may be forgotten from `until` on. What was there before is one run
-- that is never forgotten.
ALTER TABLE remembered ADD COLUMN runs INTEGER NOT NULL DEFAULT 1;
ALTER TABLE remembered ADD COLUMN until BIGINT NOT NULL DEFAULT 0;
CREATE INDEX remembered_until ON remembered (until) WHERE until > 0;
CREATE INDEX remembered_limit ON remembered (rule) WHERE key = 'limit';
