package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// writeHistory makes a database in which notifications, one a line, were decided a second after they were
// made, by rules and with the look-ups that a JSON object answers.
func writeHistory(ctx context.Context, database string, notifications, ruleset, lookups []byte) (err error) {
	rs, problems := rules.Parse([]rules.Source{{Name: "rules.yaml", Text: ruleset}})
	if rs == nil {
		return fmt.Errorf("%+v", problems)
	}
	var known recordedThen
	if err := json.Unmarshal(lookups, &known); err != nil {
		return err
	}
	s, err := store.Open(ctx, "sqlite:"+database, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for lines := bufio.NewScanner(bytes.NewReader(notifications)); lines.Scan(); {
		ev, err := event.Parse(lines.Bytes(), time.Now())
		if err != nil {
			return err
		}
		ev.Payload = bytes.Clone(ev.Payload) // the scanner uses its bytes again
		ev.ReceivedAt = ev.CreatedAt.Add(time.Second)
		if err := decideThen(ctx, s, rs, ev, known); err != nil {
			return err
		}
	}
	return nil
}

func decideThen(ctx context.Context, s *store.Store, rs *rules.Ruleset, ev event.Event, known recordedThen) error {
	if _, err := s.Put(ctx, ev); err != nil {
		return err
	}
	claims, err := s.Claim(ctx, store.LaneEvents, "", 1, time.Now(), time.Minute)
	if err != nil || len(claims) != 1 {
		return fmt.Errorf("%d claims: %w", len(claims), err)
	}
	pending, err := s.PendingEvents(ctx, claims[0], 1)
	if err != nil || len(pending) != 1 {
		return fmt.Errorf("%d events: %w", len(pending), err)
	}
	d, err := rs.Evaluate(ctx, rules.Input{Event: pending[0], Now: ev.ReceivedAt, Lookup: known})
	if err != nil {
		return err
	}
	trace, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return s.SaveDecision(ctx, claims[0], store.Decision{
		Seq: pending[0].Seq, Ruleset: rs.Hash(), At: d.At, ReceivedAt: ev.ReceivedAt, Trace: trace,
	}, true)
}

// recordedThen answers look-ups by their keys.
type recordedThen map[string]json.RawMessage

func (r recordedThen) Look(_ context.Context, q rules.Question) (json.RawMessage, error) {
	if answer, ok := r[q.Key()]; ok {
		return answer, nil
	}
	return nil, &rules.UnavailableError{Err: errors.New("the history does not say")}
}
