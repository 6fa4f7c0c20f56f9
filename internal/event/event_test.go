package event

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var received = time.Date(2026, 1, 9, 9, 20, 3, 250_000_000, time.UTC)

func TestParseReadsEveryFieldOfANotification(t *testing.T) {
	body := fixture(t, "testdata/conversation_user_replied.json")
	ev, err := Parse(body, received)
	if err != nil {
		t.Fatal(err)
	}
	want := Event{
		ID:         "notif_0b7c3c9e-6a0c-4d8f-9a55-2f7d1c7a9e10",
		Workspace:  "ws1demo0",
		Topic:      "conversation.user.replied",
		Subject:    "conversation/215400000000123",
		Part:       "41200340077",
		CreatedAt:  time.Unix(1767950400, 0).UTC(),
		ReceivedAt: received,
		Payload:    body,
	}
	if !equal(ev, want) {
		t.Errorf("got  %+v\nwant %+v", ev, want)
	}
	if &ev.Payload[0] != &body[0] || len(ev.Payload) != len(body) {
		t.Error("the payload is not the body itself")
	}
}

// outcome is what a fixture has to be read as.
type outcome struct{ topic, subject, part string }

func TestParseFixtures(t *testing.T) {
	checkFixtures(t, "testdata", map[string]outcome{
		"admin_added_to_workspace.json":      {"admin.added_to_workspace", "admin/7710999", ""},
		"company_contact_attached.json":      {"company.contact.attached", "company/6961d175205cf6a4438f0aaa", ""},
		"conversation_contact_attached.json": {"conversation.contact.attached", "conversation/215472621202999", ""},
		"conversation_deleted.json":          {"conversation.deleted", "conversation/215472621305000", ""},
		"conversation_user_replied.json":     {"conversation.user.replied", "conversation/215400000000123", "41200340077"},
		"conversation_user_replied_old.json": {"conversation.user.replied", "conversation/19100000001", "2824391002"},
		"ping.json":                          {"ping", "ping/", ""},
		"ticket_admin_replied.json":          {"ticket.admin.replied", "ticket/215473000000500", "9900112233"},
		"ticket_state_updated.json":          {"ticket.state.updated", "ticket/215473000000501", "9900112240"},
	})
}

