package ruletest

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
	"switchboard/internal/event"
	"switchboard/internal/rules"
)

// deed is one thing that happens in a test. It changes the world and makes the events that tell of it.
type deed interface {
	do(w *world, on string) ([]happening, error)
}

// happening is an event that the rules decide about.
type happening struct {
	event.Event
	own bool // our own work
	// recorded is what a decision on the event was made of once; nil for an event that happens in the test's
	// world.
	recorded *rules.Input
}

// mostTimes bounds how often a step is repeated.
const mostTimes = 10_000

// readStep reads an entry of `events`.
func (p *parser) readStep(n *yaml.Node, g *given) (step, bool) {
	s := step{line: n.Line, times: 1}
	var what deed
	deeds := 0
	is := func(read func(*yaml.Node) deed) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if deeds++; deeds > 1 {
				p.Problem(n, "rules/wrong-value", "use two entries", "one entry tells of one thing that happens")
				return
			}
			what = read(n)
		}
	}
	later := map[string]*yaml.Node{}
	keep := func(key string) func(*yaml.Node) { return func(n *yaml.Node) { later[key] = n } }
	var item *yaml.Node
	before := len(p.Problems())
	p.Fields(n, map[string]func(*yaml.Node){
		"at":    func(n *yaml.Node) { s.at = p.readMoment(n, g, false) },
		"after": func(n *yaml.Node) { d, _ := p.Duration(n); s.at = moment{after: d, set: true} },
		"times": func(n *yaml.Node) { s.times, _ = p.Number(n, 1, mostTimes) },
		"every": func(n *yaml.Node) { s.every, _ = p.Duration(n) },
		"in":    func(n *yaml.Node) { s.on, _ = p.Word(n, "a name for the conversation") },

		"customer": is(p.readCustomer),
		"teammate": is(p.readTeammateDeed),
		"bot": is(func(n *yaml.Node) deed {
			text, _ := p.Word(n, "what the bot says")
			return says{bot: true, text: text}
		}),
		"topic": is(func(n *yaml.Node) deed {
			topic, _ := p.Word(n, "a topic")
			if topic != "" && !event.KnownTopic(topic) {
				p.Problem(n, "rules/wrong-value", diag.DidYouMean(topic, event.Topics()), "Intercom has no topic %q", topic)
			}
			return &tells{topic: topic}
		}),
		"payload":  is(p.readPayload),
		"record":   is(p.readRecord),
		"schedule": is(p.readSchedule),
		"time": is(func(n *yaml.Node) deed {
			if n.Value != "passes" {
				p.Problem(n, "rules/wrong-value", "write after: 1h with time: passes", "time can only be passes")
			}
			return passes{}
		}),

		"contact": keep("contact"), "companies": keep("companies"), "conversation": keep("conversation"), "ticket": keep("ticket"),
		"item": func(n *yaml.Node) { item = n },
	})
	if n.Kind != yaml.MappingNode {
		return s, false
	}
	p.readPatches(later, g, &s.given)
	if item != nil {
		told, ok := what.(*tells)
		value, isObject := p.Value(item).(object)
		if !ok || !isObject {
			p.Problem(item, "rules/wrong-value", "", "item belongs to an event with a topic, and is a mapping")
		} else {
			told.item = value
		}
	}
	if what == nil && deeds == 0 && len(p.Problems()) == before {
		p.Problem(n, "rules/missing-key", "write customer:, teammate:, bot:, topic:, payload:, record: or schedule:", "the entry does not say what happens")
	}
	s.deed = what
	return s, what != nil
}

func (p *parser) readCustomer(n *yaml.Node) deed {
	if n.Kind != yaml.MappingNode {
		text, _ := p.Word(n, "what the customer writes")
		return says{text: text}
	}
	var r rates
	before := len(p.Problems())
	p.Fields(n, map[string]func(*yaml.Node){
		"rates":  func(n *yaml.Node) { r.stars, _ = p.Number(n, 1, 5) },
		"remark": func(n *yaml.Node) { r.remark, _ = p.Word(n, "what the customer writes with the rating") },
	})
	if r.stars == 0 && len(p.Problems()) == before {
		p.Missing(n, "what the customer does", "rates")
	}
	return r
}

// readTeammateDeed reads what a teammate does, in the words of actions; a text alone is a reply.
func (p *parser) readTeammateDeed(n *yaml.Node) deed {
	if _, isAction := actions.Lookup(n.Value); n.Kind == yaml.ScalarNode && !isAction {
		text, _ := p.Word(n, "what the teammate replies, or an action such as close")
		return says{teammate: true, text: text}
	}
	kind, spec, ok := p.Action(n)
	if ok && spec == nil {
		p.Problem(n, actions.CodeParameter, "", "%s needs to know more", kind)
	}
	if !ok || spec == nil {
		return nil
	}
	return acts{kind, spec}
}

