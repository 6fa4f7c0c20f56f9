-- Older replicas may run on.
-- The texts that rulesets were made of, by their hash: decisions name it, and are explained by the rules
-- that made them.
CREATE TABLE rulesets (
    hash    TEXT   NOT NULL PRIMARY KEY,
    kept_at BIGINT NOT NULL,
    sources BLOB   NOT NULL
);
