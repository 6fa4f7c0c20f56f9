package chaos_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/chaos"
	"switchboard/internal/simulator"
)

func TestDraw_is_determined_by_the_seed(t *testing.T) {
	for seed := range uint64(20) {
		a, b := chaos.Draw(seed, shape(3)), chaos.Draw(seed, shape(3))
		if !reflect.DeepEqual(a, b) {
			t.Errorf("seed %d gives\n%s and\n%s", seed, a, b)
		}
		if other := chaos.Draw(seed+1, shape(3)); reflect.DeepEqual(a.Faults, other.Faults) {
			t.Errorf("seeds %d and %d have the same faults", seed, seed+1)
		}
		if n := len(a.Without(1).Faults); n != len(a.Faults)-1 {
			t.Errorf("without one there are %d faults of %d", n, len(a.Faults))
		}
	}
}

// TestCheck_tampered_evidence takes what a calm run left, which is in order, and changes one thing: the
// checker must name the invariant.
func TestCheck_tampered_evidence(t *testing.T) {
	calm := chaos.Draw(1, chaos.Shape{Replicas: 1, Length: 20 * time.Second, Conversations: 12, Messages: 5, RateLimit: 12})
	calm.Duplicates, calm.Jitter = 0, 0
	e := perform(t, calm, variant{})
	if list := chaos.Check(e); len(list) > 0 {
		t.Fatal(chaos.Render(calm, list))
	}
	note := slices.IndexFunc(e.Journal, func(c simulator.Entry) bool { return strings.HasPrefix(c.Text, "one of") })
	next := slices.IndexFunc(e.Journal, func(c simulator.Entry) bool {
		return c.Text == strings.Replace(e.Journal[note].Text, "one", "two", 1)
	})
	told := slices.IndexFunc(e.Deliveries, func(d simulator.Delivery) bool {
		return d.Topic == "conversation.user.created" && strings.HasSuffix(d.Subject, e.Journal[note].Conversation)
	})
	nothing := func(c *simulator.Entry) { c.Effect = simulator.EffectNone }
	for name, tamper := range map[string]struct {
		finds string
		do    func(e *chaos.Evidence)
	}{
		"an effect is not there": {"I1", func(e *chaos.Evidence) { nothing(&e.Journal[note]) }},
		"an effect nobody asked for": {"I2", func(e *chaos.Evidence) {
			e.Journal = append(e.Journal, e.Journal[note])
			e.Journal[len(e.Journal)-1].Text = "surprise"
		}},
		"the second before the first": {"I3", func(e *chaos.Evidence) {
			e.Journal[note].Seq, e.Journal[next].Seq = e.Journal[next].Seq, e.Journal[note].Seq
		}},
		"the welcome comes last":   {"I3", func(e *chaos.Evidence) { welcome(e, e.Journal[note].Conversation).Seq = len(e.Journal) + 1 }},
		"an effect is there twice": {"I4", func(e *chaos.Evidence) { e.Journal = append(e.Journal, e.Journal[note]) }},
		"calls over the limit":     {"I5", func(e *chaos.Evidence) { e.Journal[3].Status, e.Journal[4].Status = 429, 429 }},
		"a call in the pause":      {"I5", func(e *chaos.Evidence) { pauseBreach(e) }},
		"a window that is not used up": {"I5", func(e *chaos.Evidence) {
			for i := range e.Windows {
				e.Windows[i].Used = 2
			}
		}},
		"no rest":                        {"I6", func(e *chaos.Evidence) { e.AtRest = false }},
		"a dead letter without a reason": {"I6", func(e *chaos.Evidence) { e.Left = []chaos.Left{{Conversation: "1", Kind: "note", State: "dead"}} }},
		"parked without a doubt":         {"I6", func(e *chaos.Evidence) { e.Left = []chaos.Left{{Conversation: "1", Kind: "note", State: "parked"}} }},
		"held behind nothing":            {"I6", func(e *chaos.Evidence) { e.Left = []chaos.Left{{Conversation: "1", Kind: "note", State: "held"}} }},
		"a stop that takes long":         {"I7", func(e *chaos.Evidence) { e.Stops = []chaos.Stop{{At: e.Began, Took: time.Minute}} }},
		"a stop that fails":              {"I7", func(e *chaos.Evidence) { e.Stops = []chaos.Stop{{At: e.Began, Err: errors.New("cut off")}} }},
		"a loss not made up for": {"I11", func(e *chaos.Evidence) {
			e.Deliveries[told].Status, e.Deliveries[told].Outcome = 0, simulator.Lost
			nothing(welcome(e, e.Journal[note].Conversation))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := *e
			changed.Journal, changed.Deliveries, changed.Windows = slices.Clone(e.Journal), slices.Clone(e.Deliveries), slices.Clone(e.Windows)
			tamper.do(&changed)
			found := chaos.Check(&changed)
			if len(found) == 0 {
				t.Fatal("nothing was found")
			}
			for _, v := range found {
				if v.Invariant != tamper.finds {
					t.Errorf("found %s; want %s", v, tamper.finds)
				}
			}
			if text := chaos.Render(calm, found); !strings.Contains(text, "seed 1:") || !strings.Contains(text, tamper.finds+" at 00:0") {
				t.Error("people are shown ", text)
			}
		})
	}
}

// welcome is the call that answered the first message of a conversation.
func welcome(e *chaos.Evidence, conversation string) *simulator.Entry {
	for i := range e.Journal {
		if e.Journal[i].Conversation == conversation && e.Journal[i].Effect == simulator.EffectReply {
			return &e.Journal[i]
		}
	}
	panic("nobody was welcomed")
}

// pauseBreach has a call follow three seconds after a 429, in the same window.
func pauseBreach(e *chaos.Evidence) {
	for i, c := range e.Journal[:len(e.Journal)-1] {
		next := &e.Journal[i+1]
		if c.Time.After(e.Began.Add(10*time.Second)) && next.Window.Equal(c.Window) {
			e.Journal[i].Status, e.Journal[i].Fault = 429, simulator.TooMany
			next.Time = c.Time.Add(3 * time.Second)
			return
		}
	}
	panic("no window has two calls")
}
