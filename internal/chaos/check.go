package chaos

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"switchboard/internal/simulator"
)

// checker holds evidence against the invariants.
type checker struct {
	*Evidence
	told    map[string][]*told // by conversation, in the order in which they were first sent
	effects map[string][]simulator.Entry
	found   []Violation
}

// told is a notification that the rules answer to.
type told struct {
	id, topic    string
	conversation string
	wants        []want
	first        time.Time         // when it was first sent
	acked        time.Time         // when it was first answered with 200; zero when never
	unsent       bool              // and so it has no place in the order
	lost         bool              // it will not be sent again
	done         []simulator.Entry // the effects that show it, in the order of wants
}

// Check returns the violations in what was seen, the earliest first.
func Check(e *Evidence) []Violation {
	c := &checker{Evidence: e, effects: map[string][]simulator.Entry{}}
	for _, entry := range e.Journal {
		if entry.Effect != simulator.EffectNone && entry.Conversation != "" {
			c.effects[entry.Conversation] = append(c.effects[entry.Conversation], entry)
		}
	}
	c.readNotifications()
	for _, conversation := range e.Conversations {
		c.checkEffects(conversation)
		c.checkOrder(conversation.ID)
	}
	c.checkBudget()
	c.checkBacklog()
	c.checkLeft()
	c.checkStops()
	if !e.AtRest {
		c.report("I6", c.end(), "", "the world does not come to rest: "+e.Waiting)
	}
	slices.SortStableFunc(c.found, func(a, b Violation) int { return a.At.Compare(b.At) })
	return c.found
}

func (c *checker) report(invariant string, at time.Time, conversation, what string) {
	v := Violation{Invariant: invariant, At: at, Conversation: conversation, What: what}
	v.Around = c.around(conversation, at, 20*time.Second, 10*time.Second)
	c.found = append(c.found, v)
}

func (c *checker) end() time.Time { return c.Began.Add(c.Schedule.Length) }

// readNotifications finds out from the deliveries what Switchboard was told, and when.
func (c *checker) readNotifications() {
	c.told = map[string][]*told{}
	words := c.words()
	known := map[string]*told{}
	for _, d := range c.Deliveries {
		conversation, ok := strings.CutPrefix(d.Subject, "conversation/")
		if !ok {
			continue
		}
		n := known[d.Notification]
		if n == nil {
			text, theirs := words[d.Part]
			if d.Topic == "conversation.user.created" {
				text, theirs = words[conversation]
			}
			if !theirs {
				continue
			}
			n = &told{id: d.Notification, topic: d.Topic, conversation: conversation, wants: wanted(d.Topic, conversation, text), first: d.SentAt}
			known[d.Notification] = n
			c.told[conversation] = append(c.told[conversation], n)
		}
		if d.SentAt.Before(n.first) {
			n.first = d.SentAt
		}
		if at := d.SentAt.Add(d.Latency); d.Status == 200 && (n.acked.IsZero() || at.Before(n.acked)) {
			n.acked = at
		}
		n.lost = n.lost || d.Outcome == simulator.Lost || d.Outcome == simulator.Dropped
	}
	for _, o := range c.Notifications {
		conversation, ok := strings.CutPrefix(o.Subject, "conversation/")
		text, theirs := words[o.Part]
		if o.Topic == "conversation.user.created" {
			text, theirs = words[conversation]
		}
		if n := known[o.ID]; ok && theirs && n == nil { // recovery may know of it all the same
			c.told[conversation] = append(c.told[conversation], &told{
				id: o.ID, topic: o.Topic, conversation: conversation, wants: wanted(o.Topic, conversation, text), first: o.CreatedAt, unsent: true,
			})
		}
	}
	for _, list := range c.told {
		slices.SortStableFunc(list, func(a, b *told) int { return a.first.Compare(b.first) })
	}
}

// words are what was said, by the id of the part, and of the conversation for its first message.
func (c *checker) words() map[string]string {
	words := map[string]string{}
	for _, conversation := range c.Conversations {
		words[conversation.ID] = Plain(conversation.Source.Body)
		for _, p := range conversation.Parts {
			if p.AppPackageCode == "" { // what Switchboard wrote itself leads to nothing
				words[p.ID] = Plain(p.Body)
			}
		}
	}
	return words
}

var markup = regexp.MustCompile(`<[^>]*>`)

// Plain is a text without its markup.
func Plain(html string) string { return strings.TrimSpace(markup.ReplaceAllString(html, "")) }