// Payloads that others published are not part of this repository; where they lie beside it
// they are read, too.
func TestParsePublishedFixtures(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "intercom", "fixtures")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no published fixtures beside the repository")
	}
	checkFixtures(t, dir, map[string]outcome{
		"admin_added_to_workspace.json":          {"admin.added_to_workspace", "admin/1234567", ""},
		"company_contact_attached.json":          {"company.contact.attached", "company/6961d175205cf6a4438f0c21", ""},
		"company_created.json":                   {"company.created", "company/5c96b2c0d1c4c1a2d455b937", ""},
		"company_created_with_name.json":         {"company.created", "company/6961d175205cf6a4438f0c21", ""},
		"contact_added_email.json":               {"contact.added_email", "contact/5c96b122177026171b401e20", ""},
		"contact_archived.json":                  {"contact.archived", "contact/6961cf78fb9d13be07871c78", ""},
		"contact_created.json":                   {"contact.created", "contact/5c96b122177026171b401e20", ""},
		"contact_tag_created.json":               {"contact.tag.created", "contact/5c9553cb27e377f24eed49f7", ""},
		"contact_user_created.json":              {"contact.user.created", "contact/6961d4041c1e12de4c5499cc", ""},
		"contact_user_tag_created.json":          {"contact.user.tag.created", "contact/6961f1c19b981fb5a0b90afb", ""},
		"contact_user_updated.json":              {"contact.user.updated", "contact/6961d43b372591e999b3ea56", ""},
		"conversation_admin_assigned.json":       {"conversation.admin.assigned", "conversation/21322009097", "2824382500"},
		"conversation_admin_closed.json":         {"conversation.admin.closed", "conversation/21322009097", "2824395628"},
		"conversation_admin_noted.json":          {"conversation.admin.noted", "conversation/21330067382", "2826904904"},
		"conversation_admin_open_assigned.json":  {"conversation.admin.open.assigned", "conversation/215472621202693", "37358198341"},
		"conversation_admin_opened.json":         {"conversation.admin.opened", "conversation/21330229536", "2826953202"},
		"conversation_admin_replied.json":        {"conversation.admin.replied", "conversation/21322009097", "2824382500"},
		"conversation_admin_single_created.json": {"conversation.admin.single.created", "conversation/21330075292", ""},
		"conversation_admin_snoozed.json":        {"conversation.admin.snoozed", "conversation/21330067382", "2826902108"},
		"conversation_contact_attached.json":     {"conversation.contact.attached", "conversation/215472621202693", ""},
		"conversation_deleted.json":              {"conversation.deleted", "conversation/215472621305755", ""},
		"conversation_operator_replied.json":     {"conversation.operator.replied", "conversation/215472621202693", "37358121213"},
		"conversation_part_tag_created.json":     {"conversation_part.tag.created", "conversation/21330067382", ""},
		"conversation_priority_updated.json":     {"conversation.priority.updated", "conversation/215472621202693", "37358429305"},
		"conversation_user_created.json":         {"conversation.user.created", "conversation/21321941764", ""},
		"conversation_user_replied.json":         {"conversation.user.replied", "conversation/21322009097", "2824391734"},
		"event_created.json":                     {"event.created", "event/84ca8d44-8f2e-11e3-bbc6-6d72c14baf72", ""},
		"granular_subscribe.json":                {"granular.subscribe", "contact/6961cf78fb9d13be07871c78", ""},
		"ping.json":                              {"ping", "ping/", ""},
		"ticket_admin_assigned.json":             {"ticket.admin.assigned", "ticket/215472629311235", "37403424009"},
		"ticket_contact_replied.json":            {"ticket.contact.replied", "ticket/215472629548109", "37404590647"},
		"ticket_created.json":                    {"ticket.created", "ticket/215472629311235", ""},
		"ticket_note_created.json":               {"ticket.note.created", "ticket/215472629353977", "37404518759"},
		"ticket_state_updated.json":              {"ticket.state.updated", "ticket/215472629311235", "37403374462"},
		"user_created.json":                      {"user.created", "contact/5c9ab3e78cd7330140ce5033", ""},
		"user_tag_created.json":                  {"user.tag.created", "contact/5c9aabdf2ddf20549a41453a", ""},
		"user_tag_deleted.json":                  {"user.tag.deleted", "contact/5c9aabdf2ddf20549a41453a", ""},
	})
}

func checkFixtures(t *testing.T, dir string, want map[string]outcome) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in %s (%v)", dir, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			ev, err := agree(t, fixture(t, file), received)
			if err != nil {
				t.Fatal(err)
			}
			expected, ok := want[filepath.Base(file)]
			if !ok {
				t.Fatalf("not in the table of expectations: read as %q %q %q", ev.Topic, ev.Subject, ev.Part)
			}
			if got := (outcome{ev.Topic, ev.Subject, ev.Part}); got != expected {
				t.Errorf("read as %q, want %q", got, expected)
			}
			kind, _, _ := strings.Cut(ev.Subject, "/")
			if want := SubjectKind(ev.Topic); want != kind && want != KindOther {
				t.Errorf("events of topic %s are said to be about %q, this one is about %s", ev.Topic, want, ev.Subject)
			}
		})
	}
}

