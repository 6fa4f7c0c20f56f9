package recovery

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/internal/intercom"
)

// A notification shows the conversation as it was just after what it tells of; the API shows it as it
// is. What the parts say is turned back: state and assignees, and what is younger than the event is
// taken out: tags, rating, times. The rest (attributes, title, priority, counts) is as it is now.

// state is what is known of a conversation at a time.
type state struct {
	state       string // open, closed or snoozed; empty when it is not known
	admin, team assignee
	snoozes     int // so far
}

// assignee is whom a conversation is assigned to; nobody is an empty id.
type assignee struct {
	known bool
	id    string
}

// atFirst is the state in which the conversation began. When older parts are missing, nothing is
// known of what comes before those that are there.
func (h *History) atFirst() state {
	if h.Missing > 0 {
		return state{}
	}
	if h.now.Source.DeliveredAs == "admin_initiated" { // Intercom keeps it closed until it is answered
		return state{state: "closed", admin: assignee{true, string(h.now.Source.Author.ID)}, team: assignee{known: true}}
	}
	return state{state: "open", admin: assignee{known: true}, team: assignee{known: true}}
}

// after is the state after a part.
func (st state) after(p intercom.Part, raw json.RawMessage) state {
	switch p.Type {
	case "close":
		st.state = "closed"
	case "snoozed":
		st.state = "snoozed"
		st.snoozes++
	case "open", "unsnoozed", "assign_and_reopen":
		st.state = "open"
	case "comment", "quick_reply":
		if by(p.Author) == byCustomer {
			st.state = "open"
		}
	default:
		var part struct {
			State string `json:"state"`
		}
		if lenient(raw, &part); part.State != "" {
			st.state = part.State
		}
	}
	switch to := p.AssignedTo; {
	case to.Type == "admin" && !to.ID.Nobody():
		st.admin = assignee{true, string(to.ID)}
	case to.Type == "team" && !to.ID.Nobody():
		st.team = assignee{true, string(to.ID)}
	case strings.HasPrefix(to.Type, "nobody"):
		st.admin, st.team = assignee{known: true}, assignee{known: true}
	}
	return st
}

// doubt compares what the parts lead to with what holds now. When something changed the assignee
// without a part that says so, nothing is known of who it was before.
func (h *History) doubt(last state) {
	same := func(a assignee, now intercom.ID) bool {
		return !a.known || a.id == string(now) || a.id == "" && now.Nobody()
	}
	admin, team := same(last.admin, h.now.AdminAssigneeID), same(last.team, h.now.TeamAssigneeID)
	check := func(st *state) {
		st.admin.known = st.admin.known && admin
		st.team.known = st.team.known && team
		if st.snoozes != last.snoozes { // until when is known of the last one only
			st.snoozes = 0
		}
	}
	for i := range h.Happenings {
		check(&h.Happenings[i].state)
	}
	for i := range h.past {
		check(&h.past[i].state)
	}
}

// stateAt is the state after what had happened by a time.
func (h *History) stateAt(at time.Time) state {
	st := h.atFirst()
	for _, m := range h.past {
		if !m.at.After(at) {
			st = m.state
		}
	}
	return st
}

// item is the conversation as the notification of a happening would have shown it.
func (h *History) item(hp Happening) json.RawMessage {
	fields := maps.Clone(h.base)
	parts := []json.RawMessage{}
	if hp.part != nil {
		parts = append(parts, h.untagged(hp))
	}
	fields["conversation_parts"] = object(map[string]json.RawMessage{
		"type": text("conversation_part.list"), "conversation_parts": list(parts), "total_count": json.RawMessage(strconv.Itoa(len(parts))),
	})
	fields["updated_at"] = unix(hp.At)
	st := hp.state
	if st.state != "" {
		fields["state"], fields["open"] = text(st.state), json.RawMessage(strconv.FormatBool(st.state != "closed"))
		if st.state != "snoozed" || st.snoozes == 0 {
			fields["snoozed_until"] = null
		}
	}
	if st.admin.known {
		fields["admin_assignee_id"] = number(st.admin.id)
	}
	if st.team.known {
		fields["team_assignee_id"] = number(st.team.id)
	}
	h.takeOutYounger(fields, hp)
	return object(fields)
}

// untagged is the part of a happening without the tags that it got later.
func (h *History) untagged(hp Happening) json.RawMessage {
	var fields map[string]json.RawMessage
	var tags []json.RawMessage
	lenient(hp.part, &fields)
	lenient(fields["tags"], &tags)
	older := []json.RawMessage{}
	for _, raw := range tags {
		var on appliedTag
		lenient(raw, &on)
		if !slices.ContainsFunc(h.now.tags, func(tag appliedTag) bool { return tag.ID == on.ID && tag.AppliedAt.After(hp.At) }) {
			older = append(older, raw)
		}
	}
	if len(older) == len(tags) {
		return hp.part
	}
	fields["tags"] = list(older)
	return object(fields)
}

var null = json.RawMessage("null")

// takeOutYounger takes out what came to be after a happening.
func (h *History) takeOutYounger(fields map[string]json.RawMessage, hp Happening) {
	younger := func(at intercom.Time) bool { return at.After(hp.At) }
	var waiting struct {
		Since intercom.Time `json:"waiting_since"`
	}
	lenient(object(map[string]json.RawMessage{"waiting_since": orNull(fields["waiting_since"])}), &waiting)
	if younger(waiting.Since) {
		fields["waiting_since"] = null
	}
	if r := h.now.rating; hp.Topic != "conversation.rating.added" && (younger(r.CreatedAt) || younger(r.UpdatedAt)) {
		fields["conversation_rating"] = null
	}
	var tags struct {
		List []json.RawMessage `json:"tags"`
	}
	lenient(fields["tags"], &tags)
	older := []json.RawMessage{}
	for _, raw := range tags.List {
		var tag appliedTag
		if lenient(raw, &tag); !younger(tag.AppliedAt) {
			older = append(older, raw)
		}
	}
	fields["tags"] = object(map[string]json.RawMessage{"type": text("tag.list"), "tags": list(older)})
	var figures map[string]json.RawMessage
	if lenient(fields["statistics"], &figures); figures == nil {
		return
	}
	for key := range figures {
		var at intercom.Time
		if strings.HasSuffix(key, "_at") && at.UnmarshalJSON(figures[key]) == nil && younger(at) {
			figures[key] = null
			if span, ok := spans[key]; ok {
				figures[span] = null
			}
		}
	}
	fields["statistics"] = object(figures)
}

// spans are the figures that say how long it took until something happened for the first time or the
// last.
var spans = map[string]string{
	"first_assignment_at": "time_to_assignment", "first_admin_reply_at": "time_to_admin_reply",
	"first_close_at": "time_to_first_close", "last_close_at": "time_to_last_close",
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return null
	}
	return raw
}

func unix(at time.Time) json.RawMessage { return strconv.AppendInt(nil, at.Unix(), 10) }

// number is an id the way conversations name their assignees: an integer, or null for nobody.
func number(id string) json.RawMessage {
	if _, err := strconv.ParseInt(id, 10, 64); err == nil {
		return json.RawMessage(id)
	}
	if id == "" {
		return null
	}
	return text(id)
}

func list(elements []json.RawMessage) json.RawMessage {
	b, _ := json.Marshal(elements) // all of them are JSON that was decoded before
	return b
}
