package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reading is what an event is read as: what it is about, who acted (Intercom's type and id),
// who that is in the words of `from`, and how the newest message begins. Everything is in the
// payload: nothing is looked up.
type reading struct{ subject, actor, from, message string }

// published are the payloads that others published. They are not part of this repository;
// where they lie beside it each of them is read.
var published = map[string]reading{
	"admin_added_to_workspace.json":          {"admin/1234567", "admin 1234567", "teammate", ""},
	"company_contact_attached.json":          {"company/6961d175205cf6a4438f0c21", "", "", ""},
	"company_created.json":                   {"company/5c96b2c0d1c4c1a2d455b937", "", "", ""},
	"company_created_with_name.json":         {"company/6961d175205cf6a4438f0c21", "", "", ""},
	"contact_added_email.json":               {"contact/5c96b122177026171b401e20", "", "", ""},
	"contact_archived.json":                  {"contact/6961cf78fb9d13be07871c78", "", "", ""},
	"contact_created.json":                   {"contact/5c96b122177026171b401e20", "", "", ""},
	"contact_tag_created.json":               {"contact/5c9553cb27e377f24eed49f7", "", "", ""},
	"contact_user_created.json":              {"contact/6961d4041c1e12de4c5499cc", "", "", ""},
	"contact_user_tag_created.json":          {"contact/6961f1c19b981fb5a0b90afb", "", "", ""},
	"contact_user_updated.json":              {"contact/6961d43b372591e999b3ea56", "", "", ""},
	"conversation_admin_assigned.json":       {"conversation/21322009097", "admin 1957471", "teammate", "Hey Eeshan! How can I help?"},
	"conversation_admin_closed.json":         {"conversation/21322009097", "admin 1957471", "teammate", "Hello"},
	"conversation_admin_noted.json":          {"conversation/21330067382", "admin 1957471", "teammate", "Hey! I'd like to set up a new account"},
	"conversation_admin_open_assigned.json":  {"conversation/215472621202693", "admin 9608799", "teammate", "aMSIJJO"},
	"conversation_admin_opened.json":         {"conversation/21330229536", "admin 1957471", "teammate", "Hello"},
	"conversation_admin_replied.json":        {"conversation/21322009097", "admin 1957471", "teammate", "Hey Eeshan! How can I help?"},
	"conversation_admin_single_created.json": {"conversation/21330075292", "admin 1957471", "teammate", "Hi Eeshan, What's up"},
	"conversation_admin_snoozed.json":        {"conversation/21330067382", "admin 1957471", "teammate", "Hey! I'd like to set up a new account"},
	"conversation_contact_attached.json":     {"conversation/215472621202693", "admin 9608799", "teammate", ""},
	"conversation_deleted.json":              {"conversation/215472621305755", "", "", ""},
	"conversation_operator_replied.json":     {"conversation/215472621202693", "bot 9608808", "bot", "shetty will reply as soon as they can."},
	"conversation_part_tag_created.json":     {"conversation/21330067382", "", "", "Hey! I'd like to set up a new account"},
	"conversation_priority_updated.json":     {"conversation/215472621202693", "admin 9608799", "teammate", "helklo"},
	"conversation_user_created.json":         {"conversation/21321941764", "user 5c9553cb27e377f24eed49f7", "customer", "Hello everyone!"},
	"conversation_user_replied.json":         {"conversation/21322009097", "user 5c9553cb27e377f24eed49f7", "customer", "Well, I need some help getting access to"},
	"event_created.json":                     {"event/84ca8d44-8f2e-11e3-bbc6-6d72c14baf72", "user 5c9aabdf2ddf20549a41453a", "customer", ""},
	"granular_subscribe.json":                {"contact/6961cf78fb9d13be07871c78", "user 6961cf78fb9d13be07871c78", "customer", ""},
	"ping.json":                              {"ping/", "", "", ""},
	"ticket_admin_assigned.json":             {"ticket/215472629311235", "admin 9608799", "teammate", "You’ll get replies here and in your emai"},
	"ticket_contact_replied.json":            {"ticket/215472629548109", "user 696354ce6b48146fdc536f97", "customer", "asfsf"},
	"ticket_created.json":                    {"ticket/215472629311235", "admin 9608799", "teammate", "You’ll get replies here and in your emai"},
	"ticket_note_created.json":               {"ticket/215472629353977", "admin 9608799", "teammate", "hgjvjh"},
	"ticket_state_updated.json":              {"ticket/215472629311235", "admin 9608799", "teammate", "You’ll get replies here and in your emai"},
	"user_created.json":                      {"contact/5c9ab3e78cd7330140ce5033", "", "", ""},
	"user_tag_created.json":                  {"contact/5c9aabdf2ddf20549a41453a", "admin", "teammate", ""},
	"user_tag_deleted.json":                  {"contact/5c9aabdf2ddf20549a41453a", "admin", "teammate", ""},
}

// ours are the payloads in testdata, which have the same shapes.
var ours = map[string]reading{
	"admin_activity_log.json":               {"admin_activity_log_event/6f1e3b2a", "admin 9600001", "teammate", ""},
	"admin_added.json":                      {"admin/1234567", "admin 1234567", "teammate", ""},
	"admin_away_mode_updated.json":          {"admin/9600001", "admin 9600001", "teammate", ""},
	"call_ended.json":                       {"call/123", "", "", ""},
	"company_contact_attached.json":         {"company/c1", "", "", ""},
	"company_created.json":                  {"company/c1", "", "", ""},
	"company_deleted.json":                  {"company/6961d175205cf6a4438f0aaa", "", "", ""},
	"contact_archived.json":                 {"contact/6a1b2c3d4e5f60718293a4b5", "", "", ""},
	"contact_created_old.json":              {"contact/6a1b2c3d4e5f60718293a4b5", "", "", ""},
	"contact_deleted.json":                  {"contact/6a1b2c3d4e5f60718293a4b5", "", "", ""},
	"contact_merged.json":                   {"contact/6a1b2c3d4e5f60718293a4b5", "", "", ""},
	"contact_unsubscribed.json":             {"contact/6a1b2c3d4e5f60718293a4b5", "user 6a1b2c3d4e5f60718293a4b5", "customer", ""},
	"contact_user_tag_created.json":         {"contact/6a1b2c3d4e5f60718293a4b5", "", "", ""},
	"contact_user_updated.json":             {"contact/6a1b2c3d4e5f60718293a4b5", "", "", ""},
	"content_stat_email.json":               {"contact/6a1b2c3d4e5f60718293a4b5", "", "", ""},
	"conversation_admin_assigned_old.json":  {"conversation/21320000001", "admin 1950001", "teammate", "Hey Jo! How can I help?"},
	"conversation_admin_noted.json":         {"conversation/215470000000123", "admin 9600001", "teammate", "Hi, where is my order?"},
	"conversation_admin_open_assigned.json": {"conversation/215470000000123", "admin 9600001", "teammate", "I take this one"},
	"conversation_contact_attached.json":    {"conversation/215470000000123", "admin 9600001", "teammate", ""},
	"conversation_deleted.json":             {"conversation/215470000000123", "", "", ""},
	"conversation_operator_replied.json":    {"conversation/215470000000123", "bot 9600009", "bot", "We will reply as soon as we can."},
	"conversation_part_tag_created.json":    {"conversation/21320000001", "", "", "I like it"},
	"conversation_read_linked.json":         {"conversation/215470000000123", "user 6a1b2c3d4e5f60718293a4b5", "customer", "Look here"},
	"conversation_user_created.json":        {"conversation/215470000000123", "user 6a1b2c3d4e5f60718293a4b5", "customer", "Hi, I would like a REFUND please"},
	"conversation_user_created_old.json":    {"conversation/21320000001", "user 6a1b2c3d4e5f60718293a4b5", "customer", "Hi, I would like a REFUND please"},
	"conversation_user_replied.json":        {"conversation/215470000000123", "user 6a1b2c3d4e5f60718293a4b5", "customer", "Hello team,"},
	"conversation_user_replied_old.json":    {"conversation/21320000001", "user 6a1b2c3d4e5f60718293a4b5", "customer", "Hello team,"},
	"conversation_user_replied_reopen.json": {"conversation/215470000000123", "user 6a1b2c3d4e5f60718293a4b5", "customer", "It broke again"},
	"data_connector_execution.json":         {"data_connector.execution/987654321", "", "", ""},
	"event_created.json":                    {"event/84ca8d44", "user 6a1b2c3d4e5f60718293a4b5", "customer", ""},
	"granular_subscribe.json":               {"contact/6a1b2c3d4e5f60718293a4b5", "user 6a1b2c3d4e5f60718293a4b5", "customer", ""},
	"ping.json":                             {"ping/", "", "", ""},
	"ticket_admin_assigned.json":            {"ticket/215470000009999", "admin 9600001", "teammate", "It is lost"},
	"ticket_closed_nested.json":             {"ticket/215470000009999", "admin 9600001", "teammate", "It is lost"},
	"ticket_contact_attached.json":          {"ticket/215470000009999", "", "", ""},
	"ticket_contact_replied.json":           {"ticket/215470000009999", "user 6a1b2c3d4e5f60718293a4b5", "customer", "any news?"},
	"ticket_created.json":                   {"ticket/215470000009999", "", "", ""},
	"ticket_state_updated.json":             {"ticket/215470000009999", "admin 9600001", "teammate", ""},
	"unknown_item.json":                     {"loyalty_grant/77", "", "", ""},
	"user_tag_created_old.json":             {"contact/6a1b2c3d4e5f60718293a4b5", "admin", "teammate", ""},
	"visitor_signed_up.json":                {"contact/6a1b2c3d4e5f60718293a4b5", "user 6a1b2c3d4e5f60718293a4b5", "customer", ""},
}

func TestPayloads(t *testing.T) {
	checkReadings(t, filepath.Join("testdata", "payloads"), ours)
}

func TestPayloads_published(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "intercom", "fixtures")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no published payloads beside the repository")
	}
	checkReadings(t, dir, published)
}

// checkReadings reads every file of a folder; each needs a row, and each row a file.
func checkReadings(t *testing.T, dir string, rows map[string]reading) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no payloads in %s (%v)", dir, err)
	}
	for name := range rows {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("there is a row and no file: %v", err)
		}
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".json"), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := readingOf(t, body)
			want, ok := rows[name]
			if !ok {
				t.Fatalf("%s has no row; it is read as %#v", name, got)
			}
			if got.subject != want.subject || got.actor != want.actor || got.from != want.from ||
				!strings.HasPrefix(got.message, want.message) || (want.message == "") != (got.message == "") {
				t.Errorf("read as %#v, want %#v", got, want)
			}
		})
	}
}

func readingOf(t *testing.T, body []byte) reading {
	t.Helper()
	ev := parseEvent(t, body)
	in := Input{Event: ev, Now: unix(1768032600), Lookup: fixedLookup{}}
	e, err := newEvaluation(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	got := reading{subject: ev.Subject}
	if err := guard(func() {
		a := e.actor()
		got.from, _ = e.value(schema["event"].byName["from"].slot).(string)
		got.message, _ = e.value(slotMessageText).(string)
		if got.actor = a.kind; a.id != nil {
			got.actor += " " + idText(a.id)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return got
}