func visible(e simulator.Effect) bool { return e == simulator.EffectReply || e == simulator.EffectNote }

// checkEffects: what was acknowledged has its effects (I1), or what was lost, too (I11); none is there
// twice (I4), and none that nobody asked for (I2).
func (c *checker) checkEffects(conversation simulator.Conversation) {
	seen := map[string][]simulator.Entry{}
	for _, e := range c.effects[conversation.ID] {
		if visible(e.Effect) {
			seen[string(e.Effect)+e.Text] = append(seen[string(e.Effect)+e.Text], e)
		}
	}
	for _, n := range c.told[conversation.ID] {
		for _, w := range n.wants {
			if w.tag != "" {
				c.checkTag(conversation, n, w)
				continue
			}
			list := seen[string(w.effect)+w.text]
			delete(seen, string(w.effect)+w.text)
			switch {
			case len(list) > 1:
				c.report("I4", list[1].Time, conversation.ID, fmt.Sprintf("%q is there %d times", w.text, len(list)))
			case len(list) == 0:
				c.missing(n, w)
			}
			n.done = append(n.done, list...)
		}
	}
	for _, list := range seen {
		c.report("I2", list[0].Time, conversation.ID, fmt.Sprintf("nobody asked for %q", list[0].Text))
	}
}

func (c *checker) checkTag(conversation simulator.Conversation, n *told, w want) {
	var first time.Time
	for _, e := range c.effects[conversation.ID] {
		if e.Effect == simulator.EffectTag && e.Tag == w.tag && first.IsZero() {
			first = e.Time
		}
	}
	if first.IsZero() {
		c.missing(n, w)
	}
}

// missing judges an effect that is not there.
func (c *checker) missing(n *told, w want) {
	if c.excused(n.conversation, w) {
		return // checkLeft judges whether that may be
	}
	what := fmt.Sprintf("%q", w.text)
	if w.tag != "" {
		what = "the tag " + w.tag
	}
	switch {
	case !n.acked.IsZero():
		c.report("I1", n.acked, n.conversation, fmt.Sprintf("%s was acknowledged and %s never came", n.topic, what))
	case c.Recovers && !n.unsent:
		c.report("I11", n.first, n.conversation, fmt.Sprintf("%s was lost and %s was not made up for", n.topic, what))
	}
}

// excused tells whether the action was left to a person.
func (c *checker) excused(conversation string, w want) bool {
	return slices.ContainsFunc(c.Left, func(l Left) bool {
		return l.Conversation == conversation && (w.tag != "" && l.Kind == "tag" || w.tag == "" && l.Text == w.text)
	})
}

// checkOrder: effects come in the order of arrival, and those of one notification in plan order (I3).
func (c *checker) checkOrder(conversation string) {
	list := c.told[conversation]
	for i, a := range list {
		for j := 1; j < len(a.done); j++ {
			if a.done[j].Seq < a.done[j-1].Seq {
				c.report("I3", a.done[j].Time, conversation, fmt.Sprintf("%q came before %q", a.done[j].Text, a.done[j-1].Text))
			}
		}
		for _, b := range list[i+1:] {
			// What was under way together may have arrived in either order.
			if b.unsent || a.acked.IsZero() || !a.acked.Before(b.first) || len(a.done) == 0 || len(b.done) == 0 {
				continue
			}
			last, next := slices.MaxFunc(a.done, bySeq), slices.MinFunc(b.done, bySeq)
			if next.Seq < last.Seq {
				c.report("I3", next.Time, conversation, fmt.Sprintf("%q came before %q, which arrived earlier", next.Text, last.Text))
			}
		}
	}
}

func bySeq(a, b simulator.Entry) int { return cmp.Compare(a.Seq, b.Seq) }

// settling is how long after an answer of 429 calls may still come that were on their way.
const settling = time.Second

