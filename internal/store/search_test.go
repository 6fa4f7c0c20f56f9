package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/internal/store"
)

// TestSearch_in_bounds: a page looks at no more rows than it may, tells how far it came, and goes on from there;
// together the pages hold what a look at each event finds.
func TestSearch_in_bounds(t *testing.T) {
	s := open(t)
	topics := []string{"conversation.user.replied", "conversation.admin.replied", "contact.created"}
	rnd := rand.New(rand.NewPCG(3, 9))
	type stored struct {
		seq     int64
		topic   string
		subject string
		at      time.Time
	}
	var all []stored
	for i := range 300 {
		ev := newEvent(fmt.Sprint("n", i), fmt.Sprint([]string{"conversation/", "contact/"}[i%2], rnd.IntN(4)))
		ev.Topic, ev.ReceivedAt = topics[rnd.IntN(len(topics))], start.Add(time.Duration(i)*time.Minute)
		if _, err := s.Put(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		all = append(all, stored{topic: ev.Topic, subject: ev.Subject, at: ev.ReceivedAt})
	}
	for range all { // files them
		if _, err := s.Claim(t.Context(), store.LaneEvents, "", 1, time.Now(), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for i := range all {
		ev, ok, err := s.Named(t.Context(), "ws", fmt.Sprint("n", i))
		if err != nil || !ok {
			t.Fatal(i, ok, err)
		}
		all[i].seq = ev.Seq
	}
	slices.Reverse(all)
	for range 60 {
		q := store.Search{Page: store.Page{Limit: 1 + rnd.IntN(9), Most: 1 + rnd.IntN(40)}}
		if rnd.IntN(2) == 0 {
			q.Topic = append(topics, "never", "conversation.*")[rnd.IntN(5)]
		}
		if rnd.IntN(3) == 0 {
			q.Subject = fmt.Sprint("contact/", rnd.IntN(5))
		}
		if rnd.IntN(3) == 0 {
			q.Since = start.Add(time.Duration(rnd.IntN(300)) * time.Minute)
		}
		if rnd.IntN(3) == 0 {
			q.Until = start.Add(time.Duration(rnd.IntN(300)) * time.Minute)
		}
		var want, got []int64
		for _, ev := range all {
			if (q.Topic == "" || q.Topic == ev.topic || q.Topic == "conversation.*" && strings.HasPrefix(ev.topic, "conversation.")) &&
				(q.Subject == "" || q.Subject == ev.subject) && !ev.at.Before(q.Since) && (q.Until.IsZero() || ev.at.Before(q.Until)) {
				want = append(want, ev.seq)
			}
		}
		for {
			list, end, err := s.Search(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range list {
				got = append(got, f.Seq)
			}
			if end.Rows >= 2*q.Most || len(list) > q.Limit || end.To.IsZero() && end.Next != 0 && len(list) < q.Limit {
				t.Fatalf("%+v: %d found, %+v", q, len(list), end)
			}
			if !end.To.IsZero() {
				checkSearched(t, end, func(seq int64) time.Time {
					return all[slices.IndexFunc(all, func(e stored) bool { return e.seq <= seq })].at
				})
			}
			if q.Before = end.Next; q.Before == 0 {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v:\nfound %v\nwant  %v", q, got, want)
		}
	}
}

// checkSearched: what a page says of how far it came is the time of the event from which the next one goes on.
func checkSearched(t *testing.T, end store.Searched, at func(int64) time.Time) {
	t.Helper()
	if want := at(end.Next); !end.To.Equal(want) {
		t.Fatalf("searched to %s, want %s, the time of event %d", end.To, want, end.Next)
	}
}
