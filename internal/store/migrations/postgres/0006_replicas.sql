-- Who works on this database: several processes may, if it is PostgreSQL. A row goes when its replica
-- leaves, or when another finds that it has not been seen for long and takes its claims away. The
-- claims of a replica are those whose fence begins with its id.
CREATE TABLE replicas (
    id         BIGINT  NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    version    TEXT    NOT NULL,
    schema     INTEGER NOT NULL,
    ruleset    TEXT    NOT NULL,
    rules_at   BIGINT  NOT NULL,
    started_at BIGINT  NOT NULL,
    seen_at    BIGINT  NOT NULL
);

-- What one replica at a time may do, in a transaction that locks the row.
CREATE TABLE locks (
    name TEXT NOT NULL PRIMARY KEY
);
INSERT INTO locks (name) VALUES ('filing');

-- version counts the changes of a row, so that of two who change it one learns about the other.
ALTER TABLE sweeps ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
