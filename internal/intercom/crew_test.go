package intercom

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// newCrew is a workspace with teams. Intercom says on both sides who is in one.
func newCrew() *workspace {
	w := newWorkspace()
	w.admins = []map[string]any{
		{"id": "11", "name": "Ada", "team_ids": []int{21, 22}},
		{"id": "12", "name": "Ben", "away_mode_enabled": true},
		{"id": "13", "name": "Cleo", "team_ids": []int{22}},
	}
	w.teams[0]["admin_ids"] = []int{12}
	w.more = map[string]any{}
	w.openAre("")
	return w
}

// openAre sets the answer to every count.
func (w *workspace) openAre(total string) {
	w.set(func() {
		w.more["POST /conversations/search"] = json.RawMessage(`{"type":"conversation.list","conversations":[]` + total + `}`)
	})
}

func crew(t *testing.T, d *Directory, team string) (names string) {
	t.Helper()
	_, list, err := d.Crew(t.Context(), team)
	if err != nil {
		return err.Error()
	}
	for _, a := range list {
		names += a.Name
		if a.AwayModeEnabled {
			names += " (away)"
		}
		names += " "
	}
	return names
}

func TestCrew_is_a_minute_old_at_most(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrew()
		d := w.directory(t)
		want := func(team, names string, calls int) {
			t.Helper()
			if got := crew(t, d, team); got != names || w.called("GET /admins") != calls {
				t.Errorf("%s has %q after %d calls, want %q after %d", team, got, w.called("GET /admins"), names, calls)
			}
		}
		want("Finance", "Ada Ben (away) ", 1)
		want("Support", "Ada Cleo ", 1)
		want("Sales", `no team "Sales" in the workspace`, 1)
		w.set(func() { w.admins[1]["away_mode_enabled"] = false })
		time.Sleep(59 * time.Second)
		want("Finance", "Ada Ben (away) ", 1)
		time.Sleep(2 * time.Second)
		want("Finance", "Ada Ben ", 2)

		// A change that is told counts at once, even while the list is being read.
		w.set(func() { w.admins[0]["away_mode_enabled"] = true; w.latency = time.Second })
		d.AdminsChanged()
		want("Finance", "Ada (away) Ben ", 3)
		d.AdminsChanged()
		go crew(t, d, "Finance")
		time.Sleep(2500 * time.Millisecond) // two lists of which one is under way
		w.set(func() { w.admins[0]["away_mode_enabled"] = false })
		d.AdminsChanged()
		if got := crew(t, d, "Finance"); got != "Ada Ben " {
			t.Errorf("told while the list was read: %q", got)
		}

		// Names that are older will do for finding, and not for picking.
		time.Sleep(2 * time.Minute)
		w.set(func() { w.fail = 500 })
		if got := crew(t, d, "Finance"); got == "Ada Ben " {
			t.Error("a pick was made with old names")
		}
		if _, err := d.Admin(t.Context(), "Ada"); err != nil {
			t.Error(err)
		}
	})
}

func TestOpen_is_kept_until_it_changes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrew()
		d := w.directory(t)
		want := func(admin ID, n, calls int) {
			t.Helper()
			got, at, err := d.Open(t.Context(), admin, time.Minute)
			if err != nil || got != n || time.Since(at) > time.Minute || w.called("POST /conversations/search") != calls {
				t.Errorf("%s has %d open as of %s, %v, after %d calls; want %d after %d", admin, got, at, err, w.called("POST /conversations/search"), n, calls)
			}
		}
		for i := range 3 {
			w.openAre(fmt.Sprintf(`,"total_count":%d`, i))
			want("11", 0, 1)
		}
		want("12", 2, 2)
		time.Sleep(time.Minute)
		want("11", 2, 3)
		w.openAre(`,"total_count":7`)
		d.OpenChanged("12")
		want("11", 2, 3)
		want("12", 7, 4)
		d.OpenChanged("")
		want("11", 7, 5)

		// What was asked before the change and answered after it does not stay.
		w.set(func() { w.latency = time.Second })
		d.OpenChanged("11")
		go func() { _, _, _ = d.Open(t.Context(), "11", time.Minute) }()
		time.Sleep(500 * time.Millisecond)
		d.OpenChanged("11")
		want("11", 7, 7)
		want("11", 7, 7)
	})
}

func TestOpen_does_not_take_silence_for_zero(t *testing.T) {
	d := newCrew().directory(t)
	if n, _, err := d.Open(t.Context(), "11", time.Minute); err == nil {
		t.Errorf("an answer without a number counts as %d", n)
	}
}