func TestParseKeepsIdsExact(t *testing.T) {
	for _, tt := range []struct{ name, item, subject, part string }{
		{"string", `{"type":"conversation","id":"215472621202693"}`, "conversation/215472621202693", ""},
		{"integer", `{"type":"conversation","id":215472621202693}`, "conversation/215472621202693", ""},
		{"above 2^53", `{"type":"conversation","id":9007199254740993}`, "conversation/9007199254740993", ""},
		{"largest of 64 bits", `{"type":"conversation","id":18446744073709551615}`, "conversation/18446744073709551615", ""},
		{"negative", `{"type":"company","id":-1}`, "company/-1", ""},
		{"escaped", `{"type":"conversation","id":"2\u00315"}`, "conversation/215", ""},
		{"slash", `{"type":"conversation","id":"a\/b"}`, "conversation/a/b", ""},
		{
			"integers in the model", `{"conversation":{"parts":[{"id":37358461336}],"model":{"id":215472621202693}},"contact":{"id":"c1"}}`,
			"conversation/215472621202693", "",
		},
		{
			"integer part", `{"type":"conversation","id":1,"conversation_parts":{"conversation_parts":[{"id":3},{"id":9007199254740993}]}}`,
			"conversation/1", "9007199254740993",
		},
		{"nobody", `{"type":"conversation"}`, "conversation/", ""},
		{"null", `{"type":"conversation","id":null,"conversation_id":77}`, "conversation/77", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := []byte(`{"id":"n1","topic":"conversation.contact.attached","app_id":"ws","data":{"item":` + tt.item + `}}`)
			ev, err := agree(t, body, received)
			if err != nil {
				t.Fatal(err)
			}
			if ev.Subject != tt.subject || ev.Part != tt.part {
				t.Errorf("got %q, part %q; want %q, part %q", ev.Subject, ev.Part, tt.subject, tt.part)
			}
		})
	}
}

func TestParseFindsTheSubjectOfItemsWithoutType(t *testing.T) {
	for _, tt := range []struct{ topic, item, subject string }{
		{"company.contact.attached", `{"company":{"id":"co1"},"contact":{"id":"c1"}}`, "company/co1"},
		{"company.contact.detached", `{"company":{"id":7},"contact":{"id":"c1"}}`, "company/7"},
		{"conversation.contact.attached", `{"conversation":{"model":{"id":5}},"contact":{"id":"c1"}}`, "conversation/5"},
		{"conversation.contact.detached", `{"conversation":{"id":"5","model":{"id":6}}}`, "conversation/5"},
		{"conversation.deleted", `{"conversation_id":"8"}`, "conversation/8"},
		{"ticket.contact.attached", `{"ticket":{"id":"t1"},"contact":{"id":"c1"}}`, "ticket/t1"},
		{"ticket.closed", `{"type":"ticket","id":"t2"}`, "ticket/t2"},
		{"ticket.closed", `{"type":"ticket","ticket":{"id":"t3"}}`, "ticket/t3"},
		{"ticket.closed", `{"type":"ticket","id":"x","ticket":{"id":"t4"}}`, "ticket/t4"},
		{"contact.merged", `{"id":"c2"}`, "contact/c2"},
		{"user.tag.created", `{"type":"user_tag","tag":{"id":"1"},"user":{"id":"u1"}}`, "contact/u1"},
		{"visitor.signed_up", `{"type":"user","id":"u2"}`, "contact/u2"},
		{"visitor.signed_up", `{"type":"visitor","id":"v1"}`, "contact/v1"},
		{"contact.unsubscribed", `{"type":"contact_unsubscribe","contact":{"id":"c3"},"subscription_types":{}}`, "contact/c3"},
		{"content_stat.email", `{"type":"content_stat.email","content_stat":{"id":1},"contact":{"id":"c4"}}`, "contact/c4"},
		{"content_stat.email", `{"type":"content_stat.email","id":5}`, "content_stat.email/5"},
		{"admin.activity_log_event.created", `{"type":"admin_activity_log_event","id":"l1","performed_by":{"id":"7"}}`, "admin_activity_log_event/l1"},
		{"data_connector.execution.completed", `{"type":"data_connector.execution","id":"d1","conversation_id":"5"}`, "data_connector.execution/d1"},
		{"something.new", `{"id":"x"}`, "something/x"},
		{"something", `{}`, "something/"},
		{"something.new", `{"type":"thing","id":3}`, "thing/3"},
		{"ping", `{"message":"hello"}`, "ping/"},
	} {
		t.Run(tt.topic+" "+tt.item, func(t *testing.T) {
			body := []byte(`{"topic":"` + tt.topic + `","data":{"item":` + tt.item + `}}`)
			ev, err := agree(t, body, received)
			if err != nil {
				t.Fatal(err)
			}
			if ev.Subject != tt.subject {
				t.Errorf("subject %q, want %q", ev.Subject, tt.subject)
			}
		})
	}
}

