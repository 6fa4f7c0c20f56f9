package operations

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// TimersRequest says which timers are meant. What is left out does not matter.
type TimersRequest struct {
	Workspace string `json:"workspace,omitempty"`
	Rule      string `json:"rule,omitempty"`
	Subject   string `json:"subject,omitempty"`
	// After is the Next of the page before.
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"` // 50 if 0, at most 200
}

// TimersAnswer is a page of timers, those first that are due next.
type TimersAnswer struct {
	Timers []TimerView `json:"timers"`
	// Next is the After of the next page; empty when there is no more.
	Next string `json:"next,omitempty"`
}

// TimerView is a run that waits.
type TimerView struct {
	Workspace string    `json:"workspace"`
	Subject   string    `json:"subject"`
	Rule      string    `json:"rule"`
	Seq       int64     `json:"event"` // that started it
	Topic     string    `json:"topic"` // of that event
	StartedAt time.Time `json:"started_at"`
	DueAt     time.Time `json:"due_at"`
	// After is how long it waits, such as "15m of support".
	After string `json:"after"`
	// CancelOn are the topics that cancel it, by the rules in use.
	CancelOn []string `json:"cancel_on"`
	// Gone says that the rules in use have no such rule.
	Gone bool `json:"gone,omitempty"`
	// Clock identifies what the rule said when DueAt was worked out.
	Clock string `json:"clock"`
}

// Timers finds timers that wait.
func (x Reader) Timers(ctx context.Context, s *store.Store, r TimersRequest) (answer TimersAnswer, err error) {
	answer.Timers = []TimerView{}
	if err := texts(r.Rule, r.Subject); err != nil {
		return answer, err
	}
	page, err := pageOf(time.Time{}, time.Time{}, 0, r.Limit)
	if err != nil {
		return answer, err
	}
	q := store.TimerSearch{Rule: r.Rule, Subject: r.Subject, Limit: page.Limit}
	if q.Workspace, err = x.workspace(r.Workspace); err != nil {
		return answer, err
	}
	if q.After, err = readCursor(r.After); err != nil {
		return answer, err
	}
	found, last, more, err := s.SearchTimers(ctx, q)
	if err != nil {
		return answer, err
	}
	answer.Timers = x.timerViews(found)
	if more {
		answer.Next = cursor(last)
	}
	return answer, nil
}

// timerCursor is the place of a timer in the order.
type timerCursor struct {
	Due                      time.Time
	Place                    int
	Workspace, Subject, Rule string
}

func cursor(t *store.Timer) string {
	text, _ := json.Marshal(timerCursor{t.DueAt, t.Place, t.Workspace, t.Subject, t.Rule}) // times of the store can
	return base64.RawURLEncoding.EncodeToString(text)
}

func readCursor(text string) (*store.Timer, error) {
	if text == "" {
		return nil, nil
	}
	var c timerCursor
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || len(text) > 4*longestText {
		return nil, refuse("after: say the next of the page before, or nothing")
	}
	return &store.Timer{DueAt: c.Due, Place: c.Place, Workspace: c.Workspace, Subject: c.Subject, Rule: c.Rule}, nil
}

// timerViews are timers with the words of the rules in use.
func (x Reader) timerViews(list []store.Timer) []TimerView {
	views := make([]TimerView, 0, len(list))
	known := map[string][]rules.Info{}
	for _, t := range list {
		if _, read := known[t.Workspace]; !read {
			known[t.Workspace] = nil
			if rs := x.Ruleset(t.Workspace); rs != nil {
				known[t.Workspace] = rs.Rules()
			}
		}
		v := TimerView{
			Workspace: t.Workspace, Subject: t.Subject, Rule: t.Rule, Seq: t.Seq, Topic: t.Topic, StartedAt: t.StartedAt, DueAt: t.DueAt,
			After: rules.ClockWords(t.Clock), CancelOn: []string{}, Gone: true, Clock: t.Clock,
		}
		if i := slices.IndexFunc(known[t.Workspace], func(r rules.Info) bool { return r.Name == t.Rule }); i >= 0 {
			v.CancelOn, v.Gone = append(v.CancelOn, known[t.Workspace][i].CancelOn...), false
		}
		views = append(views, v)
	}
	return views
}
