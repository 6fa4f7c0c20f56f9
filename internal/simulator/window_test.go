package simulator

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestRateLimit_counts_in_windows_of_ten_seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(3 * time.Second) // windows are aligned to Unix time, not to the first call
		b := newBench(t, Options{RateLimit: 3})
		reset := time.Now().Unix() - time.Now().Unix()%10 + 10
		for i := range 5 {
			r := b.call("GET", "/me", "")
			left := max(0, 2-i)
			for header, want := range map[string]int64{
				"X-Ratelimit-Limit": 3, "X-Ratelimit-Remaining": int64(left), "X-Ratelimit-Reset": reset,
			} {
				if got := r.header.Get(header); got != fmt.Sprint(want) {
					t.Errorf("call %d: %s = %q, want %d", i, header, got, want)
				}
			}
			if date, err := time.Parse(time.RFC1123, r.header.Get("Date")); err != nil || !date.Equal(time.Now().Truncate(time.Second)) {
				t.Errorf("Date = %q", r.header.Get("Date"))
			}
			if i >= 3 {
				b.refused(r, 429, "rate_limit_exceeded", "Exceeded rate limit of 3 in 10_seconds")
			} else if r.status != 200 {
				t.Errorf("call %d: status %d", i, r.status)
			}
		}
		time.Sleep(time.Until(time.Unix(reset, 0)) - time.Nanosecond)
		if r := b.call("GET", "/me", ""); r.status != 429 {
			t.Errorf("just before the reset: status %d", r.status)
		}
		time.Sleep(time.Nanosecond)
		if r := b.call("GET", "/me", ""); r.status != 200 || r.header.Get("X-RateLimit-Remaining") != "2" {
			t.Errorf("after the reset: status %d, %s left", r.status, r.header.Get("X-RateLimit-Remaining"))
		}
		got := b.Windows()
		want := []WindowUse{
			{Start: time.Unix(reset-10, 0), Used: 3, Limit: 3, Rejected: 3},
			{Start: time.Unix(reset, 0), Used: 1, Limit: 3},
		}
		if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("windows = %+v, want %+v", got, want)
		}
		j := b.Journal()
		if j[2].Count != 3 || j[3].Count != 0 || j[6].Count != 1 || !j[6].Window.Equal(time.Unix(reset, 0)) {
			t.Errorf("journal counts %d %d %d, window %v", j[2].Count, j[3].Count, j[6].Count, j[6].Window)
		}
	})
}

func TestRateLimit_can_change_and_has_a_default(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		if got := b.call("GET", "/me", "").header.Get("X-RateLimit-Limit"); got != strconv.Itoa(DefaultRateLimit) {
			t.Errorf("limit = %s", got)
		}
		b.SetRateLimit(1)
		b.refused(b.call("GET", "/me", ""), 429, "rate_limit_exceeded", "Exceeded rate limit of 1 in 10_seconds")
		b.SetRateLimit(0)
		if got := b.call("GET", "/me", "").header.Get("X-RateLimit-Remaining"); got != strconv.Itoa(DefaultRateLimit-2) {
			t.Errorf("remaining = %s", got)
		}
	})
}

func TestRateLimit_refuses_without_an_effect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{RateLimit: 1})
		id := b.starts("hello")
		b.call("GET", "/me", "")
		b.refused(b.call("POST", "/conversations/"+id+"/parts", b.writes()[7].body), 429, "rate_limit_exceeded", "")
		if c, _ := b.Conversation(id); c.State != StateOpen {
			t.Error("a refused call closed the conversation")
		}
	})
}

func TestJournal_keeps_the_newest(t *testing.T) {
	b := newBench(t, Options{JournalCap: 10})
	for range 35 {
		b.call("GET", "/me", "")
	}
	j := b.Journal()
	if len(j) != 10 || j[0].Seq != 26 || j[9].Seq != 35 {
		t.Errorf("%d entries, from %d to %d", len(j), j[0].Seq, j[len(j)-1].Seq)
	}
	if j := b.JournalSince(33); len(j) != 2 || j[0].Seq != 34 {
		t.Errorf("since 33 there are %d", len(j))
	}
	if j := b.JournalSince(35); len(j) != 0 {
		t.Errorf("since the last there are %d", len(j))
	}
	if j := b.JournalSince(3); len(j) != 10 {
		t.Errorf("since the third there are %d, want the 10 that are kept", len(j))
	}
	if n := cap(b.journal.entries); n > 50 {
		t.Errorf("the journal holds %d entries in memory", n)
	}
}

func TestConversations_can_be_bounded(t *testing.T) {
	b := newBench(t, Options{KeepConversations: 20})
	open := b.starts("stays open")
	for range 100 {
		ok(b.AdminCloses(b.starts("hello"), b.ines, ""))(t)
	}
	if n := len(b.Conversations()); n > 22 {
		t.Errorf("%d conversations are kept, want about 20", n)
	}
	if _, there := b.Conversation(open); !there {
		t.Error("an open conversation was forgotten")
	}
}
