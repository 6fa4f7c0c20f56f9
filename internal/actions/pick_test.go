package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/intercom"
	"switchboard/internal/routing"
)

// newDesk is an Intercom with a team: Ada, Ben who is away, Cleo without a seat, and Dan.
func newDesk() *api {
	a := newAPI()
	a.answers["GET /admins"] = `{"admins":[{"id":"9","name":"Bot","team_ids":[]},{"id":"10","name":"Ada","team_ids":[4]},
		{"id":"11","name":"Ben","away_mode_enabled":true,"team_ids":[4]},{"id":"12","name":"Cleo","has_inbox_seat":false,"team_ids":[4]},
		{"id":"13","name":"Dan","team_ids":[4]}]}`
	a.answers["POST /conversations/search"] = `{"type":"conversation.list","total_count":2,"conversations":[]}`
	return a
}

// chosen is a Call.Pick that gives the conversation to one of the crew, and keeps what it was told.
func chosen(id string, f *PickFacts) func(context.Context, PickFacts) (Picked, error) {
	return func(_ context.Context, facts PickFacts) (Picked, error) {
		*f = facts
		if facts.Served != "" {
			return Picked{Gone: true}, nil
		}
		p := Picked{Choice: routing.Pick(facts.Policy, facts.Crew, routing.Memory{Last: facts.Last})}
		if id != p.Admin {
			return p, fmt.Errorf("picked %q, the test wants %q", p.Admin, id)
		}
		return p, nil
	}
}

func assignment(kind, id string) string {
	return fmt.Sprintf(`POST /conversations/77/parts {"message_type":"assignment","type":%q,"admin_id":"9","assignee_id":%q}`, kind, id)
}

func TestPick_does_what_was_picked(t *testing.T) {
	const read, count = "GET /conversations/77", `{"query":{"operator":"AND","value":[{"field":"admin_assignee_id","operator":"=","value":%d},` +
		`{"field":"state","operator":"=","value":"open"}]},"pagination":{"per_page":1}}`
	counts := []string{fmt.Sprintf("POST /conversations/search "+count, 10), fmt.Sprintf("POST /conversations/search "+count, 13)}
	team, ada := assignment("team", "4"), assignment("admin", "10")
	with := func(fields string) string {
		return `{"type":"conversation","id":"77",` + fields + `"conversation_parts":{"conversation_parts":[],"total_count":0}}`
	}
	for name, tt := range map[string]struct {
		pick, conversation, who string
		calls                   []string
		detail                  string
	}{
		"round robin": {`{"order":"round_robin"}`, "", "10", []string{team, ada}, "assigned to Ada (round robin in Finance; skipped Ben: away, Cleo: no inbox seat)"},
		"least busy": {
			`{"order":"least_busy","capacity":3}`, with(""), "10", append(slices.Clone(counts), read, team, ada),
			"assigned to Ada (least busy in Finance; skipped Ben: away, Cleo: no inbox seat)",
		},
		"nobody": {
			`{"order":"round_robin","capacity":2}`, with(""), "", append(slices.Clone(counts), read, team),
			"assigned to team Finance (skipped Ada: at capacity 2 of 2 open, Ben: away, Cleo: no inbox seat, Dan: at capacity 2 of 2 open)",
		},
		"nobody, and waits": {
			`{"order":"round_robin","capacity":1,"wait":true}`, with(""), "", append(slices.Clone(counts), read, team),
			"assigned to team Finance, and waits for a teammate (skipped Ada: at capacity 2 of 1 open, Ben: away, Cleo: no inbox seat, Dan: at capacity 2 of 1 open)",
		},
		"who has it": {
			`{"order":"round_robin","prefer_last":true}`, with(`"team_assignee_id":4,"admin_assignee_id":13,`), "13",
			[]string{read, assignment("admin", "13")},
			"assigned to Dan (had it last, in Finance; skipped Ben: away, Cleo: no inbox seat)",
		},
		"it does not count against who has it": {
			`{"order":"round_robin","capacity":2}`, with(`"state":"snoozed","team_assignee_id":4,"admin_assignee_id":13,`), "13",
			append(slices.Clone(counts), read, assignment("admin", "13")),
			"assigned to Dan (round robin in Finance; skipped Ada: at capacity 2 of 2 open, Ben: away, Cleo: no inbox seat)",
		},
		"closed, it is one more": {
			`{"order":"round_robin","capacity":2}`, with(`"state":"closed","team_assignee_id":4,"admin_assignee_id":13,`), "",
			append(slices.Clone(counts), read),
			"assigned to team Finance (skipped Ada: at capacity 2 of 2 open, Ben: away, Cleo: no inbox seat, Dan: at capacity 2 of 2 open)",
		},
		"who had it": {
			`{"order":"round_robin","prefer_last":true}`, `{"type":"conversation","id":"77","conversation_parts":{"conversation_parts":[
			{"id":"1","part_type":"assignment","assigned_to":{"type":"admin","id":"13"}},{"id":"2","part_type":"assignment","assigned_to":{"type":"nobody_admin","id":null}},
			{"id":"3","part_type":"assignment","assigned_to":{"type":"team","id":"4"}}]}}`, "13",
			[]string{read, team, assignment("admin", "13")},
			"assigned to Dan (had it last, in Finance; skipped Ben: away, Cleo: no inbox seat)",
		},
		"who had it is away": {
			`{"order":"round_robin","prefer_last":true}`, with(`"admin_assignee_id":11,`), "10",
			[]string{read, team, ada},
			"assigned to Ada (round robin in Finance; skipped Ben: away, Cleo: no inbox seat)",
		},
		"has waited": {
			`{"order":"round_robin","wait":true,"since":1}`, with(`"state":"open","team_assignee_id":4,`), "10",
			[]string{read, ada},
			"assigned to Ada (round robin in Finance; skipped Ben: away, Cleo: no inbox seat)",
		},
		"closed while it waited": {
			`{"order":"round_robin","since":1}`, with(`"state":"closed","team_assignee_id":4,`), "-",
			[]string{read},
			"no longer waits for team Finance: it was closed",
		},
		"taken while it waited": {
			`{"order":"round_robin","since":1}`, with(`"state":"open","team_assignee_id":4,"admin_assignee_id":13,`), "-",
			[]string{read},
			"no longer waits for team Finance: it has a teammate",
		},
		"still with who had it when it began to wait": {
			`{"order":"round_robin","since":1,"holder":"11"}`, with(`"state":"open","team_assignee_id":4,"admin_assignee_id":11,`), "10",
			[]string{read, ada},
			"assigned to Ada (round robin in Finance; skipped Ben: away, Cleo: no inbox seat)",
		},
		"who had it has time again": {
			`{"order":"round_robin","since":1,"holder":"13"}`, with(`"state":"open","team_assignee_id":4,"admin_assignee_id":13,`), "-",
			[]string{read},
			"no longer waits for team Finance: it has a teammate",
		},
		"moved while it waited": {
			`{"order":"round_robin","since":1}`, with(`"state":"open","team_assignee_id":5,`), "-",
			[]string{read},
			"no longer waits for team Finance: it has another team",
		},
		"deleted while it waited": {
			`{"order":"round_robin","since":1}`, "404", "-",
			[]string{read},
			"no longer waits for team Finance: the conversation is gone",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newDesk()
			switch tt.conversation {
			case "":
			case "404":
				a.statuses["GET /conversations/77"] = 404
			default:
				a.answers["GET /conversations/77"] = tt.conversation
			}
			var facts PickFacts
			r, err := assign{}.Do(t.Context(), a.env(t), Call{
				Kind: "assign", Subject: "conversation/77", Params: json.RawMessage(`{"team":"finance","pick":` + tt.pick + `}`), Pick: chosen(tt.who, &facts),
			})
			if err != nil {
				t.Fatal(err)
			}
			searches := a.calls[:min(len(a.calls), strings.Count(strings.Join(tt.calls, ""), "search"))]
			slices.Sort(searches) // they are made at once
			if !slices.Equal(a.calls, tt.calls) {
				t.Errorf("calls\n%s\nwant\n%s", strings.Join(a.calls, "\n"), strings.Join(tt.calls, "\n"))
			}
			if r.Detail != tt.detail {
				t.Errorf("detail\n%s\nwant\n%s", r.Detail, tt.detail)
			}
		})
	}
}