func (p *parser) readFile(n *yaml.Node, what string) ([]byte, bool) {
	name, ok := p.Word(n, "the path of a file with "+what)
	if !ok {
		return nil, false
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(p.dir, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		p.Problem(n, "rules/cannot-read", "", "the file cannot be read: %v", errors.Unwrap(err))
		return nil, false
	}
	return text, true
}

func (p *parser) readPayload(n *yaml.Node) deed {
	text, ok := p.readFile(n, "a notification")
	if !ok {
		return nil
	}
	ev, err := event.Parse(text, time.Time{})
	if err != nil {
		p.Problem(n, "rules/wrong-value", "", "the file holds no notification: %v", err)
		return nil
	}
	item, err := itemOf(text)
	if err != nil {
		p.Problem(n, "rules/wrong-value", "", "the file holds no notification: %v", err)
		return nil
	}
	return arrives{ev, lastIDIn(item)}
}

func (p *parser) readRecord(n *yaml.Node) deed {
	text, ok := p.readFile(n, "a recorded event")
	if !ok {
		return nil
	}
	var r rules.Record
	if err := json.Unmarshal(text, &r); err != nil || len(r.Payload) == 0 || r.Topic == "" || r.Decision == nil {
		p.Problem(n, "rules/wrong-value", "switchboard explain --save-as-test writes such files", "the file holds no recorded event")
		return nil
	}
	return recorded{&r}
}

func (p *parser) readSchedule(n *yaml.Node) deed {
	name, ok := p.Word(n, "the name of a rule with a schedule (every)")
	if !ok {
		return nil
	}
	sweeps := p.file.Ruleset.Sweeps()
	i := slices.IndexFunc(sweeps, func(s rules.Sweep) bool { return s.Rule == name })
	if i < 0 {
		p.Problem(n, "rules/wrong-value", p.closestRule(name), "there is no rule %q with a schedule that is not off", name)
		return nil
	}
	return sweep{sweeps[i]}
}

// says is a text of the customer, a teammate or the bot.
type says struct {
	bot, teammate bool
	text          string
}

func (d says) do(w *world, on string) ([]happening, error) {
	c := w.conversation(on)
	body := paragraph(d.text)
	switch {
	case d.bot && c != nil:
		return w.byPeople(w.change("reply", planned{Body: body}, c, bot()))
	case d.teammate && c != nil:
		return w.byPeople(w.change("reply", planned{Body: body}, c, w.given.teammate))
	case d.teammate || d.bot:
		author, topic := w.given.teammate, "conversation.admin.single.created"
		if d.bot {
			author = bot()
		}
		return w.byPeople(w.one(w.tellOf(topic, w.begin(on, author, body), nil)))
	case c == nil:
		return w.byPeople(w.one(w.tellOf("conversation.user.created", w.begin(on, w.customer(), body), nil)))
	}
	kind := "comment"
	if c["state"] != "open" {
		kind = "open"
	}
	w.state(c, "open")
	if c["waiting_since"] == nil {
		c["waiting_since"] = w.now.Unix()
	}
	stat(c, "first_contact_reply_at", w.now, true)
	stat(c, "last_contact_reply_at", w.now, false)
	part := w.addPart(c, kind, body, w.customer())
	return w.byPeople(w.one(w.tellOf("conversation.user.replied", c, part)))
}

// paragraph is a text as the HTML that Intercom has of it.
func paragraph(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		lines[i] = html.EscapeString(line)
	}
	return "<p>" + strings.Join(lines, "<br>\n") + "</p>"
}

// byPeople are events of what people did.
func (w *world) byPeople(events []event.Event, err error) (list []happening, _ error) {
	for _, ev := range events {
		list = append(list, happening{Event: ev})
	}
	return list, err
}

// rates is a rating of the customer.
type rates struct {
	stars  int
	remark string
}

func (d rates) do(w *world, on string) ([]happening, error) {
	c := w.conversation(on)
	if c == nil {
		return nil, errors.New("there is no conversation to rate yet: begin with customer:, or with given: { conversation: { state: open } }")
	}
	c["conversation_rating"] = object{"rating": d.stars, "remark": d.remark, "created_at": w.now.Unix()}
	return w.byPeople(w.one(w.tellOf("conversation.rating.added", c, nil)))
}

// acts is an action of a teammate.
type acts struct {
	kind string
	spec actions.Spec
}

func (d acts) do(w *world, on string) ([]happening, error) {
	subject := ""
	if c := w.conversation(on); c != nil {
		subject = event.KindConversation + "/" + text(c["id"])
	} else if id := w.ticketOf[on]; id != "" {
		subject = event.KindTicket + "/" + id
	}
	if subject == "" {
		return nil, errors.New("there is no conversation yet: begin with customer:, or with given: { conversation: { state: open } }")
	}
	params, err := d.spec.Plan(actions.Plan{
		Now: w.now, At: w.now, Event: event.Event{Subject: subject, CreatedAt: w.now},
		Contact: func() (string, error) { return text(w.contact["id"]), nil },
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.kind, err)
	}
	return w.byPeople(w.carryOut(d.kind, params, subject, w.given.teammate))
}

// tells is a notification of any topic, about what is given.
type tells struct {
	topic string
	item  object
}

