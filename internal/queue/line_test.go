package queue

import (
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/store"
)

// A line whose first was served in vain rests: otherwise facts that disagree would have it served
// without end.
func TestLine_rests_after_serving_in_vain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(Options{})
		w := store.Waiting{Workspace: "ws", Subject: "conversation/1"}
		if q.servedInVain(w) {
			t.Error("it was never served")
		}
		q.served.Add("ws conversation/1", time.Now())
		if !q.servedInVain(w) || q.servedInVain(store.Waiting{Workspace: "ws", Subject: "conversation/2"}) {
			t.Error("it was served a moment ago, the other was not")
		}
		if w.Stuck = true; q.servedInVain(w) {
			t.Error("one that is stuck keeps the others waiting")
		}
		w.Stuck = false
		time.Sleep(serveAgain)
		if q.servedInVain(w) {
			t.Error("it rests for ever")
		}
	})
}