// The part of these notifications is what something happened to. Were it the event's part, a
// rule that ran for the message would not run for its tag.
func TestParseTellsTheCauseFromAPartThatIsOnlyMentioned(t *testing.T) {
	item := `{"type":"conversation","id":"1","conversation_parts":{"conversation_parts":[{"id":"10"},{"id":"11"}]}}`
	for topic, part := range map[string]string{
		"conversation.user.replied":     "11",
		"conversation.admin.replied":    "11",
		"conversation.something.new":    "11",
		"conversation.user.created":     "",
		"conversation.read":             "",
		"conversation.rating.added":     "",
		"conversation_part.tag.created": "",
		"conversation_part.redacted":    "",
	} {
		ev, err := agree(t, []byte(`{"topic":"`+topic+`","data":{"item":`+item+`}}`), received)
		if err != nil || ev.Part != part {
			t.Errorf("%s: part %q, want %q (%v)", topic, ev.Part, part, err)
		}
	}
}

func TestParseDerivesAnIdWhenThereIsNone(t *testing.T) {
	const (
		noPart   = `{"type":"contact","id":"c1","name":"x"}`
		withPart = `{"type":"conversation","id":"1","conversation_parts":{"conversation_parts":[{"id":"10"}]}}`
	)
	parse := func(id, created, attempts, item string, at time.Time) string {
		t.Helper()
		body := fmt.Sprintf(`{"id":%s,"topic":"conversation.user.replied","app_id":"ws",%s"delivery_attempts":%s,"data":{"item":%s}}`,
			id, created, attempts, item)
		ev, err := agree(t, []byte(body), at)
		if err != nil {
			t.Fatal(err)
		}
		if ev.ID == "" || !strings.HasPrefix(ev.ID, "derived_") {
			t.Fatalf("id %q is not a derived one", ev.ID)
		}
		return ev.ID
	}
	later := received.Add(time.Minute)
	created, other := `"created_at":1767950400,`, `"created_at":1767950401,`
	for _, item := range []string{noPart, withPart} {
		first := parse("null", created, "1", item, received)
		for name, again := range map[string]string{
			"another delivery": parse("null", created, "2", item, later),
			"an empty id":      parse(`""`, created, "1", item, received),
			"an object as id":  parse(`{}`, created, "1", item, received),
		} {
			if again != first {
				t.Errorf("%s: %s becomes %s for %s", name, first, again, item)
			}
		}
		if parse("null", other, "1", item, received) == first {
			t.Errorf("another second has the same id for %s", item)
		}
		if parse("null", "", "1", item, received) != parse("null", "", "2", item, later) {
			t.Errorf("without created_at the time of arrival decides on the id of %s", item)
		}
	}
	if parse("null", created, "1", noPart, received) == parse("null", created, "1", strings.Replace(noPart, "x", "y", 1), received) {
		t.Error("two changes of one contact in one second have one id")
	}
	if parse("null", created, "1", noPart, received) != parse("null", created, "1", strings.ReplaceAll(noPart, ",", " ,\n"), received) {
		t.Error("white space decides on the id")
	}
}

