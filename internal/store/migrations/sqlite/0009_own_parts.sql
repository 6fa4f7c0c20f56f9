-- Older replicas may run on.
-- The parts that our own calls made go when they are old.
CREATE INDEX own_parts_old ON own_parts (at);
