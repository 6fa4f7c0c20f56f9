package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"switchboard/internal/actions"
	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// ownWork tells whether one of our own calls caused the event (I9). A part that a call
// returned is ours for certain. The notification can be quicker than the call's answer,
// though; then the part is ours when an app made it (app_package_code, which is null for
// people in the inbox) under the name of the teammate we act as.
//
// Contacts, companies and tickets have notifications that name no part. One of them is ours
// when what it is about was last changed in the very second in which a call of ours changed it.
// So is that of a tag on a conversation: its part is what was tagged, and who did that is not said.
func (e *Engine) ownWork(ctx context.Context, actingAs string, ev event.Event) (own bool, reason string, err error) {
	if ev.Part != "" {
		if own, reason, err = e.ownPart(ctx, actingAs, ev); own || err != nil {
			return own, reason, err
		}
	}
	switch ev.Topic {
	case "event.created":
		return e.ownDataEvent(ctx, ev)
	case "conversation_part.tag.created":
		return e.ownTag(ctx, ev)
	}
	if !touchable(ev) {
		return false, "", nil
	}
	return e.ownTouch(ctx, ev)
}

// touchable tells whether only the time tells if a call of ours changed what the event is about.
func touchable(ev event.Event) bool {
	switch kind, _, _ := strings.Cut(ev.Subject, "/"); kind {
	case event.KindContact, event.KindCompany, event.KindTicket:
		return !writtenByCustomer(ev)
	}
	return false
}

// callUnderWay puts the event off until a call of ours has its answer, which will tell whether
// the event is ours. Most take less than a second; one that is in doubt can take hours, so each
// wait is as long as the event has waited so far, and long ones are told.
func (e *Engine) callUnderWay(ctx context.Context, ev event.Event) error {
	waited := e.o.Store.Now().Sub(ev.ReceivedAt)
	if waited > time.Minute {
		e.metrics.postponed.Inc()
		e.log.WarnContext(ctx, "event waits for the end of an action of ours that may have caused it", "event", ev.Seq,
			"topic", ev.Topic, "subject", ev.Subject, "waited", waited.Round(time.Second))
	}
	return &notYetError{min(max(waited, 200*time.Millisecond), time.Minute)}
}

// ownDataEvent tells whether a call of ours recorded the event of a contact that this tells of.
func (e *Engine) ownDataEvent(ctx context.Context, ev event.Event) (own bool, reason string, err error) {
	var n struct {
		Data struct {
			Item struct {
				Contact   intercom.ID   `json:"intercom_user_id"`
				Name      string        `json:"event_name"`
				CreatedAt intercom.Time `json:"created_at"`
			} `json:"item"`
		} `json:"data"`
	}
	_ = json.Unmarshal(ev.Payload, &n) // what does not fit is missing
	item := n.Data.Item
	if item.Contact == "" {
		return false, "", nil
	}
	// Asked in this order: a call that ends in between has its key on record.
	busy, err := e.o.Store.InFlightAbout(ctx, ev.Workspace, string(item.Contact))
	if err != nil {
		return false, "", err
	}
	own, err = e.o.Store.OwnPart(ctx, ev.Workspace, actions.EventKey(string(item.Contact), item.Name, item.CreatedAt.Unix()))
	if err == nil && !own && busy {
		return false, "", e.callUnderWay(ctx, ev)
	}
	return own, "Switchboard recorded this event", err
}

// ownTouch tells whether the event tells of a change that a call of ours made.
func (e *Engine) ownTouch(ctx context.Context, ev event.Event) (own bool, reason string, err error) {
	about := readTouched(ev)
	// Asked in this order: a call that ends in between has its touch on record.
	busy, err := e.o.Store.InFlight(ctx, ev.Workspace, ev.Subject)
	if err == nil && !busy {
		busy, err = e.o.Store.InFlightAbout(ctx, ev.Workspace, about.ids...)
	}
	if err != nil {
		return false, "", err
	}
	own, err = e.o.Store.Touched(ctx, ev.Workspace, ev.Subject, about.at)
	if err == nil && !own && busy {
		return false, "", e.callUnderWay(ctx, ev)
	}
	return own, "Switchboard changed " + ev.Subject + " in that second", err
}

// ownTag tells whether a call of ours put the tag on the conversation that the event tells of. The
// call may have been made for the ticket that the conversation is.
func (e *Engine) ownTag(ctx context.Context, ev event.Event) (own bool, reason string, err error) {
	_, id, _ := strings.Cut(ev.Subject, "/")
	busy := false
	for _, kind := range []string{event.KindConversation, event.KindTicket} {
		// Asked before the touches: a call that ends in between has its touch on record.
		working, err := e.o.Store.InFlight(ctx, ev.Workspace, kind+"/"+id)
		if err != nil {
			return false, "", err
		}
		busy = busy || working
	}
	for _, at := range taggedAt(ev) {
		own, err = e.o.Store.Touched(ctx, ev.Workspace, actions.TagTouch(id), at)
		if own || err != nil {
			return own, "Switchboard put a tag on " + ev.Subject + " in that second", err
		}
	}
	if busy {
		return false, "", e.callUnderWay(ctx, ev)
	}
	return false, "", nil
}

