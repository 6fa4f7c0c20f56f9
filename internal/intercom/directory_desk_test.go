package intercom

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// newDesk is a workspace with types and states of tickets, and attributes.
func newDesk() *workspace {
	w := newWorkspace()
	w.more = map[string]any{
		"GET /ticket_types": json.RawMessage(`{"type":"list","data":[
			{"id":"67","name":"Bug Report","ticket_type_attributes":{"data":[{"id":"165","name":"_default_title_"}]}},
			{"id":"68","name":"Refund"},{"id":"69","name":"refund "},{"id":"70","name":"Old","archived":true}]}`),
		"GET /ticket_states": json.RawMessage(`{"type":"list","data":[
			{"id":"1","category":"submitted","internal_label":"Submitted","external_label":"Submitted"},
			{"id":"2","category":"in_progress","internal_label":"With engineering","external_label":"In progress"},
			{"id":"3","category":"in_progress","internal_label":"In progress","external_label":"In progress"},
			{"id":"4","category":"waiting_on_customer","internal_label":"Waiting on customer","external_label":"Waiting on you"},
			{"id":"5","category":"resolved","internal_label":"Gone","external_label":"Gone","archived":true}]}`),
		"GET /data_attributes?model=contact": json.RawMessage(`{"data":[
			{"name":"email","full_name":"email","label":"Email","data_type":"string","custom":false,"api_writable":true},
			{"id":12878,"name":"plan","full_name":"custom_attributes.plan","label":"Their plan","data_type":"string","custom":true}]}`),
		"GET /data_attributes?model=company": json.RawMessage(`{"data":[
			{"name":"name","full_name":"name","label":"Company name","data_type":"string","api_writable":true},
			{"name":"name","full_name":"plan.name","label":"Plan","data_type":"string","api_writable":false}]}`),
		"GET /data_attributes?model=conversation": json.RawMessage(`{"data":[]}`),
	}
	return w
}

func TestDirectory_finds_types_and_states_of_tickets(t *testing.T) {
	d := newDesk().directory(t)
	ctx := t.Context()
	for ref, want := range map[string]ID{"67": "67", "bug report\n": "67", "69": "69"} {
		if got, err := d.TicketType(ctx, ref); err != nil || got.ID != want {
			t.Errorf("type %q: %q, %v; want %q", ref, got.ID, err, want)
		}
	}
	// What teammates see counts before what customers see, and both before the category.
	for ref, want := range map[string]ID{
		"4": "4", "SUBMITTED": "1", "with engineering": "2", "In Progress": "3", "waiting on you": "4", "waiting_on_customer": "4",
	} {
		if got, err := d.TicketState(ctx, ref); err != nil || got.ID != want {
			t.Errorf("state %q: %q, %v; want %q", ref, got.ID, err, want)
		}
	}
}

func TestDirectory_finds_attributes_of_a_model(t *testing.T) {
	d := newDesk().directory(t)
	ctx := t.Context()
	for _, tt := range []struct{ model, ref, path string }{
		{ModelContact, "Plan", "custom_attributes.plan"},
		{ModelContact, "custom_attributes.plan", "custom_attributes.plan"},
		{ModelContact, "their plan", "custom_attributes.plan"},
		{ModelCompany, "name", "name"}, // and not plan.name, whose name it is as well
		{ModelCompany, "plan", "plan.name"},
	} {
		if got, err := d.DataAttribute(ctx, tt.model, tt.ref); err != nil || got.FullName != tt.path {
			t.Errorf("%s attribute %q: %+v, %v; want %s", tt.model, tt.ref, got, err, tt.path)
		}
	}
	plan, _ := d.DataAttribute(ctx, ModelContact, "plan")
	if !plan.Custom || plan.DataType != "string" || plan.ID != "12878" || !plan.Writable {
		t.Errorf("plan is %+v", plan)
	}
	if fixed, _ := d.DataAttribute(ctx, ModelCompany, "plan.name"); fixed.Writable {
		t.Errorf("%+v counts as writable", fixed)
	}
}

func TestDirectory_suggests_types_states_and_attributes(t *testing.T) {
	d := newDesk().directory(t)
	ctx := t.Context()
	ask := map[string]func(ref string) error{
		"ticket type":       func(ref string) error { _, err := d.TicketType(ctx, ref); return err },
		"ticket state":      func(ref string) error { _, err := d.TicketState(ctx, ref); return err },
		"contact attribute": func(ref string) error { _, err := d.DataAttribute(ctx, ModelContact, ref); return err },
		"model":             func(ref string) error { _, err := d.DataAttribute(ctx, ref, "plan"); return err },
	}
	for _, tt := range []struct{ kind, ref, closest string }{
		{"ticket type", "Bug Reprot", "Bug Report"},
		{"ticket type", "Old", ""}, // it is archived
		{"ticket state", "Submited", "Submitted"},
		{"ticket state", "resolved", ""}, // all of it are archived
		{"contact attribute", "plam", "plan"},
		{"model", "conversatoin", ModelConversation},
	} {
		err := ask[tt.kind](tt.ref)
		e, ok := errors.AsType[*NotFoundError](err)
		if !ok || e.Kind != tt.kind || e.Closest != tt.closest || ClassOf(err) != Permanent {
			t.Errorf("%s %q: %v, want not found, closest %q", tt.kind, tt.ref, err, tt.closest)
		}
	}
	e, ok := errors.AsType[*AmbiguousError](ask["ticket type"]("Refund"))
	if !ok || !slices.Equal(e.IDs, []string{"68", "69"}) || !strings.Contains(e.Error(), "several ticket types") {
		t.Errorf("two types of a name: %v", e)
	}
	e, ok = errors.AsType[*AmbiguousError](ask["ticket state"]("in_progress"))
	if !ok || !slices.Equal(e.IDs, []string{"2", "3"}) {
		t.Errorf("two states of a category: %v", e)
	}
}

func TestDirectory_types_states_and_attributes_are_kept_as_teams_are(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newDesk()
		d := w.directory(t)
		ctx := t.Context()
		ask := func() {
			t.Helper()
			for range 3 {
				_, err1 := d.TicketType(ctx, "Bug Report")
				_, err2 := d.TicketState(ctx, "Submitted")
				_, err3 := d.DataAttribute(ctx, ModelContact, "plan")
				if err := errors.Join(err1, err2, err3); err != nil {
					t.Error(err)
				}
			}
		}
		calls := func(want int) {
			t.Helper()
			for _, call := range []string{"GET /ticket_types", "GET /ticket_states", "GET /data_attributes?model=contact"} {
				if n := w.called(call); n != want {
					t.Errorf("%s called %d times, want %d", call, n, want)
				}
			}
		}
		ask()
		calls(1)
		time.Sleep(11 * time.Minute)
		ask()
		calls(2)
		w.set(func() { w.fail = 503 })
		time.Sleep(11 * time.Minute)
		ask() // fails, and the old names serve
		calls(3)
		w.set(func() { w.fail = 0 })
		time.Sleep(2 * time.Minute)
		_, err := d.TicketType(ctx, "Bug Repor")
		if _, ok := errors.AsType[*NotFoundError](err); !ok || w.called("GET /ticket_types") != 4 {
			t.Errorf("%v after %d calls, want it looked up anew once", err, w.called("GET /ticket_types"))
		}
		if n := w.called("GET /data_attributes?model=company"); n != 0 {
			t.Errorf("the attributes of companies were read %d times, and nobody asked for them", n)
		}
	})
}
