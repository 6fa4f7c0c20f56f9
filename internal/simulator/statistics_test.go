package simulator

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestStatistics_are_those_that_Intercom_reports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		at := func(minutes int) string { return fmt.Sprintf("2000-01-01T%02d:%02d:00.000Z", minutes/60, minutes%60) }
		minute := 0
		pass := func(minutes int) { time.Sleep(time.Duration(minutes) * time.Minute); minute += minutes }
		id := b.starts("0")
		pass(10)
		ok(b.AdminAssigns(id, b.ines, b.finance))(t) // 10
		ok(b.AdminNotes(id, b.ines, "not a reply"))(t)
		pass(10)
		ok(b.AdminReplies(id, b.ines, "after 20", ""))(t) // 20
		pass(5)
		ok(b.CustomerReplies(id, "again"))(t) // 25
		pass(1)
		ok(b.CustomerReplies(id, "and again"))(t) // 26
		pass(9)
		ok(b.AdminReplies(id, b.jonas, "after 10", ""))(t) // 35
		ok(b.AdminCloses(id, b.jonas, ""))(t)
		pass(5)
		ok(b.CustomerReplies(id, "once more"))(t) // 40: reopens
		ok(b.AdminAssigns(id, b.ines, b.jonas))(t)
		_, v := b.newest()
		b.expect(v, "data.item.statistics.last_assignment_admin_reply_at", nil,
			"data.item.statistics.last_assignment_at", at(40))
		pass(30)
		ok(b.AdminCloses(id, b.ines, "after 30"))(t) // 70
		_, v = b.newest()
		b.expect(get(v, "data.item.statistics"),
			"time_to_assignment", "600", "time_to_admin_reply", "1200", "time_to_first_close", "2100", "time_to_last_close", "4200",
			"median_time_to_reply", "1200", "first_contact_reply_at", at(0), "first_assignment_at", at(10),
			"first_admin_reply_at", at(20), "first_close_at", at(35), "last_assignment_at", at(40),
			"last_assignment_admin_reply_at", at(70), "last_contact_reply_at", at(40), "last_admin_reply_at", at(70),
			"last_close_at", at(70), "last_closed_by_id", b.ines, "count_reopens", "1", "count_assignments", "2",
			"count_conversation_parts", "11")
		if _, isText := get(v, "data.item").(map[string]any)["statistics"].(map[string]any)["last_closed_by_id"].(string); isText {
			t.Error("notifications name who closed last by a number")
		}
		r := b.call("GET", "/conversations/"+id, "")
		if _, isText := get(r.body, "statistics").(map[string]any)["last_closed_by_id"].(string); !isText {
			t.Error("the API names who closed last by a string")
		}
		b.expect(r.body, "waiting_since", nil, "statistics.time_to_admin_reply", "1200")
	})
}

func TestLeads_write_as_users(t *testing.T) {
	b := newBench(t, Options{})
	lead := b.AddContact(Contact{Role: "lead"})
	id := ok(b.CustomerStarts(lead, "hello"))(t)
	ok(b.CustomerReplies(id, "anybody?"))(t)
	_, v := b.newest()
	b.expect(v, "data.item.source.author.type", "lead", "data.item.source.author.name", nil,
		"data.item.conversation_parts.conversation_parts.0.author.type", "user")
}