// taggedAt is when the tag may have been put on: when the notification was made, which may be a
// little later, and when the part was changed, if anything changed it since it was made.
func taggedAt(ev event.Event) []time.Time {
	list := []time.Time{ev.CreatedAt}
	if p := readPart(ev); p.UpdatedAt.After(p.CreatedAt.Time) {
		list = append(list, p.UpdatedAt.Time)
	}
	return list
}

// touched is what an event says about what it is about.
type touched struct {
	at  time.Time // when it was last changed
	ids []string  // under which actions may name it
}

// readTouched reads when the event's contact, company or ticket was last changed: what its
// payload says, or else when the notification was made.
func readTouched(ev event.Event) touched {
	type object struct {
		UpdatedAt intercom.Time `json:"updated_at"`
		CompanyID intercom.ID   `json:"company_id"`
	}
	var n struct {
		Data struct {
			Item struct {
				object
				Contact object `json:"contact"`
				Company object `json:"company"`
				Ticket  object `json:"ticket"`
			} `json:"item"`
		} `json:"data"`
	}
	_ = json.Unmarshal(ev.Payload, &n) // what does not fit is missing
	item := n.Data.Item
	kind, id, _ := strings.Cut(ev.Subject, "/")
	inner := map[string]object{event.KindContact: item.Contact, event.KindCompany: item.Company, event.KindTicket: item.Ticket}[kind]
	t := touched{at: ev.CreatedAt, ids: []string{id}}
	for _, at := range []intercom.Time{item.UpdatedAt, inner.UpdatedAt} {
		if !at.IsZero() {
			t.at = at.Time
		}
	}
	if own := cmp.Or(inner.CompanyID, item.CompanyID); kind == event.KindCompany && own != "" {
		t.ids = append(t.ids, string(own))
	}
	return t
}

// ownPart tells whether a call of ours made the event's part.
func (e *Engine) ownPart(ctx context.Context, actingAs string, ev event.Event) (own bool, reason string, err error) {
	// Asked in this order: a call that ends in between has its parts on record.
	busy, err := e.o.Store.InFlight(ctx, ev.Workspace, ev.Subject)
	if err != nil {
		return false, "", err
	}
	own, err = e.o.Store.OwnPart(ctx, ev.Workspace, ev.Part)
	if err != nil || own {
		return own, "part " + ev.Part + " was made by Switchboard", err
	}
	if busy && !bytes.Contains(ev.Payload, []byte(`"app_package_code"`)) && strings.Contains(ev.Topic, ".admin.") {
		// Old payloads do not say whether an app made the part. A call of ours that is under
		// way may have.
		return false, "", e.callUnderWay(ctx, ev)
	}
	admin := madeByApp(ev)
	if admin == "" {
		return false, "", nil
	}
	// When that cannot be found out the event waits: taking our own words for a person's is
	// how loops begin.
	own, err = e.o.Facts.actsAs(ctx, actingAs, admin)
	return own, "part " + ev.Part + " was made by an app as the teammate that Switchboard acts as", err
}

// madeByApp returns the id of the admin under whose name an app made the event's part; it is
// empty for parts made by people.
func madeByApp(ev event.Event) string {
	// Most events are made by people: look for the key before decoding anything.
	if !bytes.Contains(ev.Payload, []byte(`"app_package_code"`)) {
		return ""
	}
	p := readPart(ev)
	if p.App == "" || p.Author.Type != "admin" {
		return ""
	}
	return string(bytes.Trim(p.Author.ID, `"`))
}

// writtenByCustomer tells whether the event's part says that a customer made it.
func writtenByCustomer(ev event.Event) bool {
	if ev.Part == "" {
		return false
	}
	switch readPart(ev).Author.Type {
	case "user", "lead", "contact":
		return true
	}
	return false
}

// readPart reads the part that the event is about, as far as its payload has it.
func readPart(ev event.Event) part {
	var n struct {
		Data struct {
			Item struct {
				TicketPart part `json:"ticket_part"`
				Parts      struct {
					List []part `json:"conversation_parts"`
				} `json:"conversation_parts"`
			} `json:"item"`
		} `json:"data"`
	}
	if json.Unmarshal(ev.Payload, &n) != nil {
		return part{}
	}
	if list := n.Data.Item.Parts.List; len(list) > 0 {
		return list[len(list)-1]
	}
	return n.Data.Item.TicketPart
}

type part struct {
	App       string        `json:"app_package_code"`
	CreatedAt intercom.Time `json:"created_at"`
	UpdatedAt intercom.Time `json:"updated_at"`
	Author    struct {
		Type string          `json:"type"`
		ID   json.RawMessage `json:"id"`
	} `json:"author"`
}
