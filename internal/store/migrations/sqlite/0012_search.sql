-- Older replicas may run on.
-- The events on which a rule ran, to look for them from the newest on.
CREATE INDEX runs_rule ON runs (rule, seq);

-- The events of what is no conversation; those of conversations have an index already.
CREATE INDEX events_subject ON events (workspace, subject) WHERE substr(subject, 1, 13) <> 'conversation/';
