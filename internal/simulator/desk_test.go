package simulator

import (
	"fmt"
	"testing"
	"time"
)

// What picking a teammate needs: who is away is told and listed, who is in a team is listed,
// and how many conversations somebody has open can be counted.
func TestDesk(t *testing.T) {
	b := newBench(t, Options{})
	if err := b.SetAway(b.ines, true); err != nil {
		t.Fatal(err)
	}
	ev, v := b.newest()
	b.expect(v, "topic", "admin.away_mode_updated", "data.item.type", "admin", "data.item.id", b.ines,
		"data.item.away_mode_enabled", true, "data.item.team_ids.0", b.finance)
	if ev.Subject != "admin/"+b.ines {
		t.Errorf("it is about %s", ev.Subject)
	}
	told := len(b.Notifications())
	if err := b.SetAway(b.ines, true); err != nil || len(b.Notifications()) != told {
		t.Errorf("%v; what is no news was told", err)
	}
	if err := b.SetTeam(b.finance, b.jonas, b.ines); err != nil {
		t.Fatal(err)
	}
	b.expect(b.call("GET", "/admins", "").body, "admins.1.away_mode_enabled", true, "admins.2.team_ids.0", b.finance)
	b.expect(b.call("GET", "/teams", "").body, "teams.0.admin_ids.0", b.jonas, "teams.0.admin_ids.1", b.ines)

	var last string
	for range 4 {
		last = b.starts("hello")
		ok(b.AdminAssigns(last, b.jonas, b.jonas))(t)
	}
	count := func(who string, want int) {
		t.Helper()
		r := b.call("POST", "/conversations/search", `{"query":{"operator":"AND","value":[{"field":"admin_assignee_id","operator":"=","value":`+who+
			`},{"field":"state","operator":"=","value":"open"}]},"pagination":{"per_page":1}}`)
		b.expect(r.body, "total_count", fmt.Sprint(want))
	}
	count(b.jonas, 4)
	count(b.ines, 0)
	ok(b.AdminCloses(last, b.jonas, ""))(t)
	count(b.jonas, 3)
	ok(b.AdminOpens(last, b.jonas))(t)
	ok(b.AdminSnoozes(last, b.jonas, time.Now().Add(time.Hour)))(t)
	count(b.jonas, 3)
	ok(b.AdminAssigns(b.starts("hello"), b.jonas, b.jonas))(t)
	count(b.jonas, 4)
	ok(b.AdminAssigns(last, b.jonas, "0"))(t)
	ok(b.AdminAssigns(last, b.jonas, b.ines))(t)
	ok(b.AdminOpens(last, b.jonas))(t)
	count(b.ines, 1)
}
