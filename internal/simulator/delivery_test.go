package simulator

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestDelivery_is_signed_and_recorded(t *testing.T) {
	delivering(t, Options{AppID: "app1"}, nil, func(t *testing.T, b *bench, r *receiver) {
		id := b.starts("hello")
		b.wait()
		got := r.all()
		if len(got) != 1 || got[0].ev.Topic != "conversation.user.created" || got[0].ev.Subject != "conversation/"+id {
			t.Fatalf("received %+v", got)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "intercom-parrot-service-client/1.0",
		} {
			if v := got[0].header.Get(name); v != want {
				t.Errorf("%s: %q", name, v)
			}
		}
		d := b.Deliveries()[0]
		if d.Outcome != Delivered || d.Status != 200 || d.Attempt != 1 || d.Notification != got[0].ev.ID || d.Seq != 1 {
			t.Errorf("delivery: %+v", d)
		}
	})
}

func TestDelivery_tries_twice_with_a_minute_between(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(int) (int, time.Duration)
		first  Delivery
	}{
		{"500", always(500), Delivery{Status: 500}},
		{"404", always(404), Delivery{Status: 404}},
		{"redirect", always(302), Delivery{Status: 302}},
		{"too slow", func(int) (int, time.Duration) { return 200, 6 * time.Second }, Delivery{Latency: 5 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			delivering(t, Options{}, c.answer, func(t *testing.T, b *bench, r *receiver) {
				began := time.Now()
				b.starts("hello")
				b.wait()
				b.outcomesAre(Retrying, Lost)
				got := r.all()
				if len(got) != 2 || got[0].ev.ID != got[1].ev.ID {
					t.Fatalf("received %d notifications", len(got))
				}
				if pause := got[1].at.Sub(began) - c.first.Latency; pause != time.Minute {
					t.Errorf("the second attempt came %v after the first failed, want 1m", pause)
				}
				b.expect(got[0].body, "delivery_attempts", "1")
				b.expect(got[1].body, "delivery_attempts", "2", "first_sent_at", fmt.Sprint(began.Unix()))
				d := b.Deliveries()[0]
				if d.Status != c.first.Status || d.Latency != c.first.Latency || (d.Err != "") != (d.Status == 0) {
					t.Errorf("delivery: %+v", d)
				}
				if state, _ := b.Subscription(); state != SubscriptionLive {
					t.Errorf("subscription is %s", state)
				}
			})
		})
	}
}

func TestDelivery_out_of_reach(t *testing.T) {
	delivering(t, Options{}, nil, func(t *testing.T, b *bench, r *receiver) {
		b.SetUnreachable(true)
		b.starts("lost")
		b.wait()
		b.outcomesAre(Retrying, Lost)
		b.starts("late")
		time.Sleep(30 * time.Second)
		b.SetUnreachable(false)
		b.wait()
		b.outcomesAre(Retrying, Lost, Retrying, Delivered)
		if got := r.all(); len(got) != 1 {
			t.Errorf("received %d notifications, want the second alone", len(got))
		}
	})
}

func TestDelivery_retries_can_be_tuned(t *testing.T) {
	fails := func(n int) (int, time.Duration) {
		if n < 4 {
			return 503, 0
		}
		return 200, 0
	}
	o := Options{Delivery: DeliveryOptions{Attempts: 10, RetryAfter: 50 * time.Millisecond, Timeout: time.Second}}
	delivering(t, o, fails, func(t *testing.T, b *bench, _ *receiver) {
		began := time.Now()
		b.starts("hello")
		b.wait()
		b.outcomesAre(Retrying, Retrying, Retrying, Delivered)
		if d := time.Since(began); d != 150*time.Millisecond {
			t.Errorf("it took %v", d)
		}
	})
}

func TestDelivery_429_throttles_from_a_minute_to_two_hours(t *testing.T) {
	delivering(t, Options{}, always(429), func(t *testing.T, b *bench, r *receiver) {
		began := time.Now()
		b.starts("hello")
		b.wait()
		var pauses []time.Duration
		got := r.all()
		for i := 1; i < len(got); i++ {
			pauses = append(pauses, got[i].at.Sub(got[i-1].at))
		}
		want := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute}
		if !slices.Equal(pauses, want) { // after 63 more minutes the next pause would make it late by more than two hours
			t.Errorf("pauses = %v, want %v", pauses, want)
		}
		if out := b.outcomes(); out[len(out)-1] != Dropped {
			t.Errorf("outcomes = %v, want it dropped at the end", out)
		}
		if d := time.Since(began); d < 2*time.Hour {
			t.Errorf("dropped after %v already", d)
		}
		b.starts("a new one is held back by the throttle no longer than two hours")
		r.mu.Lock()
		r.answer = nil
		r.mu.Unlock()
		b.wait()
		if out := b.outcomes(); out[len(out)-1] != Delivered {
			t.Errorf("outcomes = %v, want the new one delivered", out)
		}
	})
}

