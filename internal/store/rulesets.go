package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/klauspost/compress/s2"
)

// KeepRuleset stores the texts of a ruleset under its hash, unless they are there. They stay for ever: a
// ruleset has some kilobytes, and decisions name it for as long as events are kept.
func (s *Store) KeepRuleset(ctx context.Context, hash string, sources []byte, now time.Time) error {
	err := s.writer.do(ctx, func(t *tx) error {
		return t.send(nil, "INSERT INTO rulesets (hash, kept_at, sources) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
			hash, micros(now), s2.EncodeBetter(nil, sources))
	})
	if err != nil {
		return fmt.Errorf("keep ruleset %s: %w", hash, err)
	}
	return nil
}

// RulesetOf returns the texts of the ruleset with a hash; ok is false when they are not there.
func (s *Store) RulesetOf(ctx context.Context, hash string) (sources []byte, ok bool, err error) {
	rows, err := s.query(ctx, "SELECT sources FROM rulesets WHERE hash = $1", hash)
	if err != nil {
		return nil, false, err
	}
	var data []byte
	if err := eachRow(rows, func(r *sql.Rows) error { ok = true; return r.Scan(&data) }); err != nil || !ok {
		return nil, false, err
	}
	if sources, err = s2.Decode(nil, data); err != nil {
		return nil, false, fmt.Errorf("read ruleset %s: %w", hash, err)
	}
	return sources, true, nil
}
