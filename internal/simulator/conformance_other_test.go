package simulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"switchboard/internal/intercom"
)

// otherCalls are those that the simulator answers and the client has no method for. They come
// after the others.
var otherCalls = []conformanceCall{
	other("tags", func(o *others) {
		made := o.call(http.MethodPost, "/tags", `{"name":"Short-lived"}`)
		o.call(http.MethodGet, "/tags/"+made, "")
		o.call(http.MethodDelete, "/tags/"+made, "")
	}),
	other("attributes", func(o *others) {
		made := o.call(http.MethodPost, "/data_attributes", `{"name":"size","model":"contact","data_type":"string"}`)
		o.call(http.MethodPut, "/data_attributes/"+made, `{"description":"How large","archived":true}`)
	}),
	other("what belongs to contacts and companies", func(o *others) {
		note := o.call(http.MethodPost, "/contacts/"+o.contact+"/notes", `{"body":"Tea"}`)
		o.call(http.MethodGet, "/notes/"+note, "")
		o.call(http.MethodGet, "/contacts/"+o.contact+"/subscriptions", "")
		o.call(http.MethodGet, "/contacts/"+o.contact+"/segments", "")
		o.call(http.MethodGet, "/companies/"+o.company+"/contacts", "")
		o.call(http.MethodGet, "/companies/"+o.company+"/segments", "")
		o.call(http.MethodGet, "/companies/scroll", "")
		o.call(http.MethodGet, "/segments", "")
		o.call(http.MethodGet, "/subscription_types", "")
	}),
	other("conversations", func(o *others) {
		o.call(http.MethodPost, "/conversations/"+o.conversation+"/reply", `{"message_type":"comment","type":"user","user_id":"`+o.externalID+`","body":"Hm"}`)
		o.call(http.MethodPost, "/conversations/"+o.conversation+"/customers", `{"admin_id":"`+o.admin+`","customer":{"intercom_user_id":"`+o.spam+`"}}`)
		o.call(http.MethodDelete, "/conversations/"+o.conversation+"/customers/"+o.spam, `{"admin_id":"`+o.admin+`"}`)
		o.call(http.MethodPost, "/conversations/redact", `{"type":"source","conversation_id":"`+o.conversation+`","source_id":"`+o.source()+`"}`)
		o.call(http.MethodDelete, "/conversations/"+o.conversation, "")
	}),
	other("tickets", func(o *others) {
		job := o.call(http.MethodPost, "/tickets/enqueue", `{"ticket_type_id":"`+o.backType+`","contacts":[{"id":"`+o.spam+`"}]}`)
		o.call(http.MethodGet, "/jobs/status/"+job, "")
		o.call(http.MethodDelete, "/tickets/"+o.ticket, "")
		made := o.call(http.MethodPost, "/ticket_types", `{"name":"Bug","category":"Customer","icon":"🎟️"}`)
		o.call(http.MethodGet, "/ticket_types/"+made, "")
		o.call(http.MethodPost, "/ticket_types/"+made+"/attributes", `{"name":"Colour","description":"Which","data_type":"list","list_items":"Red, Blue"}`)
		o.call(http.MethodPut, "/ticket_types/"+made, `{"description":"Wrong","archived":true}`)
	}),
	other("articles", func(o *others) {
		made := o.call(http.MethodPost, "/articles", `{"title":"Tea","body":"<p>Warm</p>","author_id":`+o.admin+`,"state":"draft"}`)
		o.call(http.MethodPut, "/articles/"+made, `{"title":"Green tea","state":"published"}`)
		o.call(http.MethodDelete, "/articles/"+made, "")
	}),
	other("events", func(o *others) {
		o.call(http.MethodGet, "/events?type=user&user_id="+url.QueryEscape(o.externalID), "")
		o.call(http.MethodPost, "/events/summaries", `{"user_id":"`+o.externalID+`","event_summaries":{"event_name":"ordered-item","count":1,"first":1734537974,"last":1734537974}}`)
	}),
}

// others makes calls that the client has no method for.
type others struct {
	names
	ctx    context.Context
	client *intercom.Client
	err    error // the first
}

func other(name string, do func(*others)) conformanceCall {
	return conformanceCall{name, func(ctx context.Context, c *intercom.Client, n names) (any, error) {
		o := &others{names: n, ctx: ctx, client: c}
		do(o)
		return nil, o.err
	}}
}

// call makes a call and returns the id in the answer, or one that nothing has.
func (o *others) call(method, path, body string) string {
	answer, err := o.client.Raw(o.ctx, method, path, nil, json.RawMessage(body))
	if err != nil {
		if o.err == nil {
			o.err = fmt.Errorf("%s %s: %w", method, path, err)
		}
		return "1"
	}
	if ids := idsIn(answer); len(ids) > 0 {
		return ids[0]
	}
	return "1"
}

// source is the id of the conversation's first message.
func (o *others) source() string {
	conversation, _, err := o.client.Conversation(o.ctx, o.conversation)
	if err != nil {
		return "1"
	}
	return string(conversation.Source.ID)
}
