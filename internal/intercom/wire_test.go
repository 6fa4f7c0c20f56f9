package intercom

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestID_decodes_strings_and_integers_exactly(t *testing.T) {
	for in, want := range map[string]ID{
		`"123"`:                 "123",
		`123`:                   "123",
		`9007199254740993`:      "9007199254740993", // 2^53+1: a float64 would lose it
		`18446744073709551615`:  "18446744073709551615",
		`-1`:                    "-1",
		`"63a07ddf05a32042dff"`: "63a07ddf05a32042dff",
		`"0"`:                   "0",
		`0`:                     "0",
		`null`:                  "",
		`""`:                    "",
		`true`:                  "",
		`{"id":1}`:              "",
		`[1]`:                   "",
	} {
		var got ID = "old"
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
	for id, want := range map[ID]bool{"": true, "0": true, "1": false, "00": false} {
		if id.Nobody() != want {
			t.Errorf("%q.Nobody() = %v", id, !want)
		}
	}
}

func TestTime_decodes_every_form_seen(t *testing.T) {
	want := time.Date(2022, 9, 19, 14, 20, 23, 0, time.UTC)
	for _, in := range []string{
		`1663597223`, `"1663597223"`, `"2022-09-19T14:20:23Z"`, `"2022-09-19T14:20:23.000Z"`,
		`"2022-09-19T14:20:23.000+00:00"`, `"2022-09-19T16:20:23+02:00"`,
	} {
		var got Time
		if err := json.Unmarshal([]byte(in), &got); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{`null`, `""`, `0`, `-5`, `"soon"`, `{}`, `[]`, `true`, `99999999999999999`, `1e400`} {
		got := Time{want}
		if err := json.Unmarshal([]byte(in), &got); err != nil || !got.IsZero() {
			t.Errorf("%s: %v, %v; want zero", in, got, err)
		}
	}
	for _, at := range []Time{{want}, {}} {
		b, err := json.Marshal(at)
		if err != nil {
			t.Fatal(err)
		}
		var back Time
		if err := json.Unmarshal(b, &back); err != nil || !back.Equal(at.Time) {
			t.Errorf("%v became %s and then %v, %v", at, b, back, err)
		}
	}
}

const newGeneration = `{
	"type": "conversation", "id": "503", "title": "Broken key", "created_at": 1734537511, "updated_at": 1734537512,
	"snoozed_until": null, "open": true, "state": "snoozed",
	"source": {"type": "email", "id": "40391", "delivered_as": "customer_initiated", "subject": "Key", "body": "<p>Help</p>",
		"author": {"type": "user", "id": "6762f126", "name": "Kim", "email": "kim@example.test"}},
	"contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "6762f126", "external_id": "70"}]},
	"admin_assignee_id": 991267715, "team_assignee_id": 5017691,
	"tags": {"type": "tag.list", "tags": [{"type": "tag", "id": "12", "name": "VIP", "applied_by": {"type": "admin", "id": "4"}}]},
	"conversation_parts": {"type": "conversation_part.list", "total_count": 7, "conversation_parts": [
		{"type": "conversation_part", "id": 1, "part_type": "comment", "body": "<p>Okay</p>", "created_at": 1663597223,
		 "assigned_to": {"type": "team", "id": "9"}, "author": {"type": "admin", "id": "274", "name": "Ops", "email": "ops@example.test"},
		 "redacted": false, "app_package_code": "switchboard"},
		{"type": "conversation_part", "id": "2", "part_type": "close", "body": null, "created_at": "1663597300", "assigned_to": null,
		 "author": {"type": "bot", "id": "278"}, "redacted": true, "app_package_code": null}]}
}`

const oldGeneration = `{
	"type": "conversation", "id": 21322009097, "created_at": 1553290933, "updated_at": 1553291307,
	"user": {"type": "lead", "id": "5c9553cb", "user_id": "75067020", "name": "Kim"},
	"assignee": {"type": "admin", "id": "1957471"},
	"conversation_message": {"type": "conversation_message", "id": "331499307", "subject": "", "body": "<p>Hello</p>",
		"author": {"type": "user", "id": "5c9553cb"}},
	"conversation_parts": {"type": "conversation_part.list", "conversation_parts": [
		{"type": "conversation_part", "id": "2824391734", "part_type": "comment", "body": "<p>Well</p>", "created_at": 1553291307,
		 "author": {"type": "user", "id": "5c9553cb"}}], "total_count": 1},
	"open": true, "state": "open", "tags": {"type": "tag.list", "tags": []}
}`

func TestConversation_decodes_both_generations(t *testing.T) {
	at := func(s int64) Time { return Time{time.Unix(s, 0).UTC()} }
	tests := map[string]struct {
		in   string
		want Conversation
	}{
		"new": {newGeneration, Conversation{
			ID: "503", Title: "Broken key", State: "snoozed", Open: true,
			Source: Source{
				ID: "40391", Type: "email", DeliveredAs: "customer_initiated", Subject: "Key", Body: "<p>Help</p>",
				Author: Author{Type: "user", ID: "6762f126", Name: "Kim", Email: "kim@example.test"},
			},
			Contacts: []Ref{{Type: "contact", ID: "6762f126"}},
			Parts: []Part{
				{
					ID: "1", Type: "comment", Body: "<p>Okay</p>", CreatedAt: at(1663597223), AssignedTo: Ref{"team", "9"},
					Author: Author{Type: "admin", ID: "274", Name: "Ops", Email: "ops@example.test"}, AppPackageCode: "switchboard",
				},
				{ID: "2", Type: "close", CreatedAt: at(1663597300), Author: Author{Type: "bot", ID: "278"}, Redacted: true},
			},
			TotalParts: 7, TagList: []Tag{{ID: "12", Name: "VIP"}},
			AdminAssigneeID: "991267715", TeamAssigneeID: "5017691",
			CreatedAt: at(1734537511), UpdatedAt: at(1734537512),
		}},
		"old": {oldGeneration, Conversation{
			ID: "21322009097", State: "open", Open: true,
			Source:   Source{ID: "331499307", Type: "conversation_message", Body: "<p>Hello</p>", Author: Author{Type: "user", ID: "5c9553cb"}},
			Contacts: []Ref{{Type: "lead", ID: "5c9553cb"}},
			Parts: []Part{{
				ID: "2824391734", Type: "comment", Body: "<p>Well</p>", CreatedAt: at(1553291307),
				Author: Author{Type: "user", ID: "5c9553cb"},
			}},
			TagList: []Tag{}, TotalParts: 1, AdminAssigneeID: "1957471", CreatedAt: at(1553290933), UpdatedAt: at(1553291307),
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got Conversation
			if err := json.Unmarshal([]byte(tt.in), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestConversation_odd_fields_spoil_only_themselves(t *testing.T) {
	for name, in := range map[string]string{
		"nulls":        `{"id":"7","state":"open","source":null,"contacts":null,"tags":null,"conversation_parts":null,"admin_assignee_id":null,"title":null,"open":null}`,
		"empty lists":  `{"id":7,"state":"open","source":[],"contacts":[],"tags":[],"conversation_parts":[],"user":[],"assignee":[]}`,
		"empty":        `{"id":"7","state":"open","source":{},"contacts":{},"tags":{},"conversation_parts":{},"conversation_rating":{}}`,
		"missing":      `{"id":"7","state":"open"}`,
		"wrong types":  `{"title":17,"open":"yes","source":"x","contacts":"x","tags":5,"conversation_parts":true,"created_at":{},"state":"open","id":"7"}`,
		"zeros":        `{"id":"7","state":"open","admin_assignee_id":0,"team_assignee_id":"0"}`,
		"odd elements": `{"id":"7","state":"open","contacts":{"contacts":[null,7,"x"]},"conversation_parts":{"conversation_parts":[null,[]],"total_count":"2"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var got Conversation
			if err := decode([]byte(in), &got); err != nil {
				t.Fatal(err)
			}
			if got.ID != "7" || got.State != "open" || !got.AdminAssigneeID.Nobody() || !got.TeamAssigneeID.Nobody() ||
				len(got.Parts) != 0 || len(got.Contacts) != 0 || len(got.TagList) != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestPart_odd_fields_spoil_only_themselves(t *testing.T) {
	var got Conversation
	err := decode([]byte(`{"id":"7","conversation_parts":{"conversation_parts":[
		{"id":1,"part_type":"comment","body":{"x":1},"author":null,"assigned_to":"x","created_at":"2022-09-19T14:20:23Z","redacted":"no"},
		{"id":"2","part_type":5,"body":"b","author":[],"tags":null}]}}`), &got)
	if err != nil || len(got.Parts) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if p := got.Parts[0]; p.ID != "1" || p.Type != "comment" || p.Body != "" || p.CreatedAt.IsZero() {
		t.Errorf("first part %+v", p)
	}
	if p := got.Parts[1]; p.ID != "2" || p.Type != "" || p.Body != "b" {
		t.Errorf("second part %+v", p)
	}
}

func TestAdmin_and_Me(t *testing.T) {
	var me Me
	err := json.Unmarshal([]byte(`{"type":"admin","id":991267459,"email":"ops@example.test","name":"Ops","email_verified":true,
		"app":{"type":"app","id_code":"abc123","name":"My App","timezone":"Europe/Dublin","region":"EU","secure":false},
		"avatar":null,"has_inbox_seat":false,"team_ids":[814865,"9"]}`), &me)
	want := Me{
		Admin: Admin{ID: "991267459", Email: "ops@example.test", Name: "Ops", TeamIDs: []ID{"814865", "9"}},
		App:   App{IDCode: "abc123", Name: "My App", Timezone: "Europe/Dublin", Region: "EU"},
	}
	if err != nil || !reflect.DeepEqual(me, want) {
		t.Errorf("got %+v, %v; want %+v", me, err, want)
	}
	for in, seat := range map[string]bool{`{"id":"1"}`: true, `{"id":"1","has_inbox_seat":null}`: true, `{"id":"1","has_inbox_seat":false}`: false, `{"id":"1","has_inbox_seat":true}`: true} {
		var a Admin
		if err := json.Unmarshal([]byte(in), &a); err != nil || a.HasInboxSeat != seat {
			t.Errorf("%s: seat %v, %v; want %v", in, a.HasInboxSeat, err, seat)
		}
	}
}

func TestClient_lists(t *testing.T) {
	tests := map[string]struct {
		answer string
		want   []string // ids
		class  Class    // of the error, 0: none
	}{
		"as documented":      {`{"type":"admin.list","admins":[{"id":"1"},{"id":2}]}`, []string{"1", "2"}, 0},
		"under data":         {`{"type":"list","data":[{"id":"1"}]}`, []string{"1"}, 0},
		"bare":               {`[{"id":"1"}]`, []string{"1"}, 0},
		"null in it":         {`{"admins":[null,{"id":"1"}]}`, []string{"1"}, 0},
		"empty":              {`{"admins":[]}`, nil, 0},
		"null":               {`{"admins":null}`, nil, 0},
		"no list":            {`{"type":"admin.list"}`, nil, Retry},
		"something else":     {`{"type":"error"}`, nil, Retry},
		"not JSON":           {`<html>`, nil, Retry},
		"nothing":            {``, nil, Retry},
		"a list of no kind":  {`{"admins":"none"}`, nil, Retry},
		"cut off in a field": {`{"admins":[{"id":"1"`, nil, Retry},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rec := record(t, answerWith(200, tt.answer))
			admins, err := rec.client(t).Admins(t.Context())
			if ClassOf(err) != tt.class {
				t.Fatalf("class %v (%v), want %v", ClassOf(err), err, tt.class)
			}
			var got []string
			for _, a := range admins {
				got = append(got, string(a.ID))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("ids %q, want %q", got, tt.want)
			}
		})
	}
}

func TestClient_raw_objects_are_returned_byte_for_byte(t *testing.T) {
	const contact = `{"id":"63a07d","owner_id":12345678901234567890,"custom_attributes":{"plan":"enterprise","seats":1.50}}`
	rec := record(t, answerWith(200, contact))
	c := rec.client(t)
	got, raw, err := c.Contact(t.Context(), "63a07d")
	if err != nil || string(raw) != contact {
		t.Errorf("raw %s, %v", raw, err)
	}
	if got.ID != "63a07d" || got.OwnerID != "12345678901234567890" {
		t.Errorf("decoded %+v", got)
	}
	_, raw, err = c.Conversation(t.Context(), "63a07d")
	if err != nil || string(raw) != contact {
		t.Errorf("raw %s, %v", raw, err)
	}
	rec = record(t, answerWith(200, `{"type":"list","data":[{"id":"1","size":1.50},{"id":"2"}],"pages":{"next":null}}`))
	companies, err := rec.client(t).ContactCompanies(t.Context(), "63a07d")
	if err != nil || len(companies) != 2 || string(companies[0]) != `{"id":"1","size":1.50}` {
		t.Errorf("companies %s, %v", companies, err)
	}
}

func TestConversation_no_list_of_parts_is_not_an_empty_one(t *testing.T) {
	for in, isNil := range map[string]bool{
		`{"id":"7"}`:                           true,
		`{"id":"7","conversation_parts":null}`: true,
		`{"id":"7","conversation_parts":{"type":"conversation_part.list"}}`:                   true,
		`{"id":"7","conversation_parts":{"conversation_parts":null}}`:                         true,
		`{"id":"7","conversation_parts":{"conversation_parts":[]}}`:                           false,
		`{"id":"7","conversation_parts":{"conversation_parts":[{"id":"1"}],"total_count":1}}`: false,
	} {
		var c Conversation
		if err := decode([]byte(in), &c); err != nil || (c.Parts == nil) != isNil {
			t.Errorf("%s: %#v, %v", in, c.Parts, err)
		}
	}
}