func TestParseTakesTheTimeOfTheNotification(t *testing.T) {
	at := time.Unix(1767950400, 0).UTC()
	for value, want := range map[string]time.Time{
		`1767950400`: at, `"1767950400"`: at,
		`0`: received, `-5`: received, `null`: received, `"soon"`: received, `{}`: received, `[1]`: received,
		`true`: received, `1.5`: received, `1e9`: received, `99999999999999999999999`: received, `253402300800`: received,
		`253402300799`: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		ev, err := agree(t, []byte(`{"topic":"a.b","created_at":`+value+`,"data":{"item":{}}}`), received)
		if err != nil {
			t.Errorf("created_at %s: %v", value, err)
		} else if !ev.CreatedAt.Equal(want) {
			t.Errorf("created_at %s is read as %v, want %v", value, ev.CreatedAt, want)
		}
	}
}

// Of two fields with one name the last one counts, as in most decoders, in full: nothing of
// the first shines through.
func TestParseRepeatedNames(t *testing.T) {
	body := `{"topic":"a.b","topic":"ticket.closed","data":{"item":{"id":"9"}},
		"data":{"item":{"id":"1","type":"contact"},"item":{"ticket":{"id":"2"},"ticket":{"id":"3"}}}}`
	ev, err := agree(t, []byte(body), received)
	if err != nil {
		t.Fatal(err)
	}
	if ev.Topic != "ticket.closed" || ev.Subject != "ticket/3" {
		t.Errorf("read as %s about %s", ev.Topic, ev.Subject)
	}
}

