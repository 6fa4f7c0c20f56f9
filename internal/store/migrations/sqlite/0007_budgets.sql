-- Older replicas may run on.
-- The budgets of API calls that replicas share, one for each workspace. The store does not look into
-- state; version counts its changes.
CREATE TABLE budgets (
    workspace  TEXT   NOT NULL PRIMARY KEY,
    state      TEXT   NOT NULL,
    changed_at BIGINT NOT NULL,
    version    BIGINT NOT NULL
) WITHOUT ROWID;
