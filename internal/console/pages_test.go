package console

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"switchboard/internal/operations"
)

func TestFromQuery(t *testing.T) {
	got, err := fromQuery[operations.EventsRequest](url.Values{
		"topic": {"a.*"}, "before": {"12"}, "limit": {"7"}, "since": {"2026-03-02T09:15"}, "until": {"2026-03-02T09:15:30.5+02:00"},
	})
	want := operations.EventsRequest{
		Topic: "a.*", Before: 12, Limit: 7, Since: time.Date(2026, 3, 2, 9, 15, 0, 0, time.UTC),
		Until: time.Date(2026, 3, 2, 7, 15, 30, 5e8, time.UTC),
	}
	if !got.Until.Equal(want.Until) {
		t.Errorf("until %s, want %s", got.Until, want.Until)
	}
	got.Until, want.Until = time.Time{}, time.Time{}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for query, says := range map[string]string{
		"topicc=a":                   `no field "topicc"`,
		"before=soon":                "write a number",
		"limit=99999999999999999999": "write a number",
		"since=yesterday":            "such as 2026-03-02T09:15",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fromQuery[operations.EventsRequest](values); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", query, err, says)
		}
	}
}

// TestFromQuery_every_page: each field of each question can be read from an address.
func TestFromQuery_every_page(t *testing.T) {
	for _, try := range []func(url.Values) error{
		reads[operations.EventsRequest], reads[operations.EventRequest], reads[operations.SubjectRequest],
		reads[operations.ActionsRequest], reads[operations.ActionRequest], reads[operations.TimersRequest],
	} {
		if err := try(url.Values{}); err != nil {
			t.Error(err)
		}
		err := try(url.Values{"?": {"x"}}) // names all there are
		_, names, _ := strings.Cut(err.Error(), "there are ")
		for name := range strings.SplitSeq(names, ", ") {
			if try(url.Values{name: {"1"}}) != nil && try(url.Values{name: {"2026-03-02"}}) != nil {
				t.Errorf("%s can be neither a number or text nor a time", name)
			}
		}
	}
}

func reads[Request any](values url.Values) error {
	_, err := fromQuery[Request](values)
	return err
}

func TestView_With(t *testing.T) {
	v := view{Path: "/events", Values: url.Values{"rule": {"a&b"}, "before": {"9"}, "topic": {"x"}}}
	for name, tc := range map[string]struct{ got, want string }{
		"another value begins anew": {v.With("topic", "y"), "/events?rule=a%26b&topic=y"},
		"without":                   {v.With("topic", ""), "/events?rule=a%26b"},
		"the next page":             {v.With("before", int64(4)), "/events?before=4&rule=a%26b&topic=x"},
		"nothing left":              {view{Path: "/timers", Values: url.Values{"after": {"z"}}}.With("rule", ""), "/timers"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %s, want %s", name, tc.got, tc.want)
		}
	}
}

func TestPlace(t *testing.T) {
	for subject, want := range map[string]string{
		"conversation/123":    "/subjects/conversation/123",
		"contact/a/../b?c#d":  "/subjects/contact/a%2F..%2Fb%3Fc%23d",
		"nothing":             "/events?subject=nothing",
		"javascript:alert(1)": "/events?subject=javascript%3Aalert%281%29",
	} {
		if got := place(subject); got != want {
			t.Errorf("%s: %s, want %s", subject, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "0s", -90 * time.Second: "1m30s", 5 * time.Minute: "5m", time.Hour: "1h",
		26*time.Hour + 3*time.Minute + 9*time.Second: "26h3m", 50 * time.Hour: "2 days",
	} {
		if got := span(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}
