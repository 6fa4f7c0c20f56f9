package actions

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/internal/intercom"
)

// do performs an action on conversation 77 and returns the calls that it made.
func do(t *testing.T, a *api, kind, params string) (Result, []string, error) {
	t.Helper()
	k, _ := Lookup(kind)
	r, err := k.Do(t.Context(), a.env(t), Call{Kind: kind, Subject: "conversation/77", Params: json.RawMessage(params)})
	return r, a.calls, err
}

func TestDo_makes_the_call_of_each_kind(t *testing.T) {
	for _, tt := range []struct {
		kind, params string
		calls        []string
		detail       string
	}{
		{"tag", `{"tags":["vip","Refund"]}`, []string{
			`POST /conversations/77/tags {"admin_id":"9","id":"5"}`,
			`POST /tags {"name":"Refund"}`,
			`POST /conversations/77/tags {"admin_id":"9","id":"6"}`,
		}, "tag vip, Refund"},
		{"untag", `{"tags":["VIP"]}`, []string{`DELETE /conversations/77/tags/5 {"admin_id":"9"}`}, "untag VIP"},
		{"untag", `{"tags":["No such tag"]}`, nil, "untag No such tag"},
		{"assign", `{"team":"finance"}`, []string{`POST /conversations/77/parts {"message_type":"assignment","type":"team","admin_id":"9","assignee_id":"4"}`}, "assigned to team Finance"},
		{"assign", `{"admin":"ada@example.test"}`, []string{`POST /conversations/77/parts {"message_type":"assignment","type":"admin","admin_id":"9","assignee_id":"10"}`}, "assigned to Ada"},
		{"assign", `{"nobody":true}`, []string{`POST /conversations/77/parts {"message_type":"assignment","type":"admin","admin_id":"9","assignee_id":"0"}`}, "assigned to nobody"},
		{"reply", `{"body":"<p>Hi</p>"}`, []string{`POST /conversations/77/reply {"message_type":"comment","type":"admin","admin_id":"9","body":"\u003cp\u003eHi\u003c/p\u003e"}`}, "reply (2 characters)"},
		{"note", `{"body":"<p>Hi</p>"}`, []string{`POST /conversations/77/reply {"message_type":"note","type":"admin","admin_id":"9","body":"\u003cp\u003eHi\u003c/p\u003e"}`}, "note (2 characters)"},
		{"close", `{}`, []string{`POST /conversations/77/parts {"message_type":"close","type":"admin","admin_id":"9"}`}, "close"},
		{"close", `{"body":"<p>Bye</p>"}`, []string{`POST /conversations/77/parts {"message_type":"close","type":"admin","admin_id":"9","body":"\u003cp\u003eBye\u003c/p\u003e"}`}, "close with reply (3 characters)"},
		{"open", `{}`, []string{`POST /conversations/77/parts {"message_type":"open","admin_id":"9"}`}, "open"},
		{"snooze", `{"until":4000000000}`, []string{`POST /conversations/77/parts {"message_type":"snoozed","admin_id":"9","snoozed_until":4000000000}`}, "snooze until 2096-10-02T07:06:40Z"},
	} {
		t.Run(tt.kind+" "+tt.params, func(t *testing.T) {
			r, calls, err := do(t, newAPI(), tt.kind, tt.params)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(calls, tt.calls) {
				t.Errorf("calls\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(tt.calls, "\n"))
			}
			if r.Detail != tt.detail {
				t.Errorf("detail %q, want %q", r.Detail, tt.detail)
			}
		})
	}
}

func TestDo_acts_as_the_admin_of_the_rules(t *testing.T) {
	a := newAPI()
	env := a.env(t)
	k, _ := Lookup("open")
	call := Call{Subject: "conversation/77", Params: json.RawMessage("{}"), Admin: "ADA@example.test"}
	if _, err := k.Do(t.Context(), env, call); err != nil {
		t.Fatal(err)
	}
	if want := `POST /conversations/77/parts {"message_type":"open","admin_id":"10"}`; a.calls[0] != want {
		t.Errorf("call %s, want %s", a.calls[0], want)
	}
	if a.names["GET /me"] != 0 {
		t.Error("the token's own admin was asked for")
	}
	call.Admin = "nobody@example.test"
	if _, err := k.Do(t.Context(), env, call); intercom.ClassOf(err) != intercom.Permanent {
		t.Errorf("unknown admin: %v", err)
	}
}

func TestDo_I4_own_parts_are_told(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		older := now.Add(-time.Hour)
		coded := func(id, kind, code string) part {
			p := partOf(id, kind, "", "9", now)
			p["app_package_code"] = code
			return p
		}
		textOf := func(p part, body string) part { p["body"] = body; return p }
		other := partOf("1", "comment", "<p>Hi</p>", "10", now) // somebody else, the same text
		for _, tt := range []struct {
			name, kind, params string
			parts              []part
			want               []string
		}{
			{"a reply among the history", "reply", `{"body":"<p>Hi</p>"}`, []part{
				partOf("0", "comment", "<p>Hi</p>", "9", older), other, partOf("2", "comment", `<p class="no-margin">Hi</p>`, "9", now),
			}, []string{"2"}},
			{"a reply that assigned", "reply", `{"body":"<p>Hi</p>"}`, []part{partOf("2", "assignment", "<p>Hi</p>", "9", now)}, []string{"2"}},
			{"a reply that opened", "reply", `{"body":"<p>Hi</p>"}`, []part{
				partOf("2", "open", "", "9", now), partOf("3", "comment", "<p>Hi</p>", "9", now.Add(time.Second)),
			}, []string{"2", "3"}},
			{"a note", "note", `{"body":"<p>Hi</p>"}`, []part{partOf("2", "comment", "<p>Hi</p>", "9", now), partOf("3", "note", "<p>Hi</p>", "9", now)}, []string{"3"}},
			{"only the new part is returned", "close", `{}`, []part{partOf("2", "close", "", "9", now)}, []string{"2"}},
			{"a close with text", "close", `{"body":"<p>Bye</p>"}`, []part{partOf("1", "comment", "<p>No</p>", "9", now), partOf("2", "close", "<p>Bye</p>", "9", now)}, []string{"2"}},
			{"an assignment that opened", "assign", `{"team":"Finance"}`, []part{partOf("2", "assign_and_reopen", "", "9", now)}, []string{"2"}},
			{"somebody else's assignment", "assign", `{"team":"Finance"}`, []part{partOf("2", "assignment", "", "10", now)}, nil},
			{"closed long ago, nothing new", "close", `{}`, []part{partOf("2", "close", "", "9", older)}, nil},
			{"open", "open", `{}`, []part{partOf("2", "open", "", "9", now)}, []string{"2"}},
			{"snooze", "snooze", `{"until":4000000000}`, []part{partOf("2", "snoozed", "", "9", now)}, []string{"2"}},
			{"no parts at all", "open", `{}`, nil, nil},
			{"what an app did in the same second as a person", "assign", `{"team":"Finance"}`, []part{
				coded("2", "assignment", ""), coded("3", "assignment", "ours"), coded("4", "assignment", ""),
			}, []string{"3"}},
			{"what a person opened in the same second", "reply", `{"body":"<p>Hi</p>"}`, []part{
				coded("2", "open", "ours"), coded("3", "open", ""), textOf(coded("4", "comment", "ours"), "<p>Hi</p>"),
			}, []string{"2", "4"}},
			{"what another app did in the same second", "close", `{}`, []part{coded("2", "assignment", "theirs"), coded("3", "close", "ours")}, []string{"3"}},
			{"along with it, without a code", "close", `{}`, []part{coded("2", "assignment", ""), coded("3", "close", "ours")}, []string{"2", "3"}},
			{"no codes at all", "close", `{}`, []part{coded("2", "assignment", ""), coded("3", "close", "")}, []string{"2", "3"}},
		} {
			a := newAPI()
			a.answers["POST /conversations/77/reply"] = conversation(tt.parts...)
			a.answers["POST /conversations/77/parts"] = conversation(tt.parts...)
			r, _, err := do(t, a, tt.kind, tt.params)
			if err != nil || !slices.Equal(r.Parts, tt.want) {
				t.Errorf("%s: parts %q, %v; want %q", tt.name, r.Parts, err, tt.want)
			}
		}
	})
}