func (d *tells) do(w *world, on string) ([]happening, error) {
	words := strings.Split(d.topic, ".")
	var item object
	switch words[0] {
	case "conversation", "conversation_part":
		c := w.conversation(on)
		if c == nil {
			c = w.begin(on, w.customer(), "")
		}
		var part object
		switch words[1] {
		case "admin":
			part = w.addPart(c, words[len(words)-1], "", w.given.teammate)
		case "operator":
			part = w.addPart(c, "comment", "", bot())
		case "tag":
			part = newestPart(c)
		}
		merge(c, d.item)
		return w.byPeople(w.one(w.tellOf(d.topic, c, part)))
	case "ticket":
		if item = w.tickets[w.ticketOf[on]]; item == nil {
			item = w.newTicket(on, w.given.ticket)
		}
	case "contact", "user", "lead", "visitor":
		item = w.contact
	case "company":
		if len(w.companies) > 0 {
			item = w.companies[0].(object)
		}
	case "admin":
		item = w.given.teammate
	case "event":
		item = object{"type": "event", "id": w.id(), "event_name": "", "intercom_user_id": w.contact["id"], "email": w.contact["email"], "created_at": w.now.Unix()}
	}
	if strings.Contains(d.topic, ".tag.") && item != nil {
		item = object{"type": "contact_tag", "tag": object{"type": "tag", "name": ""}, "contact": item}
	}
	if item == nil {
		item = object{"type": words[0], "id": w.id()}
	}
	return w.byPeople(w.one(w.tell(d.topic, merge(cloneObject(item), d.item))))
}

// arrives is a notification from a file.
type arrives struct {
	event  event.Event
	lastID int64 // the largest of the ids of parts in it: what happens in the test comes after them
}

// when is when it happened, by the file.
func (d arrives) when() time.Time { return d.event.CreatedAt }

func (d arrives) do(w *world, _ string) ([]happening, error) {
	if w.seen[d.event.ID] {
		return nil, nil // Intercom delivers some twice, and the service takes one
	}
	w.seen[d.event.ID] = true
	item, err := itemOf(d.event.Payload)
	if err != nil {
		return nil, err
	}
	w.seq++
	ev := d.event
	ev.Seq, ev.ReceivedAt, ev.Workspace = w.seq, w.now, w.workspace
	if ev.CreatedAt.IsZero() || ev.CreatedAt.After(w.now) {
		ev.CreatedAt = w.now
	}
	kind, id, _ := strings.Cut(ev.Subject, "/")
	switch kind {
	case event.KindConversation:
		c := w.conversations[id]
		all := append(slices.Clone(parts(c)), parts(item)...)
		c = merge(cloneObject(c), item)
		c["conversation_parts"] = object{"type": "conversation_part.list", "conversation_parts": all}
		w.conversations[id], w.named[""] = c, id
	case event.KindTicket:
		w.tickets[id], w.ticketOf[""] = merge(cloneObject(w.tickets[id]), item), id
	case event.KindContact:
		if item["type"] == "contact" {
			w.contact = merge(w.contact, item)
		}
	}
	return []happening{{Event: ev}}, nil
}

// itemOf is data.item of a notification, with its numbers exact.
func itemOf(payload []byte) (object, error) {
	v, err := decodeJSON(payload)
	if err != nil {
		return nil, err
	}
	envelope, _ := v.(object)
	data, _ := envelope["data"].(object)
	item, _ := data["item"].(object)
	return item, nil
}

// lastIDIn is the largest number among the ids of the parts in an item.
func lastIDIn(item object) (last int64) {
	for _, p := range parts(item) {
		part, _ := p.(object)
		if n, err := strconv.ParseInt(text(part["id"]), 10, 64); err == nil {
			last = max(last, n)
		}
	}
	return last
}

// sweep is the schedule of a rule that finds what the test is about.
type sweep struct{ rules.Sweep }

func (d sweep) do(w *world, on string) ([]happening, error) {
	var o object
	switch d.Kind {
	case event.KindConversation:
		if o = w.conversation(on); o == nil {
			o = w.begin(on, w.customer(), "")
		}
		o = cloneObject(o)
		delete(o, "conversation_parts") // searches answer without
	case event.KindTicket:
		if o = w.tickets[w.ticketOf[on]]; o == nil {
			o = w.newTicket(on, w.given.ticket)
		}
	default:
		o = w.contact
	}
	found, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	ev, err := d.Event(appID, w.now, w.now, found)
	w.seq++
	ev.Seq = w.seq
	return w.byPeople(w.one(ev, err))
}

// passes is time that passes, and with it what is due.
type passes struct{}

func (passes) do(*world, string) ([]happening, error) { return nil, nil }

// recorded is an event as it was decided once.
type recorded struct{ *rules.Record }

func (d recorded) when() time.Time { return d.Decision.At }

func (d recorded) do(w *world, _ string) ([]happening, error) {
	in := d.Input()
	return []happening{{Event: in.Event, recorded: &in}}, nil
}