// checkBudget: no call is over the limit that another app has not used up, and none is sent in the
// pause after a 429 (I5). A process that has just started knows of neither and may run into it once.
func (c *checker) checkBudget() {
	over, allowed := 0, len(c.Starts)
	until := map[int64]simulator.Entry{} // the first 429 of each window
	for _, e := range c.Journal {
		if e.Status != 429 {
			continue
		}
		if e.Fault != simulator.TooMany {
			if over++; over == allowed+1 {
				c.report("I5", e.Time, "", fmt.Sprintf("%d calls were refused as too many, with %d starts of replicas", over, allowed))
			}
		}
		if _, ok := until[e.Window.Unix()]; !ok {
			until[e.Window.Unix()] = e
		}
	}
	for _, e := range c.Journal {
		stop, paused := until[e.Window.Unix()]
		if !paused || e.Window.IsZero() || !e.Time.After(stop.Time.Add(settling+c.lag())) || c.startedSince(stop.Window, e.Time) {
			continue
		}
		c.report("I5", e.Time, "", fmt.Sprintf("call #%d was sent in the pause after the 429 of call #%d", e.Seq, stop.Seq))
	}
}

// lag is how slow an answer may have been.
func (c *checker) lag() (most time.Duration) {
	for _, f := range c.Schedule.Faults {
		if f.Trouble == Lag {
			most = max(most, f.By)
		}
	}
	return most
}

// startedSince tells whether a replica started then, or was woken that had heard nothing meanwhile.
func (c *checker) startedSince(from, to time.Time) bool {
	for _, f := range c.Schedule.Faults {
		if end := c.Began.Add(f.At + f.For); (f.Trouble == Pause || f.Trouble == PauseBefore) && !c.Began.Add(f.At).After(to) && end.Add(10*time.Second).After(from) {
			return true
		}
	}
	return slices.ContainsFunc(c.Starts, func(at time.Time) bool { return !at.Before(from) && !at.After(to) })
}

// enough is the share of a window that must be used while much is to be done.
const enough = 0.7

// checkBacklog: a window in which nothing goes wrong and much is to be done is used up (I5).
func (c *checker) checkBacklog() {
	for _, w := range c.Windows {
		end := w.Start.Add(10 * time.Second)
		if c.disturbed(w.Start, end) || w.Used >= int(enough*float64(w.Limit)) {
			continue
		}
		waiting, conversations := 0, map[string]bool{}
		for id, list := range c.told {
			for _, n := range list {
				for _, e := range n.done {
					if n.acked.Before(w.Start) && !n.acked.IsZero() && e.Time.After(end) {
						waiting++
						conversations[id] = true
					}
				}
			}
		}
		if waiting >= w.Limit && len(conversations) >= 8 {
			c.report("I5", w.Start, "", fmt.Sprintf("%d effects in %d conversations waited, and %d of %d calls of the window were used", waiting, len(conversations), w.Used, w.Limit))
		}
	}
}

// recovery is for how long a fault may be felt: retries wait for a while.
const recovery = 3 * time.Minute

// disturbed tells whether something was wrong between two times.
func (c *checker) disturbed(from, to time.Time) bool {
	for _, f := range c.Schedule.Faults {
		if !c.Began.Add(f.At).After(to) && c.Began.Add(f.At+f.For+recovery).After(from) {
			return true
		}
	}
	return c.startedSince(from, to)
}

// checkLeft: actions are left to a person only where the schedule made that necessary (I6): dead where
// Intercom refused for good, held behind those, parked where it cannot be told what happened (I4).
func (c *checker) checkLeft() {
	for _, l := range c.Left {
		ok := false
		switch l.State {
		case "dead":
			ok = c.saw(l.Conversation, func(e simulator.Entry) bool { return e.Fault == simulator.FailBefore && e.Status == 422 })
		case "held":
			ok = slices.ContainsFunc(c.Left, func(o Left) bool { return o.Conversation == l.Conversation && o.State != "held" })
		case "parked":
			ok = c.Schedule.Has(Jump) // then times do not tell what came first
		}
		if !ok {
			c.report("I6", c.end(), l.Conversation, fmt.Sprintf("the %s %q is %s without need: %s", l.Kind, l.Text, l.State, l.Error))
		}
	}
}

func (c *checker) saw(conversation string, is func(simulator.Entry) bool) bool {
	return slices.ContainsFunc(c.Journal, func(e simulator.Entry) bool { return about(e) == conversation && is(e) })
}

// checkStops: a clean stop is clean and in time (I7). That nothing was lost is I1.
func (c *checker) checkStops() {
	for _, s := range c.Stops {
		if s.Excused {
			continue
		}
		if s.Err != nil {
			c.report("I7", s.At, "", "a clean stop failed: "+s.Err.Error())
		}
		if s.Took > Grace {
			c.report("I7", s.At, "", fmt.Sprintf("a clean stop took %s", s.Took))
		}
	}
}