func TestParseRefuses(t *testing.T) {
	const good = `{"topic":"a.b","data":{"item":{}}}`
	long := strings.Repeat("x", maxName+1)
	for name, tt := range map[string]struct{ body, says string }{
		"nothing":             {"", "the body is empty"},
		"white space":         {" \n", "malformed JSON at byte 3: it ends too early"},
		"text":                {"hello", "malformed JSON at byte 1: expected a value"},
		"byte order mark":     {"\ufeff" + good, "malformed JSON at byte 1"},
		"gzip":                {"\x1f\x8b\x08\x00", "the body is not UTF-8"},
		"not UTF-8":           {strings.Replace(good, "a.b", "a.\xff", 1), "the body is not UTF-8"},
		"UTF-16 surrogate":    {strings.Replace(good, "a.b", "a.\xed\xa0\x80", 1), "the body is not UTF-8"},
		"NUL":                 {good + "\x00", "something follows the value"},
		"two values":          {good + good, "something follows the value"},
		"comment":             {"/* */" + good, "expected a value"},
		"single quotes":       {strings.ReplaceAll(good, `"`, `'`), "expected a name in quotes"},
		"trailing comma":      {`{"topic":"a.b",}`, "expected a name in quotes"},
		"no colon":            {`{"topic" "a.b"}`, "expected a colon"},
		"no comma":            {`{"a":1 "b":2}`, "expected a comma or }"},
		"no comma in a list":  {`{"a":[1 2]}`, "expected a comma or ]"},
		"raw line end":        {"{\"a\":\"\n\"}", "control character in a string"},
		"bad escape":          {`{"a":"\x41"}`, "unknown escape"},
		"bad unicode escape":  {`{"a":"\u00g1"}`, "unknown escape"},
		"bad word":            {`{"a":nul}`, "expected a value"},
		"number with zero":    {`{"a":01}`, "expected a comma or }"},
		"number without end":  {`{"a":1.}`, "expected a digit"},
		"exponent only":       {`{"a":1e}`, "expected a digit"},
		"minus only":          {`{"a":-}`, "expected a digit"},
		"NaN":                 {`{"a":NaN}`, "expected a value"},
		"null":                {`null`, "topic is missing"},
		"list":                {`[` + good + `]`, "the body has the wrong type (array)"},
		"string":              {`"` + long + `"`, "the body has the wrong type (string)"},
		"number":              {`1`, "the body has the wrong type (number)"},
		"bool":                {`true`, "the body has the wrong type (bool)"},
		"no topic":            {`{"data":{"item":{}}}`, "topic is missing"},
		"empty topic":         {`{"topic":"","data":{"item":{}}}`, "topic is missing"},
		"null topic":          {`{"topic":null,"data":{"item":{}}}`, "topic is missing"},
		"other case":          {`{"Topic":"a.b","data":{"item":{}}}`, "topic is missing"},
		"topic a number":      {`{"topic":5,"data":{"item":{}}}`, "topic has the wrong type (number)"},
		"topic an object":     {`{"topic":{"a":"b"},"data":{"item":{}}}`, "topic has the wrong type (object)"},
		"topic with line end": {`{"topic":"a\n.b","data":{"item":{}}}`, "may not hold control characters"},
		"topic with NUL":      {`{"topic":"a\u0000b","data":{"item":{}}}`, "may not hold control characters"},
		"topic too long":      {`{"topic":"` + long + `","data":{"item":{}}}`, "may have at most 200 characters"},
		"app a bool":          {`{"topic":"a","app_id":true,"data":{"item":{}}}`, "app_id has the wrong type (bool)"},
		"app too long":        {`{"topic":"a","app_id":"` + long + `","data":{"item":{}}}`, "may have at most 200 characters"},
		"id too long":         {`{"topic":"a","id":"` + long + `","data":{"item":{}}}`, "may have at most 200 characters"},
		"id with line end":    {`{"topic":"a","id":"a\r\nb","data":{"item":{}}}`, "may not hold control characters"},
		"id a huge number":    {`{"topic":"a","id":1` + strings.Repeat("0", 400) + `,"data":{"item":{}}}`, "may have at most 200 characters"},
		"no data":             {`{"topic":"a"}`, "data.item is missing"},
		"null data":           {`{"topic":"a","data":null}`, "data.item is missing"},
		"data a list":         {`{"topic":"a","data":[]}`, "data has the wrong type (array)"},
		"data a string":       {`{"topic":"a","data":"{}"}`, "data has the wrong type (string)"},
		"no item":             {`{"topic":"a","data":{}}`, "data.item is missing"},
		"null item":           {`{"topic":"a","data":{"item":null}}`, "data.item is missing"},
		"item a list":         {`{"topic":"a","data":{"item":[]}}`, "data.item has the wrong type (array)"},
		"item taken back":     {`{"topic":"a","data":{"item":{"id":1},"item":null}}`, "data.item is missing"},
		"data taken back":     {`{"topic":"a","data":{"item":{"id":1}},"data":{}}`, "data.item is missing"},
		"topic of our own":    {`{"topic":"switchboard.timer","data":{"item":{}}}`, "topics and ids of Switchboard itself do not come from Intercom"},
		"id of our own":       {`{"topic":"a","id":"timer/5/1/sla","data":{"item":{}}}`, "topics and ids of Switchboard itself do not come from Intercom"},
		"topic taken back":    {`{"topic":"a","topic":null,"data":{"item":{}}}`, "topic is missing"},
		"item id too long":    {`{"topic":"a","data":{"item":{"id":"` + long + long + `"}}}`, "data.item has an unusable type or id"},
		"item id unprintable": {`{"topic":"a","data":{"item":{"id":"\u001b[31m"}}}`, "data.item has an unusable type or id"},
		"type unprintable":    {`{"topic":"a","data":{"item":{"type":"\u007f"}}}`, "data.item has an unusable type or id"},
		"wrong type, bad end": {`{"topic":5,"data":{"item":{}}`, "malformed JSON at byte 30: it ends too early"},
		"deep lists":          {`{"a":` + strings.Repeat("[", 1<<20) + `}`, "nested too deeply"},
		"deep objects":        {strings.Repeat(`{"data":`, 1<<16), "nested too deeply"},
		"deep models":         {`{"data":{"item":{"company":` + strings.Repeat(`{"model":`, 1<<16), "nested too deeply"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := agree(t, []byte(tt.body), received)
			if !errors.Is(err, ErrNotNotification) {
				t.Fatalf("error %v is not ErrNotNotification", err)
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error is %q, want %q in it", err, tt.says)
			}
		})
	}
}