// Both calls make a part of their own, and both are known as ours (I9).
func TestPick_I9_knows_the_parts_of_both_calls(t *testing.T) {
	a := newDesk()
	a.answers["POST /conversations/77/parts"] = conversation(partOf("p1", "assignment", "", "9", time.Now()))
	r, err := assign{}.Do(t.Context(), a.env(t), Call{
		Kind: "assign", Subject: "conversation/77", Params: json.RawMessage(`{"team":"finance","pick":{"order":"round_robin"}}`), Pick: chosen("10", new(PickFacts)),
	})
	if err != nil || !slices.Equal(r.Parts, []string{"p1", "p1"}) {
		t.Errorf("parts %q, %v", r.Parts, err)
	}
}

// A refusal to count is said, and does not stop the pick; a passing failure does.
func TestPick_when_open_conversations_cannot_be_counted(t *testing.T) {
	for status, want := range map[int]string{
		400: "assigned to Ada (least busy in Finance; skipped Ben: away, Cleo: no inbox seat; Intercom refuses to count open conversations)",
		500: "",
	} {
		a := newDesk()
		a.statuses["POST /conversations/search"] = status
		var facts PickFacts
		r, err := assign{}.Do(t.Context(), a.env(t), Call{
			Kind: "assign", Subject: "conversation/77", Params: json.RawMessage(`{"team":"finance","pick":{"order":"least_busy","capacity":1}}`),
			Pick: func(ctx context.Context, f PickFacts) (Picked, error) {
				p, err := chosen("10", &facts)(ctx, f)
				p.Notes = f.Notes
				return p, err
			},
		})
		if r.Detail != want || (err == nil) != (want != "") {
			t.Errorf("status %d: %q, %v", status, r.Detail, err)
		}
		if want != "" && facts.Crew[0].Open != routing.Unknown {
			t.Errorf("%+v counts as known", facts.Crew[0])
		}
		if want == "" && intercom.ClassOf(err) == intercom.Permanent {
			t.Errorf("%v is permanent", err)
		}
	}
}

func TestPick_needs_a_record(t *testing.T) {
	_, err := assign{}.Do(t.Context(), newDesk().env(t), Call{
		Kind: "assign", Subject: "conversation/77", Params: json.RawMessage(`{"team":"finance","pick":{"order":"round_robin"}}`),
	})
	if intercom.ClassOf(err) != intercom.Permanent {
		t.Errorf("%v", err)
	}
}

func TestWaiting_puts_the_time_into_the_parameters(t *testing.T) {
	plain := json.RawMessage(`{"team":"A","pick":{"order":"round_robin","wait":true}}`)
	waiting, err := Waiting(plain, Place{Since: time.UnixMicro(1234), Team: "4", Holder: "10"})
	if err != nil || string(waiting) != `{"team":"A","pick":{"order":"round_robin","wait":true,"since":1234,"team_id":"4","holder":"10"}}` {
		t.Errorf("%s, %v", waiting, err)
	}
	if again, err := Waiting(waiting, Place{}); err != nil || string(again) != string(plain) {
		t.Errorf("%s, %v", again, err)
	}
}
