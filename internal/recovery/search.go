package recovery

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"switchboard/internal/event"
	"switchboard/internal/intercom"
)

// Report is what a search has found.
type Report struct {
	Since   time.Time `json:"since"`
	Through time.Time `json:"through"` // what is younger is left to its notifications
	DryRun  bool      `json:"dry_run,omitempty"`
	// Conversations have changed since; Read of them were looked at so far.
	Conversations int `json:"conversations"`
	Read          int `json:"read"`
	// Recovered are the events that were put, or would be, by topic.
	Recovered map[string]int `json:"recovered"`
	// Known were there already, Unwanted are missing and no rule listens to their topics, Young are
	// left to their notifications, and Old is how many of the recovered ones customers do not hear of.
	Known    int `json:"known"`
	Unwanted int `json:"unwanted"`
	Young    int `json:"young"`
	Old      int `json:"old"`
	// Of these conversations not everything can be rebuilt: they have more parts than Intercom returns,
	// are tickets, cannot be read, or do not exist any more.
	Long       int `json:"long"`
	Tickets    int `json:"tickets"`
	Unreadable int `json:"unreadable"`
	Gone       int `json:"gone"`
	// Found are the events of a dry run.
	Found []Found `json:"found,omitempty"`
}

// Found is an event that was missed.
type Found struct {
	Topic        string    `json:"topic"`
	Conversation string    `json:"conversation"`
	Part         string    `json:"part,omitempty"`
	At           time.Time `json:"at"`
}

// Total is how many events were recovered.
func (p *Report) Total() (n int) {
	for _, events := range p.Recovered {
		n += events
	}
	return n
}

// count adds a report to the metrics.
func (p *Report) count(m *metrics) {
	for topic, n := range p.Recovered {
		m.recovered.WithLabelValues(topic).Add(float64(n))
	}
	m.lost.WithLabelValues(lostLong).Add(float64(p.Long))
	m.lost.WithLabelValues(lostTicket).Add(float64(p.Tickets))
	m.lost.WithLabelValues(lostUnreadable).Add(float64(p.Unreadable))
}

// search is one search under way.
type search struct {
	*Recovery
	workspace string
	request   Request // zero for the passes of the loop
	progress  func(Report)

	mu     sync.Mutex
	report Report
	told   time.Time // when progress was told last
	last   int64     // segment that was put
}

func (r *Recovery) newSearch(workspace string, since, through time.Time) *search {
	return &search{
		Recovery: r, workspace: workspace, told: time.Now(),
		report: Report{Since: since.UTC(), Through: through.UTC(), Recovered: map[string]int{}},
	}
}

const (
	// pageSize is how many conversations are found at once.
	pageSize = 150
	// mostSearches is how often a search of several pages is made until it finds nothing new: what
	// changes meanwhile moves to other pages.
	mostSearches = 5
	// readers is how many conversations are read side by side.
	readers = 4
	// progressEvery is how often progress is told.
	progressEvery = time.Second
)

// changed is a conversation as a search shows it.
type changed struct {
	ID        intercom.ID   `json:"id"`
	UpdatedAt intercom.Time `json:"updated_at"`
}

// run finds and puts. ctx ends it between two calls; work ends the patience with those under way.
func (s *search) run(ctx, work context.Context) error {
	s.report.DryRun = s.request.DryRun
	work = intercom.WithPriority(intercom.WithWait(work, ctx), intercom.PriorityBackground)
	found, err := s.find(ctx, work)
	if err != nil {
		return fmt.Errorf("search for conversations that changed since %s: %w", s.report.Since.Format(time.RFC3339), err)
	}
	s.report.Conversations = len(found)
	group, work := errgroup.WithContext(work)
	group.SetLimit(readers)
	for _, c := range found {
		if ctx.Err() != nil || work.Err() != nil {
			break
		}
		group.Go(func() error { return s.examine(work, c) })
	}
	err = group.Wait()
	slices.SortFunc(s.report.Found, func(a, b Found) int { return a.At.Compare(b.At) })
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// find lists the conversations that have changed.
func (s *search) find(ctx, work context.Context) (found []changed, err error) {
	query := intercom.Greater("updated_at", s.report.Since)
	seen := map[intercom.ID]bool{}
	for range mostSearches {
		pages, fresh, cursor := 0, 0, ""
		for {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			items, next, err := s.o.Client.SearchPage(work, intercom.Conversations, query, pageSize, cursor)
			if err != nil {
				return nil, err
			}
			for _, item := range items {
				var c changed
				if json.Unmarshal(item, &c) == nil && c.ID != "" && !seen[c.ID] {
					seen[c.ID] = true
					found = append(found, c)
					fresh++
				}
			}
			if pages++; next == "" || next == cursor {
				break
			}
			cursor = next
		}
		if pages == 1 || fresh == 0 {
			break
		}
	}
	return found, nil
}

// examine reads a conversation and puts what is missing of it.
func (s *search) examine(ctx context.Context, c changed) error {
	pass := s.request.Since.IsZero()
	if before, ok := s.read.Get(string(c.ID)); pass && ok && before.changed.Equal(c.UpdatedAt.Time) && !before.changed.After(before.through) {
		s.note(func(p *Report) { p.Read++ })
		return nil // nothing has changed since it was read, and nothing was young then
	}
	_, raw, err := s.o.Client.Conversation(ctx, string(c.ID))
	switch {
	case intercom.NotFound(err):
		s.note(func(p *Report) { p.Read++; p.Gone++ })
		return nil
	case intercom.ClassOf(err) == intercom.Permanent:
		s.unreadable(ctx, c, err)
		return nil
	case err != nil:
		return fmt.Errorf("read a conversation that changed: %w", err)
	}
	h, err := NewHistory(raw)
	if err != nil {
		s.unreadable(ctx, c, err)
		return nil
	}
	if err := s.recover(ctx, h); err != nil {
		return err
	}
	if pass {
		s.read.Add(string(c.ID), reading{c.UpdatedAt.Time, s.report.Through})
	}
	return nil
}

func (s *search) unreadable(ctx context.Context, c changed, err error) {
	s.log.WarnContext(ctx, "a conversation cannot be searched for missed events", "conversation", string(c.ID), "err", err)
	s.note(func(p *Report) { p.Read++; p.Unreadable++ })
}

// note adds to the report, and tells of the progress now and then.
func (s *search) note(add func(*Report)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.report)
	if s.progress == nil || time.Since(s.told) < progressEvery {
		return
	}
	s.told = time.Now()
	sofar := s.report
	sofar.Found = nil
	s.progress(sofar)
}

