package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"switchboard/internal/event"
)

// ownWork tells whether one of our own calls caused the event (I9). A part that a call
// returned is ours for certain. The notification can be quicker than the call's answer,
// though; then the part is ours when an app made it (app_package_code, which is null for
// people in the inbox) under the name of the teammate we act as.
func (e *Engine) ownWork(ctx context.Context, actingAs string, ev event.Event) (own bool, reason string, err error) {
	if ev.Part == "" {
		return false, "", nil
	}
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
		// way may have: its answer will tell.
		return false, "", &notYetError{time.Now().Add(200 * time.Millisecond)}
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
		return ""
	}
	last := n.Data.Item.TicketPart
	if list := n.Data.Item.Parts.List; len(list) > 0 {
		last = list[len(list)-1]
	}
	if last.App == "" || last.Author.Type != "admin" {
		return ""
	}
	return string(bytes.Trim(last.Author.ID, `"`))
}

type part struct {
	App    string `json:"app_package_code"`
	Author struct {
		Type string          `json:"type"`
		ID   json.RawMessage `json:"id"`
	} `json:"author"`
}