func TestDelivery_429_holds_everything_back_and_is_forgotten(t *testing.T) {
	once := func(n int) (int, time.Duration) {
		if n == 1 || n == 5 {
			return 429, 0
		}
		return 200, 0
	}
	delivering(t, Options{}, once, func(t *testing.T, b *bench, r *receiver) {
		began := time.Now()
		b.starts("one")
		synctest.Wait()
		if state, until := b.Subscription(); state != SubscriptionThrottled || until.Sub(began) != time.Minute {
			t.Errorf("%s until %v", state, until)
		}
		b.starts("two")
		b.starts("three")
		time.Sleep(59 * time.Second)
		if n := len(r.all()); n != 1 {
			t.Errorf("%d requests during the throttle, want 1", n)
		}
		b.wait()
		if n, d := len(r.all()), time.Since(began); n != 4 || d != time.Minute {
			t.Errorf("%d requests after %v", n, d)
		}
		b.starts("four") // 429 again: a minute again, since it went well in between
		b.wait()
		if d := time.Since(began); d != 2*time.Minute {
			t.Errorf("the second throttle ended after %v", d)
		}
		b.expect(r.all()[5].body, "delivery_attempts", "2")
	})
}

func TestDelivery_429s_of_one_moment_count_once(t *testing.T) {
	full := func(n int) (int, time.Duration) {
		if n <= 5 {
			return 429, time.Duration(n) * 100 * time.Millisecond
		}
		return 200, 0
	}
	delivering(t, Options{}, full, func(t *testing.T, b *bench, r *receiver) {
		began := time.Now()
		for range 5 {
			b.starts("x")
		}
		b.wait()
		if d := time.Since(began); d != time.Minute+100*time.Millisecond {
			t.Errorf("delivered after %v: five answers to one burst made the throttle longer", d)
		}
	})
}

func TestDelivery_410_disables_for_good(t *testing.T) {
	delivering(t, Options{}, always(410), func(t *testing.T, b *bench, r *receiver) {
		b.starts("one")
		b.wait()
		b.starts("two")
		b.wait()
		b.outcomesAre(Dropped, Dropped)
		if n := len(r.all()); n != 1 {
			t.Errorf("%d requests, want none after the 410", n)
		}
		if state, _ := b.Subscription(); state != SubscriptionDisabled {
			t.Errorf("subscription is %s", state)
		}
		r.mu.Lock()
		r.answer = nil
		r.mu.Unlock()
		b.SetLive()
		b.starts("three")
		b.wait()
		b.outcomesAre(Dropped, Dropped, Delivered)
	})
}

func TestDelivery_pauses_after_too_many_errors_and_suspends_after_a_week(t *testing.T) {
	o := Options{Delivery: DeliveryOptions{Attempts: 1}}
	delivering(t, o, always(500), func(t *testing.T, b *bench, _ *receiver) {
		id := b.starts("hello")
		for range 1000 {
			ok(b.AdminNotes(id, b.ines, "x"))(t)
		}
		b.wait()
		state, until := b.Subscription()
		if state != SubscriptionPaused || time.Until(until) != 15*time.Minute {
			t.Errorf("%s until %v", state, until)
		}
		b.starts("lost")
		b.wait()
		if out := b.outcomes(); out[len(out)-1] != Dropped {
			t.Errorf("outcome = %v, want it dropped", out[len(out)-1])
		}
		time.Sleep(15 * time.Minute)
		b.starts("sent again")
		b.wait()
		if out := b.outcomes(); out[len(out)-1] != Lost {
			t.Errorf("outcome = %v, want another attempt", out[len(out)-1])
		}
		time.Sleep(7 * 24 * time.Hour)
		b.starts("the last")
		b.wait()
		if state, _ := b.Subscription(); state != SubscriptionSuspended {
			t.Errorf("subscription is %s after a week of errors", state)
		}
	})
}