// recover puts what is missing of a conversation.
func (s *search) recover(ctx context.Context, h *History) error {
	known, err := s.o.Store.EventsOn(ctx, s.workspace, event.KindConversation+"/"+h.ID)
	if err != nil {
		return err
	}
	var missing []Happening
	var there, unwanted int
	old := false // something is missing whose notification is not on its way any more
	for _, hp := range h.Happenings {
		switch {
		case hp.At.Before(s.report.Since):
		case isKnown(known, h.outline(hp, s.workspace)):
			there++
		case !s.o.Wants(hp.Topic):
			unwanted++
		default:
			missing = append(missing, hp)
			old = old || !hp.At.After(s.report.Through)
		}
	}
	young := 0
	if !old {
		young, missing = len(missing), nil
	}
	events := make([]event.Event, len(missing))
	for i, hp := range missing {
		if events[i], err = h.Event(hp, s.workspace, s.request.MaxAge, s.o.Now()); err != nil {
			return err
		}
	}
	last := int64(0)
	if !s.request.DryRun && len(events) > 0 {
		if last, err = s.o.Store.PutRecovered(ctx, events, s.o.Now()); err != nil {
			return err
		}
		s.o.Stored()
	}
	s.note(func(p *Report) {
		p.Read++
		p.Known, p.Unwanted, p.Young = p.Known+there, p.Unwanted+unwanted, p.Young+young
		s.last = max(s.last, last)
		if h.Missing > 0 && h.Oldest.After(p.Since) {
			p.Long++
		}
		if h.Ticket.After(time.Time{}) && h.now.UpdatedAt.After(h.Ticket) {
			p.Tickets++
		}
		for _, ev := range events {
			p.Recovered[ev.Topic]++
			if age := cmp.Or(s.request.MaxAge, s.o.MaxAge); age > 0 && s.o.Now().Sub(ev.CreatedAt) > age {
				p.Old++
			}
			if s.request.DryRun {
				p.Found = append(p.Found, Found{Topic: ev.Topic, Conversation: h.ID, Part: ev.Part, At: ev.CreatedAt})
			}
		}
	})
	return nil
}

// outline is the event of a happening without its payload.
func (h *History) outline(hp Happening, workspace string) event.Event {
	r := event.Recovered{Topic: hp.Topic, Subject: event.KindConversation + "/" + h.ID, Part: hp.Part, Mark: hp.Mark}
	return event.Event{ID: r.ID(), Workspace: workspace, Topic: hp.Topic, Subject: r.Subject, Part: hp.Part, CreatedAt: hp.At}
}

func isKnown(known []event.Event, ev event.Event) bool {
	return slices.ContainsFunc(known, func(other event.Event) bool { return other.ID == ev.ID || ev.Twin(other) })
}

const (
	// filedWithin is how long a pass waits until what it has put is filed.
	filedWithin = 30 * time.Second
	filedPause  = 20 * time.Millisecond
)

// filed waits until what was put has its place in the order of its subjects: timers must not go
// before. Should that take too long they do.
func (s *search) filed(ctx context.Context) error {
	for deadline := time.Now().Add(filedWithin); s.last > 0 && time.Now().Before(deadline); {
		done, err := s.o.Store.Filed(ctx, s.last)
		if done || err != nil {
			return err
		}
		select {
		case <-time.After(filedPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
