package operations

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/event"
	"switchboard/internal/store"
)

// TestRest: after a stretch of work it rests as long as that took, but not long, and then while events wait, but not for ever.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"), store.Options{Clock: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		r := rest{store: s}
		rests := func(ctx context.Context, worked time.Duration) (time.Duration, error) {
			time.Sleep(worked)
			began := time.Now()
			err := r.step(ctx)
			return time.Since(began), err
		}
		for _, tt := range []struct{ worked, rest time.Duration }{
			{0, 0},
			{stretch - 1, 0}, // goes on, and with the next it is enough
			{1, stretch},
			{45 * time.Millisecond, 45 * time.Millisecond},
			{time.Minute, longestRest},
		} {
			if took, err := rests(t.Context(), tt.worked); took != tt.rest || err != nil {
				t.Errorf("worked %s: rested %s, want %s, %v", tt.worked, took, tt.rest, err)
			}
		}

		ev, err := event.Parse([]byte(`{"type":"notification_event","app_id":"ws","id":"n1","topic":"conversation.user.created","data":{"item":{"type":"conversation","id":"1"}}}`), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		if took, err := rests(t.Context(), stretch); took < giveWay || took > giveWay+2*longestRest || err != nil {
			t.Errorf("an event waits: rested %s, %v", took, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), stretch+100*time.Millisecond)
		defer cancel()
		if took, err := rests(ctx, stretch); took != 100*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it is over: rested %s, %v", took, err)
		}
		claims, err := s.Claim(t.Context(), store.LaneEvents, "", 1, s.Now(), time.Minute)
		if err != nil || len(claims) != 1 {
			t.Fatal(claims, err)
		}
		if took, err := rests(t.Context(), stretch); took > longestRest || err != nil {
			t.Errorf("it is being decided: rested %s, %v", took, err)
		}
	})
}