func TestDelivery_is_concurrent_within_bounds(t *testing.T) {
	slow := func(int) (int, time.Duration) { return 200, time.Second }
	for _, c := range []struct {
		o        DeliveryOptions
		most     int
		duration time.Duration
	}{
		{DeliveryOptions{}, 12, time.Second},
		{DeliveryOptions{Concurrency: 4}, 4, 3 * time.Second},
		{DeliveryOptions{Order: PerSubject}, 3, 4 * time.Second},
		{DeliveryOptions{Order: InOrder}, 1, 12 * time.Second},
	} {
		delivering(t, Options{Delivery: c.o}, slow, func(t *testing.T, b *bench, r *receiver) {
			began := time.Now()
			ids := []string{b.starts("a"), b.starts("b"), b.starts("c")}
			for range 3 {
				for _, id := range ids {
					ok(b.AdminNotes(id, b.ines, "x"))(t)
				}
			}
			b.wait()
			if d := time.Since(began); r.most != c.most || d != c.duration {
				t.Errorf("%+v: %d at once, %v; want %d, %v", c.o, r.most, d, c.most, c.duration)
			}
			if c.o.Order != Concurrent {
				b.inOrder(r, c.o.Order)
			}
		})
	}
}

// inOrder checks that notifications arrived in the order in which they were made: those of
// one subject, or all.
func (b *bench) inOrder(r *receiver, order Order) {
	b.Helper()
	key := func(subject string) string {
		if order == InOrder {
			return ""
		}
		return subject
	}
	want, got := map[string][]string{}, map[string][]string{}
	for _, n := range b.Notifications() {
		want[key(n.Subject)] = append(want[key(n.Subject)], n.ID)
	}
	for _, rec := range r.all() {
		got[key(rec.ev.Subject)] = append(got[key(rec.ev.Subject)], rec.ev.ID)
	}
	for k := range want {
		if !slices.Equal(got[k], want[k]) {
			b.Errorf("%q arrived as %q, were made as %q", k, got[k], want[k])
		}
	}
}

func TestDelivery_jitter_mixes_the_order(t *testing.T) {
	o := Options{Delivery: DeliveryOptions{Jitter: 10 * time.Second, Order: InOrder}}
	delivering(t, o, nil, func(t *testing.T, b *bench, r *receiver) {
		began := time.Now()
		var made, came []string
		for range 10 {
			b.starts("x")
		}
		b.wait()
		for i, rec := range r.all() {
			made, came = append(made, b.Notifications()[i].ID), append(came, rec.ev.ID)
		}
		if slices.Equal(made, came) {
			t.Error("they arrived in order")
		}
		slices.Sort(made)
		slices.Sort(came)
		if !slices.Equal(made, came) || len(came) != 10 || time.Since(began) > 10*time.Second {
			t.Errorf("%d arrived within %v", len(came), time.Since(began))
		}
	})
}

func TestDelivery_duplicates_and_missing_ids(t *testing.T) {
	o := Options{Delivery: DeliveryOptions{DuplicateRate: 0.5}}
	delivering(t, o, nil, func(t *testing.T, b *bench, r *receiver) {
		for range 100 {
			b.starts("x")
		}
		b.wait()
		seen := map[string]int{}
		for _, rec := range r.all() {
			seen[rec.ev.ID]++
		}
		twice := 0
		for _, n := range seen {
			if n == 2 {
				twice++
			} else if n != 1 {
				t.Errorf("one came %d times", n)
			}
		}
		if len(seen) != 100 || twice < 30 || twice > 70 {
			t.Errorf("%d arrived, %d of them twice; want 100 and about 50", len(seen), twice)
		}
	})
	o = Options{Delivery: DeliveryOptions{NoIDRate: 1}}
	delivering(t, o, nil, func(t *testing.T, b *bench, r *receiver) {
		b.starts("x")
		b.wait()
		b.expect(r.all()[0].body, "id", nil)
	})
}

func TestDelivery_again_on_request(t *testing.T) {
	delivering(t, Options{}, nil, func(t *testing.T, b *bench, r *receiver) {
		b.starts("x")
		b.wait()
		id := b.Notifications()[0].ID
		if err := b.Redeliver(id); err != nil {
			t.Fatal(err)
		}
		b.wait()
		got := r.all()
		if len(got) != 2 || got[1].ev.ID != id || !b.Deliveries()[1].Duplicate {
			t.Errorf("received %d", len(got))
		}
		b.expect(got[1].body, "delivery_attempts", "2")
	})
}

