-- How far each workspace has been searched for events that no notification told of (I11). What
-- happened before watermark is accounted for; began_at is the first there was. put_at is when
-- something was recovered last: from then on a notification may be late. Until held_until, timers that
-- came due after the watermark wait: what cancels them may have been missed.
CREATE TABLE recoveries (
    workspace  TEXT   NOT NULL PRIMARY KEY,
    began_at   BIGINT NOT NULL,
    watermark  BIGINT NOT NULL,
    put_at     BIGINT NOT NULL DEFAULT 0,
    held_until BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- The events of a conversation, to tell which are missing.
CREATE INDEX events_conversation ON events (workspace, subject) WHERE substr(subject, 1, 13) = 'conversation/';
