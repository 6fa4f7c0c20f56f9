-- Who was picked for an action, recorded before its call went out; admin is empty when nobody
-- could be. record has every candidate and why they were or were not taken, as JSON.
CREATE TABLE picks (
    action      BIGINT NOT NULL PRIMARY KEY,
    workspace   TEXT   NOT NULL,
    team        TEXT   NOT NULL,
    admin       TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    turn        BIGINT NOT NULL,
    turn_before BIGINT NOT NULL,
    record      TEXT   NOT NULL
);
CREATE INDEX picks_admin ON picks (workspace, admin, at);

-- The number of the pick with which each teammate of a team had their last turn.
CREATE TABLE turns (
    workspace TEXT   NOT NULL,
    team      TEXT   NOT NULL,
    admin     TEXT   NOT NULL,
    turn      BIGINT NOT NULL,
    PRIMARY KEY (workspace, team, admin)
);

-- How many picks a workspace has seen: a pick is recorded only if there was no other since its
-- facts were read.
CREATE TABLE pick_counts (
    workspace TEXT   NOT NULL PRIMARY KEY,
    picks     BIGINT NOT NULL
);

-- The conversations that wait for a teammate of a team. action put it there; planned is the
-- action that is to give it to somebody, or 0. holder had it when it began to wait, and could not
-- be picked; empty for nobody. The rest is what such an action is made of.
CREATE TABLE waiting (
    workspace   TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    team        TEXT   NOT NULL,
    since       BIGINT NOT NULL,
    action      BIGINT NOT NULL,
    planned     BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    rule        TEXT   NOT NULL,
    ruleset     TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    params      TEXT   NOT NULL,
    admin       TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    holder      TEXT   NOT NULL,
    PRIMARY KEY (workspace, subject)
);
CREATE INDEX waiting_line ON waiting (workspace, team, since, subject);
CREATE INDEX waiting_seq ON waiting (seq);
