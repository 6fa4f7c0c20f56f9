-- Rules with a schedule: when each is due next, and how far its sweep has come that was due at
-- due_at and has not ended if running is 1. schedule and search are the texts that the row is for;
-- query is what is asked for, cursor where the next page begins. through is the last segment that may
-- hold events of the sweep.
CREATE TABLE sweeps (
    workspace  TEXT    NOT NULL,
    rule       TEXT    NOT NULL,
    schedule   TEXT    NOT NULL,
    search     TEXT    NOT NULL,
    next_at    BIGINT  NOT NULL,
    running    INTEGER NOT NULL,
    due_at     BIGINT  NOT NULL,
    begun_at   BIGINT  NOT NULL,
    query      TEXT    NOT NULL,
    cursor     TEXT    NOT NULL,
    pass       INTEGER NOT NULL,
    pages      INTEGER NOT NULL,
    fresh      INTEGER NOT NULL,
    results    INTEGER NOT NULL,
    through    BIGINT  NOT NULL,
    PRIMARY KEY (workspace, rule)
);
