package simulator

import (
	"fmt"
	"strings"
	"testing"
)

// Whatever a client sends, the answer is a refusal that can be read, never a broken server.
func TestAPI_bears_any_body(t *testing.T) {
	b := newRichBench(t, Options{})
	ids := map[string]string{
		"/conversations/{id}": b.conversation, "/contacts/{id}": b.contact, "/tickets/{id}": b.ticket, "/companies/{id}": b.acme,
		"/articles/{id}": b.article, "/admins/{id}": b.ines, "/tags/{id}": b.tag, "/ticket_types/{id}": b.bug,
	}
	keys := strings.Fields(`query pagination from to cc body name email external_id role custom_attributes customer contacts users companies
		ticket_attributes ticket_type_id ticket_state_id assignee_id admin_id snoozed_until message_type type id attachment_urls
		attachment_files reply_options metadata created_at event_name event_summaries options assignment open model data_type
		signed_up_at owner_id title author_id state page per_page away_mode_enabled subject list_items description`)
	values := []string{`null`, `5`, `-1.5`, `""`, `"x"`, `[]`, `{}`, `[null]`, `[{}]`, `{"a":{"b":[1]}}`, `true`, `9999999999999999999999`}
	bodies := []string{``, `null`, `[]`, `"x"`, `5`, `{`, `{}`, "\xff"}
	for _, value := range values {
		var all []string
		for _, key := range keys {
			all = append(all, fmt.Sprintf("%q:%s", key, value))
			bodies = append(bodies, fmt.Sprintf("{%q:%s}", key, value))
		}
		bodies = append(bodies, `{`+strings.Join(all, ",")+`}`)
	}
	for _, r := range routes {
		if r.method == "GET" || r.method == "DELETE" {
			continue
		}
		path := r.path
		for start, id := range ids {
			if strings.HasPrefix(path, start) {
				path = strings.Replace(path, "{id}", id, 1)
			}
		}
		for _, body := range bodies {
			resp, err := b.try(r.method, pathOf(path), body)
			if err != nil {
				t.Fatalf("%s %s: %v", r.endpoint(), body, err)
			}
			if resp.status >= 500 || resp.status >= 400 && get(resp.body, "errors.0.code") == nil {
				t.Errorf("%s %s: %d %s", r.endpoint(), body, resp.status, resp.raw)
			}
		}
	}
	for _, r := range routes {
		if r.method == "GET" {
			for _, query := range []string{"page=-1", "per_page=999999999999999999999", "starting_after=MSAx", "type=user&email=%ff", "scroll_param=%00", "phrase=%"} {
				resp, err := b.try("GET", pathOf(r.path)+"?"+query, "")
				if err != nil || resp.status >= 500 {
					t.Errorf("%s ?%s: %d %v", r.endpoint(), query, resp.status, err)
				}
			}
		}
	}
}
