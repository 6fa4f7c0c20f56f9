-- Older replicas may run on.
-- When an attempt was begun on Intercom's clock: theirs_at, or 0 if that was not known. It belongs to the
-- attempt whose attempted_at is theirs_of. If that is another one, a replica began it that knows
-- nothing of these columns.
ALTER TABLE actions ADD COLUMN theirs_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE actions ADD COLUMN theirs_of BIGINT NOT NULL DEFAULT 0;
