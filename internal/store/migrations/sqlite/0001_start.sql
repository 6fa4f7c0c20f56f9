-- Times are microseconds since 1970, in UTC. JSON is text. The same queries serve SQLite and
-- PostgreSQL; what differs between the two is in this folder and in sqlite.go.

-- What was acknowledged, as received: the notifications of one commit in one compressed value
-- (segment.go). Rows are never changed, so that taking notifications in is an append.
CREATE TABLE segments (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    data BLOB    NOT NULL
);

-- The segments whose events are not filed yet. Filing takes the row away in the transaction that
-- makes the rows of the tables below.
CREATE TABLE arrivals (
    segment     INTEGER PRIMARY KEY,
    events      INTEGER NOT NULL,
    received_at BIGINT  NOT NULL
);

-- Every event, once however often it was delivered. Its payload is in its segment, at its
-- position there.
CREATE TABLE events (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace   TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    topic       TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    part        TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    received_at BIGINT  NOT NULL,
    segment     BIGINT  NOT NULL,
    position    INTEGER NOT NULL,
    UNIQUE (workspace, id)
);
CREATE INDEX events_segment ON events (segment);

-- The events that wait to be evaluated. Evaluating an event takes its row away, in the same
-- transaction that stores the decision (I2).
CREATE TABLE inbox (
    workspace   TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (workspace, subject, seq)
) WITHOUT ROWID;

-- One row for each subject with work in a lane (1: events to evaluate, 2: actions to run).
-- Who claims the row does the work, alone: that keeps a subject in order (I3). fence is 0
-- when nobody holds it, else the number that every write of the holder must repeat.
-- visible_at is when it may be claimed: when the work is due, or when the lease ends.
-- dirty is set when work arrives while the row is held.
CREATE TABLE lanes (
    lane       INTEGER NOT NULL,
    workspace  TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    visible_at BIGINT  NOT NULL,
    fence      BIGINT  NOT NULL DEFAULT 0,
    dirty      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, workspace, subject)
) WITHOUT ROWID;
CREATE INDEX lanes_visible ON lanes (lane, visible_at);
-- The few subjects whose actions are being worked on, among the many that may wait.
CREATE INDEX lanes_acting ON lanes (workspace) WHERE lane = 2 AND fence <> 0;

-- What the rules decided on an event, and the facts that were looked up for it.
CREATE TABLE decisions (
    seq          BIGINT NOT NULL PRIMARY KEY,
    workspace    TEXT   NOT NULL,
    ruleset      TEXT   NOT NULL,
    evaluated_at BIGINT NOT NULL,
    trace        TEXT   NOT NULL
);

-- One matched rule on one event.
CREATE TABLE runs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    seq        BIGINT NOT NULL,
    workspace  TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    rule       TEXT   NOT NULL,
    ruleset    TEXT   NOT NULL,
    planned_at BIGINT NOT NULL
);
CREATE INDEX runs_seq ON runs (seq);

-- The side effects that were planned. The order of ids is the order of the plan.
CREATE TABLE actions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    run          BIGINT  NOT NULL,
    seq          BIGINT  NOT NULL,
    workspace    TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    rule         TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    params       TEXT    NOT NULL,
    admin        TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    attempts     INTEGER NOT NULL,
    due_at       BIGINT  NOT NULL,
    attempted_at BIGINT  NOT NULL,
    planned_at   BIGINT  NOT NULL,
    received_at  BIGINT  NOT NULL,
    finished_at  BIGINT  NOT NULL,
    error        TEXT    NOT NULL,
    detail       TEXT    NOT NULL
);
CREATE INDEX actions_open ON actions (workspace, subject, id) WHERE state IN ('planned', 'attempting');
CREATE INDEX actions_attempting ON actions (workspace) WHERE state = 'attempting';
CREATE INDEX actions_unhappy ON actions (state, id) WHERE state IN ('dead', 'parked', 'held');
CREATE INDEX actions_run ON actions (run);
CREATE INDEX actions_seq ON actions (seq);

-- Every attempt at an action and how it ended.
CREATE TABLE attempts (
    action      BIGINT  NOT NULL,
    attempt     INTEGER NOT NULL,
    started_at  BIGINT  NOT NULL,
    finished_at BIGINT  NOT NULL,
    result      TEXT    NOT NULL,
    error       TEXT    NOT NULL
);
CREATE INDEX attempts_action ON attempts (action);

-- What rules must remember: that they ran for a part (I2) or for a conversation (once).
CREATE TABLE remembered (
    workspace TEXT   NOT NULL,
    rule      TEXT   NOT NULL,
    key       TEXT   NOT NULL,
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (workspace, rule, key)
) WITHOUT ROWID;

-- When the store was last asked whether it can write: the question is a write.
CREATE TABLE pulse (
    id INTEGER NOT NULL PRIMARY KEY,
    at BIGINT  NOT NULL
);

-- When our own calls changed things whose notifications name no part: contacts, companies,
-- tickets (I9). The times are on Intercom's clock. Rows go after a day.
CREATE TABLE touches (
    workspace TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    to_at     BIGINT NOT NULL,
    from_at   BIGINT NOT NULL,
    action    BIGINT NOT NULL,
    PRIMARY KEY (workspace, subject, to_at, action)
) WITHOUT ROWID;
CREATE INDEX touches_old ON touches (to_at);

-- The parts that our own calls made (I9), and which action made them.
CREATE TABLE own_parts (
    workspace TEXT   NOT NULL,
    part      TEXT   NOT NULL,
    action    BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (workspace, part)
) WITHOUT ROWID;