func TestParseRefusesEveryTruncation(t *testing.T) {
	body := fixture(t, "testdata/conversation_user_replied.json")
	end := len(strings.TrimSpace(string(body)))
	for n := range end {
		if _, err := Parse(body[:n], received); !errors.Is(err, ErrNotNotification) {
			t.Fatalf("the first %d of %d bytes: %v", n, end, err)
		}
	}
}

// Nothing but the topic and the item may make a notification unreadable.
func TestParsePassesOverWrongTypes(t *testing.T) {
	values := []string{
		`null`, `true`, `false`, `0`, `-1`, `1e400`, `99999999999999999999999999`, `""`, `"x"`, `"\ud800"`, `{}`, `[]`,
		`[{}]`, `{"id":{}}`, `{"id":[1]}`, `{"model":5}`, `{"conversation_parts":5}`, `{"ticket_parts":[null,5,"x",{"id":{}}]}`,
		`{"conversation_parts":[{"id":"1"},[]]}`, `{"conversation_parts":[{"id":"1"}],"ticket_parts":[{"id":"2"}]}`,
	}
	fields := []string{
		"type", "id", "conversation_id", "conversation", "ticket", "company", "contact", "user", "ticket_part",
		"conversation_parts", "ticket_parts", "source", "statistics",
	}
	for _, topic := range []string{"conversation.user.replied", "ticket.closed", "company.contact.attached", "user.tag.created"} {
		for _, value := range values {
			for _, field := range fields {
				body := fmt.Sprintf(`{"topic":%q,"data":{"item":{%q:%s}}}`, topic, field, value)
				if _, err := agree(t, []byte(body), received); err != nil {
					t.Errorf("%s: %v", body, err)
				}
			}
			for _, field := range []string{"id", "created_at", "links", "self", "type", "delivery_attempts"} {
				body := fmt.Sprintf(`{"topic":%q,%q:%s,"data":{"type":5,"item":{}}}`, topic, field, value)
				if _, err := agree(t, []byte(body), received); err != nil {
					t.Errorf("%s: %v", body, err)
				}
			}
		}
	}
}

// encoding/json decodes what is stored, so what it refuses must not be stored.
func TestParseNestsAsDeepAsEncodingJSON(t *testing.T) {
	for _, depth := range []int{10, 1000, maxDepth - 3, maxDepth - 2} {
		body := `{"topic":"a.b","data":{"item":{"a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}}}`
		_, err := agree(t, []byte(body), received)
		if (err == nil) != (depth <= maxDepth-3) {
			t.Errorf("%d lists inside three objects: %v", depth, err)
		}
	}
}

// Every byte of a notification is replaced in turn by every byte that means something in
// JSON: whatever encoding/json makes of the result, Parse makes of it, too.
func TestParseAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range []string{
		`{"topic":"a.b","id":-0.5e+10,"data":{"item":{"id":"x\u00e9\n\"\/","ticket":{"id":12,"a":[true,false,null,[],{}]}}}}`,
		"{ \"topic\":\t\"a.b\",\r\n\"data\" : {\"item\":{\"a\":\"\x7f\",\"b\":[1, 2]} } } ",
	} {
		for i := range len(text) {
			for _, c := range []byte("{}[]:,\"\\/ \t\r\n\f\x000129.-+eEuabntrfl\x7f\x80\xc3") {
				body := []byte(text)
				body[i] = c
				agree(t, body, received)
			}
		}
	}
	wide := `{"topic":"a.b","data":{"item":{"a":[[]` + strings.Repeat(",[{}]", 2*maxDepth) + `]}}}`
	if _, err := agree(t, []byte(wide), received); err != nil {
		t.Errorf("many lists beside one another: %v", err)
	}
}

