-- Runs of rules that wait (after). A timer belongs to a rule and a subject. It was started by the
-- event seq, which happened at happened_at by Intercom's clock and at started_at by ours; due_at
-- follows from that and from the rule's clock, a text that changes when the rule says another time.
-- place orders the rules whose timers are due at the same time. newest is the newest event that would
-- have started it anew, as JSON, if the rule keeps the first. version counts the changes. ripe tells
-- that the timer came due and that the event that says so is in the inbox.
CREATE TABLE timers (
    workspace   TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    rule        TEXT    NOT NULL,
    seq         BIGINT  NOT NULL,
    event       TEXT    NOT NULL,
    topic       TEXT    NOT NULL,
    part        TEXT    NOT NULL,
    happened_at BIGINT  NOT NULL,
    started_at  BIGINT  NOT NULL,
    due_at      BIGINT  NOT NULL,
    place       INTEGER NOT NULL,
    clock       TEXT    NOT NULL,
    newest      TEXT    NOT NULL DEFAULT '',
    version     BIGINT  NOT NULL,
    ripe        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace, subject, rule)
);
CREATE INDEX timers_due ON timers (due_at, place) WHERE ripe = 0;
CREATE INDEX timers_rule ON timers (rule, clock, topic);

-- The last event on a subject that cancels the timers of a rule: it may arrive before the event
-- that starts one although it happened after it. Rows go after a day.
CREATE TABLE cancels (
    workspace TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    rule      TEXT   NOT NULL,
    topic     TEXT   NOT NULL,
    part      TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    noted_at  BIGINT NOT NULL,
    PRIMARY KEY (workspace, subject, rule)
);
CREATE INDEX cancels_old ON cancels (noted_at);
