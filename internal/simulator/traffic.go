package simulator

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TrafficOptions say how busy the workspace is.
type TrafficOptions struct {
	// Rate is how many conversations begin each second; 0 means 1.
	Rate float64
	// Speed is how much faster than in a real team everything happens; 0 means 120, at which
	// two minutes pass in a second.
	Speed float64
	// Conversations ends the traffic after so many conversations, when their stories are over;
	// 0 goes on until the context ends.
	Conversations int
	// People take part. Left out, they are all contacts, and all admins but the token's own.
	People Cast
	// Scenarios are what happens; nil means Scenarios().
	Scenarios []Scenario
}

// Live makes a support team's day in fast motion: customers begin conversations, teammates
// answer, note, snooze, take and close them, customers answer back and rate. It returns nil
// when the traffic is over or ctx ends. What happens depends on the seed alone, not on what
// else goes on: a story is planned whole when it begins.
func (s *Simulator) Live(ctx context.Context, o TrafficOptions) error {
	t, err := s.newTraffic(o)
	if err != nil {
		return err
	}
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for t.plan.Len() > 0 {
		timer.Reset(time.Until(began.Add(t.plan[0].at)))
		select {
		case <-ctx.Done():
			return nil
		case <-s.closed:
			return nil
		case <-timer.C:
		}
		next := heap.Pop(&t.plan).(beat)
		if err := t.happen(next); err != nil && !errors.Is(err, ErrNotFound) {
			return err // a conversation that somebody deleted meanwhile ends its story, no more
		}
	}
	return nil
}

// traffic is the stories under way.
type traffic struct {
	*Simulator
	options TrafficOptions
	random  *random
	plan    agenda
	begun   int // conversations
	planned int // beats
	weights int
	first   map[string]string // first names by id
}

// story is one conversation from beginning to end, all chances taken.
type story struct {
	id                 string // of the conversation, once it has begun
	customer, teammate string
	opening            string
	steps              []Step // with one Say each
}

// beat is the next thing to happen in a story; step -1 begins it, and with no story it is
// time for a new one.
type beat struct {
	at    time.Duration
	order int // decides between two at one time
	story *story
	step  int
}

func (s *Simulator) newTraffic(o TrafficOptions) (*traffic, error) {
	o.Rate, o.Speed = cmp.Or(o.Rate, 1), cmp.Or(o.Speed, 120)
	if o.Rate < 0 || o.Speed < 0 {
		return nil, errors.New("traffic needs a Rate and a Speed above 0")
	}
	if o.Scenarios == nil {
		o.Scenarios = Scenarios()
	}
	t := &traffic{Simulator: s, random: newRandom(s.options.Seed, "traffic"), first: make(map[string]string)}
	var everybody Cast
	for _, c := range s.Contacts() {
		t.first[c.ID], _, _ = strings.Cut(cmp.Or(c.Name, "there"), " ")
		everybody.Customers = append(everybody.Customers, c.ID)
	}
	for _, a := range s.Admins() {
		t.first[a.ID], _, _ = strings.Cut(a.Name, " ")
		if a.ID != s.TokenAdmin() && !a.NoInboxSeat {
			everybody.Teammates = append(everybody.Teammates, a.ID)
		}
	}
	if o.People.Customers == nil {
		o.People.Customers = everybody.Customers
	}
	if o.People.Teammates == nil {
		o.People.Teammates = everybody.Teammates
	}
	t.options = o
	for _, sc := range o.Scenarios {
		t.weights += sc.Weight
	}
	if len(o.People.Customers) == 0 || len(o.People.Teammates) == 0 || t.weights == 0 {
		return nil, errors.New("traffic needs customers, teammates and scenarios")
	}
	t.schedule(beat{})
	return t, nil
}