func TestDelivery_can_be_held_and_then_sends_the_newest_first(t *testing.T) {
	o := Options{Delivery: DeliveryOptions{Order: InOrder}}
	delivering(t, o, nil, func(t *testing.T, b *bench, r *receiver) {
		b.HoldDeliveries(true)
		for range 3 {
			b.starts("x")
		}
		time.Sleep(time.Hour)
		if n := len(r.all()); n != 0 {
			t.Errorf("%d arrived while held", n)
		}
		b.HoldDeliveries(false)
		b.wait()
		for i, rec := range r.all() {
			if want := b.Notifications()[2-i].ID; rec.ev.ID != want {
				t.Errorf("number %d is %s, want %s", i, rec.ev.ID, want)
			}
		}
	})
}

func TestDelivery_survives_a_stop_of_Run(t *testing.T) {
	slow := func(int) (int, time.Duration) { return 200, 2 * time.Second }
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{t: t, answer: slow}
		l := NewPipeListener()
		serve(t, r, l)
		client := l.Client()
		defer client.CloseIdleConnections()
		b := newBench(t, Options{WebhookURL: "http://app.test/", HTTP: client})
		b.starts("x")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Simulator.Run(ctx); err != nil {
			t.Fatal(err)
		}
		b.outcomesAre(Stopped) // Run waits for what is under way
		if err := b.WaitDelivered(ctx); err == nil {
			t.Error("nothing is pending although nothing was delivered")
		}
		go b.Simulator.Run(t.Context())
		synctest.Wait()
		if err := b.Simulator.Run(t.Context()); err == nil {
			t.Error("two may run at once")
		}
		b.wait()
		b.outcomesAre(Stopped, Delivered)
		b.expect(r.all()[1].body, "delivery_attempts", "1")
		b.Close()
		b.Close()
		synctest.Wait()
	})
}

// stubborn is a transport that does not hear of the end of a context.
type stubborn struct{ takes time.Duration }

func (s stubborn) RoundTrip(*http.Request) (*http.Response, error) {
	time.Sleep(s.takes)
	return nil, io.ErrUnexpectedEOF
}

func TestDelivery_Run_waits_for_what_is_under_way(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{WebhookURL: "http://app.test/", HTTP: &http.Client{Transport: stubborn{4 * time.Second}}})
		b.starts("x")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := b.Simulator.Run(ctx); err != nil || time.Since(began) != 4*time.Second {
			t.Errorf("Run ended after %v: %v", time.Since(began), err)
		}
		b.outcomesAre(Stopped)
		if got := b.DeliveriesSince(0); len(got) != 1 || len(b.DeliveriesSince(1)) != 0 {
			t.Errorf("deliveries: %+v", got)
		}
	})
}

func TestDelivery_refused_connections_are_failures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewPipeListener()
		l.Close()
		b := newBench(t, Options{WebhookURL: "http://app.test/", HTTP: l.Client()})
		go b.Simulator.Run(t.Context())
		b.starts("x")
		b.wait()
		b.outcomesAre(Retrying, Lost)
		if d := b.Deliveries()[1]; d.Err == "" || d.Status != 0 {
			t.Errorf("delivery: %+v", d)
		}
		b.Close()
	})
}

func TestValidate_sends_HEAD(t *testing.T) {
	status := http.StatusOK
	delivering(t, Options{}, func(int) (int, time.Duration) { return status, 0 }, func(t *testing.T, b *bench, r *receiver) {
		if err := b.Validate(t.Context()); err != nil {
			t.Error(err)
		}
		got := r.all()
		if len(got) != 1 || got[0].method != "HEAD" || got[0].header.Get("X-Hub-Signature") != "" {
			t.Errorf("received %+v", got)
		}
		status = http.StatusMethodNotAllowed
		if err := b.Validate(t.Context()); err == nil {
			t.Error("405 is a valid answer")
		}
	})
}

func TestNotifications_without_an_endpoint_are_only_listed(t *testing.T) {
	b := newBench(t, Options{})
	b.starts("x")
	b.wait()
	if len(b.Notifications()) != 1 || len(b.Deliveries()) != 0 {
		t.Errorf("%d notifications, %d deliveries", len(b.Notifications()), len(b.Deliveries()))
	}
}

func TestDelivery_over_TCP_with_a_client_of_its_own(t *testing.T) {
	r := &receiver{t: t}
	server := httptest.NewServer(r)
	defer server.Close()
	b := newBench(t, Options{WebhookURL: server.URL + "/webhooks/intercom"})
	ended := make(chan error)
	go func() { ended <- b.Simulator.Run(t.Context()) }()
	id := b.starts("hello")
	ok(b.AdminReplies(id, b.ines, "hi", b.ines))(t)
	b.wait()
	b.outcomesAre(Delivered, Delivered, Delivered, Delivered)
	b.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
