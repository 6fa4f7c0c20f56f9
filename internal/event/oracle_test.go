package event

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// oracle reads a notification the slow and obvious way, with encoding/json into maps. Parse
// has to agree with it on every input that somebody finds. It gives no error text and does
// not make up ids.
func oracle(body []byte, receivedAt time.Time) (ev Event, ok bool) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return ev, false
	}
	var root any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&root) != nil {
		return ev, false
	}
	envelope, ok := root.(map[string]any)
	if !ok {
		return ev, false
	}
	data, ok := envelope["data"].(map[string]any)
	if !ok {
		return ev, false
	}
	item, ok := data["item"].(map[string]any)
	if !ok {
		return ev, false
	}
	topic, ok := envelope["topic"].(string)
	if !ok {
		return ev, false
	}
	app, ok := envelope["app_id"].(string)
	if !ok && envelope["app_id"] != nil {
		return ev, false
	}
	id := oracleID(envelope["id"])
	for _, name := range []string{topic, app, id} {
		if len(name) > maxName || !printable(name) {
			return ev, false
		}
	}
	ev = Event{
		ID: id, Workspace: app, Topic: topic, Subject: oracleSubject(item, topic),
		CreatedAt: receivedAt, ReceivedAt: receivedAt, Payload: body,
	}
	if n, err := strconv.ParseInt(oracleID(envelope["created_at"]), 10, 64); err == nil && n > 0 && n < maxUnix {
		ev.CreatedAt = time.Unix(n, 0).UTC()
	}
	if part := oraclePart(item); causedByPart(topic) && printable(part) && len(part) <= maxName {
		ev.Part = part
	}
	return ev, topic != "" && !strings.HasPrefix(topic, "switchboard.") && !strings.HasPrefix(id, "timer/") && !strings.HasPrefix(id, "schedule/") && len(ev.Subject) <= 2*maxName && printable(ev.Subject)
}

func oracleID(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func oracleRef(v any) string {
	object, _ := v.(map[string]any)
	if object == nil {
		return ""
	}
	return firstOf(oracleID(object["id"]), oracleRef(object["model"]))
}

func oracleSubject(item map[string]any, topic string) string {
	kind, _ := item["type"].(string)
	if kind == "" {
		kind = strings.Split(topic, ".")[0]
	}
	id := oracleID(item["id"])
	if contact := oracleRef(item["contact"]); strings.HasPrefix(kind, "content_stat.") && contact != "" {
		return "contact/" + contact
	}
	switch kind {
	case "conversation", "conversation_part":
		return "conversation/" + firstOf(id, oracleID(item["conversation_id"]), oracleRef(item["conversation"]))
	case "ticket", "ticket_ticket_part":
		return "ticket/" + firstOf(oracleRef(item["ticket"]), id)
	case "company":
		return "company/" + firstOf(id, oracleRef(item["company"]))
	case "ping":
		return "ping/"
	case "contact", "user", "lead", "visitor", "contact_tag", "user_tag", "contact_subscribe", "contact_unsubscribe",
		"granular_subscribe", "granular_unsubscribe", "granular":
		return "contact/" + firstOf(id, oracleRef(item["contact"]), oracleRef(item["user"]))
	}
	return kind + "/" + id
}

func oraclePart(item map[string]any) string {
	if part := oracleRef(item["ticket_part"]); part != "" {
		return part
	}
	for _, outer := range []string{"conversation_parts", "ticket_parts"} {
		object, _ := item[outer].(map[string]any)
		for _, inner := range []string{"ticket_parts", "conversation_parts"} {
			if list, _ := object[inner].([]any); len(list) > 0 {
				return oracleRef(list[len(list)-1])
			}
		}
	}
	return ""
}

func firstOf(ids ...string) string {
	for _, id := range ids {
		if id != "" {
			return id
		}
	}
	return ""
}

// agree fails the test unless Parse reads body as the oracle does.
func agree(t *testing.T, body []byte, receivedAt time.Time) (Event, error) {
	t.Helper()
	got, err := Parse(body, receivedAt)
	want, ok := oracle(body, receivedAt)
	switch {
	case ok && err != nil:
		t.Fatalf("Parse refuses what encoding/json reads: %v\n%q", err, body)
	case !ok && err == nil:
		t.Fatalf("Parse accepts what encoding/json refuses: %+v\n%q", got, body)
	case err != nil:
		return got, err
	}
	if want.ID == "" {
		want.ID = got.ID
	}
	if !equal(got, want) {
		t.Fatalf("Parse and encoding/json disagree on %q\n got %+v\nwant %+v", body, got, want)
	}
	return got, nil
}

func equal(a, b Event) bool {
	return a.Seq == b.Seq && a.ID == b.ID && a.Workspace == b.Workspace && a.Topic == b.Topic &&
		a.Subject == b.Subject && a.Part == b.Part && a.CreatedAt.Equal(b.CreatedAt) &&
		a.ReceivedAt.Equal(b.ReceivedAt) && bytes.Equal(a.Payload, b.Payload)
}
