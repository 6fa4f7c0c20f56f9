package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
)

// track records an event of the contact:
//
//   - event: refund-requested
//   - event: { name: refund-requested, metadata: { order: "{{ ... }}", amount: 3 } }
//
// Its time is that of the event that led to it. Intercom keeps one of the same contact, name and
// second, so it may be sent again.
type track struct{ repeatable }

type trackSpec struct {
	name     Text
	metadata []field
}

type trackParams struct {
	Name     string         `json:"name"`
	Contact  string         `json:"contact"`
	At       int64          `json:"at"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

// maxEventName is Intercom's limit for the name of an event.
const maxEventName = 120

// Name is "event".
func (track) Name() string { return "event" }

// Parse reads name and metadata.
func (track) Parse(n *yaml.Node, d Decoder) Spec {
	s, ok := &trackSpec{}, true
	const what = "the name of the event"
	if n.Kind != yaml.MappingNode {
		if s.name = requireText(n, d, what, false); s.name == nil {
			return nil
		}
		return s
	}
	seen := false
	d.Fields(n, map[string]func(*yaml.Node){
		"name": func(n *yaml.Node) { seen, s.name = true, requireText(n, d, what, false) },
		"metadata": func(n *yaml.Node) {
			var fine bool
			if s.metadata, fine = parseFields(n, d, parseScalar); fine && len(s.metadata) > intercom.MaxMetadata {
				d.Problem(s.metadata[intercom.MaxMetadata].at, CodeParameter, "", "an event has at most %d keys of metadata, and these are %d",
					intercom.MaxMetadata, len(s.metadata))
				fine = false
			}
			ok = ok && fine
		},
	})
	if !seen {
		d.Problem(n, CodeParameter, "write `event: NAME` or `event: {name: NAME, metadata: {...}}`", "event needs a name")
	}
	if s.name == nil || !ok {
		return nil
	}
	return s
}

// Plan renders name and metadata, and fixes the time.
func (s *trackSpec) Plan(p Plan) (json.RawMessage, error) {
	contact, err := p.Contact()
	if err != nil {
		return nil, err
	}
	name, err := s.name.Render(p.Facts)
	if err != nil {
		return nil, err
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > maxEventName {
		return nil, errorf("the name of the event came out empty or longer than %d bytes", maxEventName)
	}
	metadata, err := renderFields(s.metadata, p.Facts)
	if err != nil {
		return nil, err
	}
	for key, v := range metadata {
		switch v.(type) {
		case []any, map[string]any:
			return nil, errorf("the metadata %s came out as a list or object", key)
		case nil:
			delete(metadata, key)
		}
	}
	at := p.At // events that are decided together, after a pause, are events of their own
	if at.IsZero() {
		at = p.Now
	}
	return encodeParams(trackParams{Name: name, Contact: contact, At: at.Unix(), Metadata: metadata})
}

// Summary names the event.
func (s *trackSpec) Summary() string { return "event " + constant(s.name) }

// Do records the event.
func (track) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p trackParams
	if err := decodeParams("event", c.Params, &p); err != nil {
		return Result{}, err
	}
	err := env.Client.TrackEvent(ctx, intercom.TrackEventRequest{
		Name: p.Name, Contact: intercom.ContactRef{ID: p.Contact}, CreatedAt: time.Unix(p.At, 0), Metadata: p.Metadata,
	})
	return Result{Detail: "recorded event " + short(p.Name, 80), Parts: []string{EventKey(p.Contact, p.Name, p.At)}}, err
}

// EventKey names an event of a contact among what our calls made. Intercom keeps one of the same
// contact, name and second, so the key is exact.
func EventKey(contact, name string, at int64) string {
	return fmt.Sprintf("event/%s/%d/%s", contact, at, name)
}

func (track) describe(params json.RawMessage) string {
	var p trackParams
	if decodeParams("event", params, &p) != nil {
		return "event"
	}
	return "event " + short(p.Name, 80)
}