func TestDo_parts_of_other_actions_are_not_told_again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI()
		a.answers["POST /conversations/77/parts"] = conversation(partOf("2", "open", "", "9", time.Now()), partOf("3", "close", "", "9", time.Now()))
		r, err := (closing{}).Do(t.Context(), a.env(t), Call{Subject: "conversation/77", Own: func(id string) bool { return id == "2" }})
		if err != nil || !slices.Equal(r.Parts, []string{"3"}) {
			t.Errorf("parts %q, %v", r.Parts, err)
		}
	})
}

func TestDo_errors_are_those_of_the_client(t *testing.T) {
	all := map[string]string{
		"tag": `{"tags":["VIP"]}`, "assign": `{"nobody":true}`, "reply": `{"body":"x"}`, "note": `{"body":"x"}`,
		"close": `{}`, "open": `{}`, "snooze": `{"until":4000000000}`, "untag": `{"tags":["VIP"]}`,
	}
	for kind, params := range all {
		for status, want := range map[int]intercom.Class{
			400: intercom.Permanent, 401: intercom.Credential, 403: intercom.Permanent, 404: intercom.Permanent,
			409: intercom.Conflict, 429: intercom.RateLimited, 500: intercom.Ambiguous,
		} {
			a := newAPI()
			for key := range a.answers {
				if strings.Contains(key, "/conversations/") {
					a.statuses[key] = status
				}
			}
			_, _, err := do(t, a, kind, params)
			if kind == "untag" && status == 404 {
				if err != nil {
					t.Errorf("untag of a tag that is not there: %v, want done", err)
				}
				continue
			}
			if got := intercom.ClassOf(err); got != want {
				t.Errorf("%s, status %d: class %v (%v), want %v", kind, status, got, err, want)
			}
		}
	}
}

