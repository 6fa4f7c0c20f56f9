package workspace

import (
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"switchboard/internal/intercom"
	"switchboard/internal/simulator"
)

// Each permission that can be asked for is refused when its call is, whatever the refusal looks like, and
// the others are not.
func TestPermissions(t *testing.T) {
	for endpoint, refused := range map[string]string{
		"":                           "",
		"GET /admins":                ReadAdmins,
		"GET /tags":                  ReadTags,
		"POST /conversations/search": ReadConversations,
		"GET /contacts/{id}":         ReadPerson,
		"POST /contacts/search":      ReadPeople,
		"POST /tickets/search":       ReadTickets,
		"GET /articles":              ReadArticles,
	} {
		for _, kind := range []simulator.FaultKind{simulator.Forbidden, simulator.Restricted, simulator.Revoked} {
			o := simulator.Options{Token: "t"}
			if endpoint != "" {
				o.Faults.Rules = []simulator.Fault{{Kind: kind, Endpoint: endpoint}}
			}
			api := httptest.NewServer(simulator.New(o).Handler())
			client, err := intercom.New(intercom.Options{BaseURL: api.URL, Token: "t", Budget: intercom.Unpaced{}})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range Permissions(t.Context(), client) {
				want := Granted
				switch {
				case p.Name == refused:
					want = Refused
				case slices.Contains([]string{WriteConversations, WriteTags, WritePeople, WriteTickets, WriteEvents}, p.Name):
					want = Unknown
				}
				if p.Answer != want {
					t.Errorf("%s refused as %s: %s is %s (%v), want %s", endpoint, kind, p.Name, p.Answer, p.Err, want)
				}
			}
			api.Close()
		}
	}
}

func TestPermissions_unreachable(t *testing.T) {
	client, err := intercom.New(intercom.Options{BaseURL: "http://127.0.0.1:1", Token: "t", Budget: intercom.Unpaced{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range Permissions(t.Context(), client) {
		if p.Answer != Unknown {
			t.Errorf("%s is %s, although nobody answers", p.Name, p.Answer)
		}
	}
}

func TestNeeded(t *testing.T) {
	for text, want := range map[string][]string{
		`[note: seen]`:                             {ReadAdmins, ReadConversations, WriteConversations, ReadTags},
		`[tag: VIP]`:                               {ReadAdmins, ReadConversations, ReadTags, WriteTags},
		`[note: "{{ contact.name }}"]`:             {ReadAdmins, ReadConversations, WriteConversations, ReadTags, ReadPerson},
		`[contact: { note: seen }]`:                {ReadAdmins, ReadConversations, ReadTags, ReadPeople, WritePeople},
		`[note: "{{ articles('x')[0].url }}"]`:     {ReadAdmins, ReadConversations, WriteConversations, ReadTags, ReadArticles},
		`[event: { name: order, metadata: {} }]`:   {ReadAdmins, ReadConversations, ReadTags, WriteEvents},
		`[ticket: { convert: { type: Problem } }]`: {ReadAdmins, ReadConversations, ReadTags, ReadTickets, WriteTickets},
	} {
		rs := parse(t, "version: 1\nrules:\n  - { name: x, when: conversation.user.created, then: "+text+" }\n")
		if got := Needed(rs); !slices.Equal(got, want) {
			t.Errorf("%s needs %q, want %q", text, got, want)
		}
	}
}

// Where a permission is missing, some endpoints answer 401 as to a wrong token: the list is missing, and the
// others are read at once.
func TestRead_refused_with_401(t *testing.T) {
	for _, kind := range []simulator.FaultKind{simulator.Revoked, simulator.Restricted, simulator.Forbidden} {
		api := httptest.NewServer(simulator.New(simulator.Options{Token: "t", Faults: simulator.Faults{
			Rules: []simulator.Fault{{Kind: kind, Endpoint: "GET /teams"}},
		}}).Handler())
		client, err := intercom.New(intercom.Options{BaseURL: api.URL, Token: "t", Budget: intercom.Unpaced{}})
		if err != nil {
			t.Fatal(err)
		}
		s, missing, err := Read(t.Context(), client, time.Now())
		if err != nil || len(missing) != 1 || s.Teams != nil || s.Tags == nil || s.Admins == nil {
			t.Errorf("%s: %+v, %v, %v", kind, s, missing, err)
		}
		api.Close()
	}
}