// happen does what is planned and plans what follows from it.
func (t *traffic) happen(e beat) error {
	if e.story == nil {
		e.story, e.step = t.imagine(), -1
		if t.begun++; t.options.Conversations == 0 || t.begun < t.options.Conversations {
			pause := t.random.ExpFloat64() / t.options.Rate
			t.schedule(beat{at: e.at + time.Duration(pause*float64(time.Second))})
		}
	}
	if err := t.act(e.story, e.step); err != nil {
		return err
	}
	if e.step++; e.step < len(e.story.steps) {
		after := float64(e.story.steps[e.step].After) / t.options.Speed
		e.at += time.Duration(after)
		t.schedule(e)
	}
	return nil
}

// imagine plans a story: who, about what, in which words and with which pauses.
func (t *traffic) imagine() *story {
	i := t.begun // at first each scenario once, so that whoever watches a minute has seen them all
	if n := t.random.IntN(t.weights); i >= len(t.options.Scenarios) {
		i = slices.IndexFunc(t.options.Scenarios, func(sc Scenario) bool { n -= sc.Weight; return n < 0 })
	}
	scenario := t.options.Scenarios[i]
	st := &story{customer: choose(t.random, t.options.People.Customers), teammate: choose(t.random, t.options.People.Teammates)}
	words := strings.NewReplacer("{n}", strconv.Itoa(100+t.random.IntN(900)),
		"{customer}", t.first[st.customer], "{teammate}", t.first[st.teammate])
	st.opening = words.Replace(choose(t.random, scenario.Opening))
	for _, step := range scenario.Steps {
		if len(step.Say) > 0 {
			step.Say = []string{words.Replace(choose(t.random, step.Say))}
		}
		step.After = time.Duration(float64(step.After) * (0.5 + t.random.Float64()))
		st.steps = append(st.steps, step)
	}
	return st
}

func choose[T any](r *random, from []T) T { return from[r.IntN(len(from))] }

// act takes one step of a story. Teammates look before they act: they take a conversation
// that nobody has, and leave alone what is closed already.
func (t *traffic) act(st *story, n int) (err error) {
	if n < 0 {
		st.id, err = t.CustomerStarts(st.customer, st.opening)
		return err
	}
	step, say := st.steps[n], ""
	if len(step.Say) > 0 {
		say = step.Say[0]
	}
	now, exists := t.Conversation(st.id)
	if !exists {
		return notFound("conversation", st.id)
	}
	switch {
	case step.Do == EffectRate:
		return t.CustomerRates(st.id, rating(say), say)
	case step.By == Customer:
		_, err = t.CustomerReplies(st.id, say)
	case step.Do == EffectNote:
		_, err = t.AdminNotes(st.id, st.teammate, say)
	case step.Do == EffectReply && now.AdminAssigneeID == "":
		_, err = t.AdminReplies(st.id, st.teammate, say, st.teammate)
	case step.Do == EffectReply:
		_, err = t.AdminReplies(st.id, st.teammate, say, "")
	case step.Do == EffectAssign:
		_, err = t.AdminAssigns(st.id, st.teammate, st.teammate)
	case step.Do == EffectClose && now.State != StateClosed:
		_, err = t.AdminCloses(st.id, st.teammate, say)
	case step.Do == EffectSnooze && now.State == StateOpen:
		pause := time.Duration(float64(time.Hour) / t.options.Speed)
		_, err = t.AdminSnoozes(st.id, st.teammate, time.Now().Add(max(pause, time.Second)))
	}
	return err
}

// rating reads the stars out of a remark.
func rating(remark string) int {
	if strings.Contains(remark, "too long") {
		return 2
	}
	return 5
}

// agenda is what is planned, a heap with the next on top.
type agenda []beat

func (t *traffic) schedule(e beat) {
	t.planned++
	e.order = t.planned
	heap.Push(&t.plan, e)
}

func (a agenda) Len() int      { return len(a) }
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a agenda) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(a[i].at, a[j].at), cmp.Compare(a[i].order, a[j].order)) < 0
}
func (a *agenda) Push(v any) { *a = append(*a, v.(beat)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	v := (*a)[last]
	*a = (*a)[:last]
	return v
}
