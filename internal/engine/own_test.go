package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"switchboard/internal/event"
)

// TestTaggedAt_I9: notifications may be made a little later than the tag. A part that nothing
// changed since it was made says nothing about the tag: a rule may have tagged it in that second.
func TestTaggedAt_I9(t *testing.T) {
	const notified = 1_553_378_744
	second := func(n int64) time.Time { return time.Unix(n, 0).UTC() }
	for name, tc := range map[string]struct {
		part string
		want []time.Time
	}{
		"no part":              {``, []time.Time{second(notified)}},
		"changed by the tag":   {`{"id":"1","created_at":1553378082,"updated_at":1553378743}`, []time.Time{second(notified), second(notified - 1)}},
		"not changed":          {`{"id":"1","created_at":1553378082,"updated_at":1553378082}`, []time.Time{second(notified)}},
		"it does not say when": {`{"id":"1"}`, []time.Time{second(notified)}},
	} {
		ev, err := event.Parse(fmt.Appendf(nil, `{"topic":"conversation_part.tag.created","app_id":"ws","created_at":%d,
			"data":{"item":{"type":"conversation","id":"7","conversation_parts":{"conversation_parts":[%s]}}}}`, notified, tc.part), second(notified+5))
		if err != nil {
			t.Fatal(err)
		}
		if got := taggedAt(ev); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
