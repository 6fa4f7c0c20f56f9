package backtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"switchboard/internal/backtest"
	"switchboard/internal/rules"
)

// intercomNow answers look-ups as Intercom does now, and counts the questions.
type intercomNow struct {
	asked   map[string]int
	failing func(q rules.Question) error
}

func (n *intercomNow) ask(_ context.Context, workspace string, q rules.Question) (json.RawMessage, error) {
	if n.asked == nil {
		n.asked = map[string]int{}
	}
	n.asked[workspace+" "+q.Key()]++
	if n.failing != nil {
		if err := n.failing(q); err != nil {
			return nil, err
		}
	}
	switch q.Kind {
	case rules.AskCompanies:
		return json.RawMessage(`[{"type":"company","id":"k1","name":"Acme"}]`), nil
	case rules.AskConversation:
		return json.RawMessage(fmt.Sprintf(`{"type":"conversation","id":%q,"open":false}`, q.ID)), nil
	}
	return nil, nil // it does not exist any more
}

// acme needs companies, which nobody read in the history.
var acme = strings.NewReplacer(`contact.custom_attributes.plan == "pro"`, `company.name == "Acme"`).Replace(old)

// TestBacktest_fetches what was not recorded, each question once and within the limit, and says so.
func TestBacktest_fetches(t *testing.T) {
	test := func(t *testing.T, n *intercomNow, calls int) (*backtest.Report, *backtest.RuleReport) {
		t.Helper()
		before, changed := parse(t, old), parse(t, acme)
		told := 0
		r, err := backtest.Backtest(t.Context(), backtest.Options{
			History: history(t, 3000, 20), Old: before, New: changed, Fetch: &backtest.Fetch{Ask: n.ask, Calls: calls},
			Progress: func(p backtest.Progress) { told = p.Calls },
		})
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		for key, times := range n.asked {
			asked += times
			if times > 1 && n.failing == nil || !strings.HasPrefix(key, "ws ") {
				t.Errorf("%s was asked %d times", key, times)
			}
		}
		if f := r.Fetched; f.Calls != asked || f.Calls > calls || f.Limit != calls || told != asked {
			t.Errorf("%+v, %d questions, %d told", f, asked, told)
		}
		for _, one := range r.Rules {
			if one.Rule == "calm" {
				return r, one
			}
			if one.Fetched > 0 {
				t.Errorf("%s needed nothing: %+v", one.Rule, one)
			}
		}
		t.Fatalf("calm does not differ: %+v", r)
		return nil, nil
	}
	text := func(r *backtest.Report) string {
		var b bytes.Buffer
		if err := backtest.WriteText(&b, r); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}

	t.Run("all", func(t *testing.T) {
		r, calm := test(t, &intercomNow{}, 500)
		if r.Fetched.Calls != 20 || calm.Unknown != 0 || calm.Gained.Total < 50 || calm.Fetched != r.Fetched.Decisions || calm.Fetched < 500 {
			t.Errorf("%+v %+v", r.Fetched, calm)
		}
		for _, want := range []string{
			"20 calls of at most 500 asked Intercom for facts that were not recorded; 1202 decisions were made on what is true now, not then\n",
			"  ? 1202 decisions were made on what Intercom says now, which may not be what was true then\n",
		} {
			if got := text(r); !strings.Contains(got, want) {
				t.Errorf("%s\nwant %s", got, want)
			}
		}
	})
	t.Run("the limit", func(t *testing.T) {
		r, calm := test(t, &intercomNow{}, 7)
		if r.Fetched.Calls != 7 || r.Fetched.Beyond != calm.Unknown || calm.Unknown == 0 || calm.Fetched == 0 || r.Fetched.Stopped != "" {
			t.Errorf("%+v %+v", r.Fetched, calm)
		}
		if got := text(r); !strings.Contains(got, fmt.Sprintf("%d times no more could be asked: those facts stay unknown\n", calm.Unknown)) {
			t.Error(got)
		}
	})
	t.Run("Intercom refuses", func(t *testing.T) {
		r, calm := test(t, &intercomNow{failing: func(q rules.Question) error {
			if strings.HasSuffix(q.ID, "7") {
				return &rules.UnavailableError{Err: errors.New("forbidden")}
			}
			return nil
		}}, 500)
		if r.Fetched.Refused != 2 || r.Fetched.Calls != 20 || calm.Unknown == 0 || r.Fetched.Beyond != 0 {
			t.Errorf("%+v %+v", r.Fetched, calm)
		}
		if got := text(r); !strings.Contains(got, "2 questions Intercom does not answer: those facts stay unknown\n") {
			t.Error(got)
		}
	})
	t.Run("it fails in passing", func(t *testing.T) {
		n := 0
		r, calm := test(t, &intercomNow{failing: func(rules.Question) error {
			if n++; n%3 != 0 {
				return errors.New("bad gateway")
			}
			return nil
		}}, 500)
		if r.Fetched.Calls != 60 || r.Fetched.Stopped != "" || calm.Unknown != 0 {
			t.Errorf("%+v %+v", r.Fetched, calm)
		}
	})
	t.Run("it fails for good", func(t *testing.T) {
		r, calm := test(t, &intercomNow{failing: func(rules.Question) error { return errors.New("unauthorized") }}, 500)
		if r.Fetched.Calls != 3 || r.Fetched.Stopped != "unauthorized" || calm.Unknown == 0 || calm.Fetched != 0 {
			t.Errorf("%+v %+v", r.Fetched, calm)
		}
		if got := text(r); !strings.Contains(got, "no more was asked: unauthorized\n") {
			t.Error(got)
		}
	})
	t.Run("whoever asked goes away", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n := &intercomNow{failing: func(rules.Question) error { cancel(); return ctx.Err() }}
		_, err := backtest.Backtest(ctx, backtest.Options{
			History: history(t, 3000, 20), Old: parse(t, old), New: parse(t, acme), Fetch: &backtest.Fetch{Ask: n.ask, Calls: 500},
		})
		if !errors.Is(err, context.Canceled) || len(n.asked) != 1 {
			t.Errorf("%v after %d questions", err, len(n.asked))
		}
	})
}

// TestBacktest_recorded_facts_are_not_fetched: what was true then counts, and what did not exist then did not.
func TestBacktest_recorded_facts_are_not_fetched(t *testing.T) {
	n := &intercomNow{}
	r, err := backtest.Backtest(t.Context(), backtest.Options{
		History: history(t, 500, 20), Old: parse(t, old), New: parse(t, old), Fetch: &backtest.Fetch{Ask: n.ask, Calls: 500},
	})
	if err != nil || len(n.asked) > 0 || r.Differs() || r.Fetched.Decisions > 0 {
		t.Errorf("%v: asked %v, %+v", err, n.asked, r)
	}
}