func TestParseErrorsDoNotQuoteTheText(t *testing.T) {
	for _, body := range []string{
		`{"topic":"a.b","data":{"item":{"body":"secret words"}} secret words`,
		`{"topic":["secret words"],"data":{"item":{}}}`,
		`{"topic":"secret words\u0000","data":{"item":{}}}`,
		`{"topic":"a.b","data":{"item":{"id":"secret words\n"}}}`,
		`secret words`,
		`{"topic":"a.b","data":{"item":{"body":"\secret words"}}}`,
	} {
		if _, err := Parse([]byte(body), received); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v", body, err)
		}
	}
}

func TestTopicsAreSortedAndKnown(t *testing.T) {
	list := Topics()
	if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Error("the topics are not in order, or one is there twice")
	}
	for _, topic := range list {
		if !KnownTopic(topic) {
			t.Errorf("%s is not known", topic)
		}
		if !printable(topic) || topic != strings.ToLower(topic) || len(topic) > maxName {
			t.Errorf("%q is an odd name", topic)
		}
	}
	for _, topic := range []string{"", "conversation", "conversation.user.replied ", "Conversation.user.replied", "zzz"} {
		if KnownTopic(topic) {
			t.Errorf("%q is known", topic)
		}
	}
	list[0] = "changed"
	if Topics()[0] == "changed" {
		t.Error("a caller can change the list")
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, file := range files {
		f.Add(fixture(f, file))
	}
	for _, seed := range []string{
		``, `{}`, `null`, `{"topic":"a.b","data":{"item":{}}}`,
		`{"topic":"a\u0041\ud83d\ude00","id":12345678901234567890,"created_at":"12","data":{"item":{"type":"ticket","ticket":{"id":1}}}}`,
		`{"t\u006fpic":"a.b","data":{"item":{"company":{"model":{"model":{"id":-0.5e+7}}}}},"data":{"item":{"id":"x"}}}`,
		`{"topic":"conversation.x","data":{"item":{"conversation_parts":{"conversation_parts":[{"id":1},7],"ticket_parts":[]}}}}`,
		"{\"topic\":\"\xff\",\"data\":{\"item\":{}}}", `{"topic":"a.b","data":{"item":{"id":"\ud800"}}} x`, `[[[[`, `{"a":"\`, `"\u12`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ev, err := agree(t, body, received)
		if err != nil {
			if !errors.Is(err, ErrNotNotification) || !printable(err.Error()) {
				t.Fatalf("odd error: %q", err)
			}
			return
		}
		for name, value := range map[string]string{
			"id": ev.ID, "topic": ev.Topic, "subject": ev.Subject, "workspace": ev.Workspace, "part": ev.Part,
		} {
			if !printable(value) || !utf8.ValidString(value) {
				t.Errorf("%s is not printable: %q", name, value)
			}
		}
		if ev.ID == "" || ev.Topic == "" || !strings.Contains(ev.Subject, "/") {
			t.Errorf("incomplete: %+v", ev)
		}
		again, err := Parse(ev.Payload, received)
		if err != nil || !equal(again, ev) {
			t.Errorf("read again it is another event: %+v (%v), first %+v", again, err, ev)
		}
	})
}

func fixture(tb testing.TB, path string) []byte {
	tb.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// What the events of a topic are about is known before any has come.
func TestSubjectKind(t *testing.T) {
	for topic, want := range map[string]string{
		"conversation_part.redacted": KindConversation, "user.tag.created": KindContact, "granular.subscribe": KindContact,
		"content_stat.series.webhook": KindContact, "admin.logged_in": KindAdmin, "admin.activity_log_event.created": KindOther,
		"ping": KindOther, "ticket.closed": KindTicket, "conversation.something.new": KindOther,
	} {
		if got := SubjectKind(topic); got != want {
			t.Errorf("%s is about %q, want %q", topic, got, want)
		}
	}
}