func TestDo_parameters_that_cannot_be_read_are_permanent(t *testing.T) {
	for _, kind := range []string{"tag", "untag", "assign", "reply", "note", "close", "snooze"} {
		_, calls, err := do(t, newAPI(), kind, `{"tags":7,"body":7,"until":"x","team":7}`)
		if intercom.ClassOf(err) != intercom.Permanent || len(calls) > 0 {
			t.Errorf("%s: %v after %q", kind, err, calls)
		}
		if err != nil && strings.Contains(err.Error(), "7") {
			t.Errorf("%s: %q quotes the parameters", kind, err)
		}
	}
	if _, calls, err := do(t, newAPI(), "assign", `{}`); intercom.ClassOf(err) != intercom.Permanent || len(calls) > 0 {
		t.Errorf("assign to nothing: %v after %q", err, calls)
	}
}

func TestDo_names_that_do_not_exist(t *testing.T) {
	for params, want := range map[string]string{
		`{"team":"Finanse"}`:         `did you mean "Finance"?`,
		`{"admin":"x@example.test"}`: `no admin "x@example.test"`,
		`{"admin":"Seatless"}`:       "no inbox seat",
	} {
		_, calls, err := do(t, newAPI(), "assign", params)
		if err == nil || !strings.Contains(err.Error(), want) || intercom.ClassOf(err) != intercom.Permanent {
			t.Errorf("%s: %v, want %q", params, err, want)
		}
		if len(calls) > 0 {
			t.Errorf("%s: calls %q", params, calls)
		}
	}
}

func TestDo_tag_that_was_deleted_meanwhile_is_created_anew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI()
		env := a.env(t)
		k, _ := Lookup("tag")
		if _, err := env.Directory.Tag(t.Context(), "VIP"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		a.answers["GET /tags"] = `{"data":[]}`
		a.answers["POST /tags"] = `{"id":"8","name":"VIP"}`
		a.deletedTag = "5"
		_, err := k.Do(t.Context(), env, Call{Subject: "conversation/77", Params: json.RawMessage(`{"tags":["VIP"]}`)})
		want := []string{
			`POST /conversations/77/tags {"admin_id":"9","id":"5"}`,
			`POST /tags {"name":"VIP"}`,
			`POST /conversations/77/tags {"admin_id":"9","id":"8"}`,
		}
		if err != nil || !slices.Equal(a.calls, want) {
			t.Errorf("calls %q, %v", a.calls, err)
		}
	})
}

func TestDo_tag_on_a_conversation_that_is_gone_is_permanent(t *testing.T) {
	a := newAPI()
	a.statuses["POST /conversations/77/tags"] = 404
	_, calls, err := do(t, a, "tag", `{"tags":["VIP"]}`)
	if !intercom.NotFound(err) || intercom.ClassOf(err) != intercom.Permanent || len(calls) != 1 {
		t.Errorf("%v after %q", err, calls)
	}
}

func TestDo_snooze_whose_time_has_passed_does_nothing(t *testing.T) {
	r, calls, err := do(t, newAPI(), "snooze", `{"until":1000000000}`)
	if err != nil || len(calls) > 0 || !strings.Contains(r.Detail, "passed already") {
		t.Errorf("%+v, %v after %q", r, err, calls)
	}
}

func TestDo_other_subjects_are_refused_without_a_call(t *testing.T) {
	for _, name := range []string{"assign", "close", "note", "open", "reply", "snooze"} {
		k, _ := Lookup(name)
		a := newAPI()
		_, err := k.Do(t.Context(), a.env(t), Call{Subject: "company/7", Params: json.RawMessage(`{"tags":["x"],"body":"x","until":4000000000,"nobody":true}`)})
		if intercom.ClassOf(err) != intercom.Permanent || len(a.calls) > 0 {
			t.Errorf("%s: %v after %q", name, err, a.calls)
		}
	}
}

func TestDo_the_hook_of_the_context_is_called(t *testing.T) {
	stop := errors.New("stop")
	for name, params := range map[string]string{
		"tag": `{"tags":["VIP"]}`, "untag": `{"tags":["VIP"]}`, "assign": `{"nobody":true}`, "reply": `{"body":"x"}`,
		"note": `{"body":"x"}`, "close": `{}`, "open": `{}`, "snooze": `{"until":4000000000}`,
	} {
		a := newAPI()
		k, _ := Lookup(name)
		ctx := intercom.WithTrace(t.Context(), &intercom.Trace{BeforeSend: func(context.Context, string, string) error { return stop }})
		_, err := k.Do(ctx, a.env(t), Call{Subject: "conversation/77", Params: json.RawMessage(params)})
		if !errors.Is(err, stop) || len(a.calls) > 0 {
			t.Errorf("%s: %v after %q", name, err, a.calls)
		}
	}
}
