package workspace

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/intercom"
)

// The file is held as a whole: other versions read it, and people compare it.
func TestSnapshot_file(t *testing.T) {
	atDesk(t, nil, func(d *desk) {
		s := d.snapshot(t)
		s.TakenAt = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
		s.Admins, s.Tags = s.Admins[:2], nil
		s.ContactAttributes = slices.DeleteFunc(s.ContactAttributes, func(a Attribute) bool { return !a.Custom && a.Name != "email" })
		s.CompanyAttributes = []Attribute{}
		var b bytes.Buffer
		if err := s.Write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, "workspace.json", b.String())
		for _, secret := range []string{"token", "secret", "carla"} {
			if strings.Contains(b.String(), secret) {
				t.Errorf("it holds %q", secret)
			}
		}
	})
}

// Taken twice, it is the same but for the time, whatever order Intercom's lists have.
func TestRead_order(t *testing.T) {
	atDesk(t, nil, func(d *desk) {
		s := d.snapshot(t)
		again := d.snapshot(t)
		slices.Reverse(again.Admins)
		slices.Reverse(again.Tags)
		slices.Reverse(again.TicketTypes)
		for _, tt := range again.TicketTypes {
			slices.Reverse(tt.Attributes)
			slices.Reverse(tt.States)
			for _, a := range tt.Attributes {
				slices.Reverse(a.Items)
			}
		}
		slices.Reverse(again.ContactAttributes)
		again.sort()
		var a, b bytes.Buffer
		if err := errors.Join(s.Write(&a), again.Write(&b)); err != nil {
			t.Fatal(err)
		}
		if a.String() != b.String() {
			t.Errorf("got\n%s\nthen\n%s", a.String(), b.String())
		}
	})
	numbers := []string{"10", "9", "abc", "100"}
	byID(numbers, func(s string) string { return s })
	if want := []string{"9", "10", "100", "abc"}; !slices.Equal(numbers, want) {
		t.Errorf("%v", numbers)
	}
}

// A list that the token must not read is not known; of its names nothing is said.
func TestRead_missing_lists(t *testing.T) {
	refuse := func(path string, status int, code string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != path {
					next.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = w.Write([]byte(`{"type":"error.list","errors":[{"code":"` + code + `","message":"Not for you"}]}`))
			})
		}
	}
	atDesk(t, refuse("/ticket_types", http.StatusForbidden, "api_plan_restricted"), func(d *desk) {
		s, missing, err := Read(context.Background(), d.client, time.Now())
		if err != nil || len(missing) != 1 || missing[0].Error() != "ticket types are not known: GET /ticket_types: 403 Forbidden api_plan_restricted: Not for you" {
			t.Fatal(err, missing)
		}
		var file bytes.Buffer
		if err := s.Write(&file); err != nil {
			t.Fatal(err)
		}
		back, err := Decode("workspace.json", &file)
		if err != nil || !slices.Equal(back.Missing(), []string{"ticket types"}) {
			t.Fatal(err, back.Missing())
		}
		if got := told(Check(parse(t, ruleText(`ticket: { create: { type: Bgu, attributes: { Severty: "1" } } }`)), back)); got != "" {
			t.Error(got)
		}
	})
	atDesk(t, refuse("/tags", http.StatusInternalServerError, "server_error"), func(d *desk) {
		if _, _, err := Read(context.Background(), d.client, time.Now()); intercom.ClassOf(err) != intercom.Retry {
			t.Errorf("got %v", err)
		}
	})
}

// Where types do not say their states, those of the workspace's list are taken.
func TestRead_states_apart(t *testing.T) {
	without := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/ticket_types":
				_, _ = w.Write([]byte(`{"type":"list","data":[{"type":"ticket_type","id":"71","name":"Bug"},{"type":"ticket_type","id":"72","name":"Task"}]}`))
			case "/ticket_states":
				_, _ = w.Write([]byte(`{"type":"list","data":[
					{"type":"ticket_state","id":"1","category":"submitted","internal_label":"New","ticket_types":{"type":"list","data":[{"type":"ticket_type","id":"71"}]}},
					{"type":"ticket_state","id":"2","category":"resolved","internal_label":"Done","ticket_types":{"type":"list","data":[]}}]}`))
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
	atDesk(t, without, func(d *desk) {
		s := d.snapshot(t)
		var got []string
		for _, tt := range s.TicketTypes {
			for _, state := range tt.States {
				got = append(got, tt.Name+" "+state.InternalLabel)
			}
		}
		if want := []string{"Bug New", "Bug Done", "Task Done"}; !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
	})
}

func TestDecode_errors(t *testing.T) {
	const anew = `: take it anew with "switchboard snapshot"`
	for text, want := range map[string]string{
		"":                           "w.json: the file is empty" + anew,
		"{}":                         `w.json: there is no version: this is no snapshot; take one with "switchboard snapshot"`,
		"[1]":                        "w.json:1:1: a snapshot is an object, and this is of type array" + anew,
		`{"version": 2}`:             `w.json: version 2 of the format is unknown: this program reads version 1; take it anew with "switchboard snapshot"`,
		"{\n  \"version\": 1,\n}":    "w.json:3:1: invalid character '}' looking for beginning of object key string" + anew,
		"{\"version\": 1":            "w.json:1:13: unexpected end of JSON input" + anew,
		`{"version": 1, "admin": 2}`: `w.json: unknown field "admin"` + anew,
		"{\"version\": 1,\n \"tags\": [{\"id\": \"ä\", \"name\": 5}]}": "w.json:2:31: tags.name cannot be of type number" + anew,
		"{\"version\": 1} {}": "w.json:1:16: invalid character '{' after top-level value" + anew,
	} {
		s, err := Decode("w.json", strings.NewReader(text))
		if s != nil || err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
	if _, err := Decode("w.json", broken{}); err == nil || err.Error() != "w.json: full" {
		t.Errorf("%v", err)
	}
	if err := (&Snapshot{}).Write(broken{}); err == nil {
		t.Error("no error")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error)  { return 0, errors.New("full") }
func (broken) Write([]byte) (int, error) { return 0, errors.New("full") }

// Nothing that stands in a file makes reading or checking panic.
func FuzzDecode(f *testing.F) {
	f.Add(`{"version":1,"taken_at":"2026-03-02T12:00:00Z","admins":[],"tags":[{"id":"1","name":"VIP"}]}`)
	f.Add(`{"version":1,"ticket_types":[{"name":"Bug","attributes":[{"name":"a","data_type":"list","items":[{}]}],"states":[{}]}],"contact_attributes":[{}]}`)
	rs := parse(f, ruleText(`if: contact.custom_attributes.plan == "pro" and ticket.attributes.a == "b" and has_tag("VIP") and ticket.type == "Bug" and admin.name == ""`))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Decode("w.json", strings.NewReader(text))
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		Check(rs, s)
		if err := s.Write(&once); err != nil {
			t.Fatal(err)
		}
		again, err := Decode("w.json", bytes.NewReader(once.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Write(&twice); err != nil || once.String() != twice.String() {
			t.Errorf("%v:\n%s\nthen\n%s", err, once.String(), twice.String())
		}
	})
}
