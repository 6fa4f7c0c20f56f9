package simulator

import (
	"testing"
	"time"
)

func TestParseFault(t *testing.T) {
	for text, want := range map[string]Fault{
		"5xx=0.1":                                {Kind: FailBefore, Status: 503, Rate: 0.1},
		"reset-after=1":                          {Kind: ResetAfter, Rate: 1},
		"slow=0.5:2s":                            {Kind: Slow, Rate: 0.5, Delay: 2 * time.Second},
		"hang-after=0.01:30s":                    {Kind: HangAfter, Rate: 0.01, Delay: 30 * time.Second},
		"502=0.5@POST /conversations/{id}/reply": {Kind: FailBefore, Status: 502, Rate: 0.5, Endpoint: "POST /conversations/{id}/reply"},
		"429=0.2@POST":                           {Kind: TooMany, Rate: 0.2, Endpoint: "POST"},
		"403=1@/tickets":                         {Kind: Restricted, Rate: 1, Endpoint: "/tickets"},
	} {
		if got, err := ParseFault(text); err != nil || got != want {
			t.Errorf("%s = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "5xx", "5xx=", "5xx=0", "5xx=1.1", "5xx=-1", "5xx=NaN", "nonsense=0.1", "slow=0.1:soon", "slow=0.1:-1s", "5xx=1@GET /nowhere",
	} {
		if f, err := ParseFault(text); err == nil {
			t.Errorf("%q = %+v, want an error", text, f)
		}
	}
}

func TestFault_strikes_every_class_of_call(t *testing.T) {
	b := newRichBench(t, Options{})
	for _, r := range routes {
		b.FaultNext(Fault{Kind: FailBefore, Endpoint: r.endpoint(), Status: 500})
		before := len(b.Journal())
		path := pathOf(r.path)
		if resp := b.call(r.method, path, ""); resp.status != 500 {
			t.Errorf("%s: %d, want the fault", r.endpoint(), resp.status)
		}
		if e := b.Journal()[before]; e.Fault != FailBefore || e.Effect != EffectNone || e.Endpoint != r.endpoint() {
			t.Errorf("%s: %+v", r.endpoint(), e)
		}
	}
	// By effect, as asked for and not as done: the call does not get so far.
	for effect, call := range map[Effect][3]string{
		EffectCompany:     {"POST", "/companies", `{"name":"x"}`},
		EffectTicket:      {"PUT", "/tickets/" + b.ticket, `{}`},
		EffectConvert:     {"POST", "/conversations/" + b.conversation + "/convert", `{}`},
		EffectNote:        {"POST", "/tickets/" + b.ticket + "/reply", `{"message_type":"note"}`},
		EffectContactNote: {"POST", "/contacts/" + b.contact + "/notes", `{"body":"x"}`},
		EffectEvent:       {"POST", "/events", `{}`},
		EffectMessage:     {"POST", "/messages", `{}`},
		EffectContact:     {"PATCH", "/contacts/" + b.contact, `{}`},
	} {
		b.FaultNext(Fault{Kind: FailBefore, Effect: effect, Status: 500})
		if r := b.call(call[0], call[1], call[2]); r.status != 500 {
			t.Errorf("%s: %d, want the fault", effect, r.status)
		}
	}
	b.SetFaults(Faults{PlanRestricted: true})
	for path, status := range map[string]int{"/tickets/1": 403, "/conversations/1": 403, "/contacts/" + b.contact: 200} {
		if r := b.call("GET", path, ""); r.status != status {
			t.Errorf("%s under a plan that lacks it: %d, want %d", path, r.status, status)
		}
	}
}

// pathOf fills the ids of a path with something.
func pathOf(template string) string {
	out := []byte{}
	for i := 0; i < len(template); i++ {
		if template[i] != '{' {
			out = append(out, template[i])
			continue
		}
		for template[i] != '}' {
			i++
		}
		out = append(out, '1')
	}
	return string(out)
}

// An event whose answer is lost was tracked all the same, and one sent again is the same.
func TestFault_after_the_effect_leaves_it(t *testing.T) {
	b := newBench(t, Options{})
	body := `{"event_name":"x","created_at":1700000000,"user_id":"c-1"}`
	b.FaultNext(Fault{Kind: FailAfter, Endpoint: "POST /events", Status: 502})
	if r := b.call("POST", "/events", body); r.status != 502 || r.header.Get("Content-Type") != "text/html" {
		t.Errorf("answer: %d %s", r.status, r.header)
	}
	if e := b.lastEntry(); e.Effect != EffectEvent || e.Fault != FailAfter {
		t.Errorf("journal: %+v", e)
	}
	b.call("POST", "/events", body)
	if c, _ := b.Contact(b.contact); len(c.Events) != 1 {
		t.Errorf("%d events, want 1", len(c.Events))
	}
	r := b.call("GET", "/articles", "")
	if r.header.Get("X-RateLimit-Remaining") == "" || r.header.Get("X-RateLimit-Limit") != "1667" {
		t.Errorf("headers: %v", r.header)
	}
}

func TestSampleWorkspace_is_full_and_silent(t *testing.T) {
	s := New(Options{Seed: 3})
	cast, err := SampleWorkspace(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Conversations()) < 5 || len(s.Articles()) == 0 || len(s.TicketTypes()) == 0 || len(s.Tags()) == 0 || len(cast.Customers) == 0 {
		t.Error("there is something missing")
	}
	if n := len(s.Notifications()); n != 0 {
		t.Errorf("%d notifications of what was always there", n)
	}
	if _, err := s.CustomerStarts(cast.Customers[0], "hello"); err != nil || len(s.Notifications()) != 1 {
		t.Errorf("what comes afterwards is not told: %v", err)
	}
}
