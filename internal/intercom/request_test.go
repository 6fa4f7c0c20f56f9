package intercom

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a server that keeps what it was sent and answers as told.
type recorder struct {
	*httptest.Server
	mu       sync.Mutex
	requests []recorded
}

type recorded struct {
	method, uri string
	header      http.Header
	body        string
}

func record(t *testing.T, answer http.HandlerFunc) *recorder {
	t.Helper()
	rec := &recorder{}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		rec.mu.Lock()
		rec.requests = append(rec.requests, recorded{r.Method, r.RequestURI, r.Header.Clone(), string(body)})
		rec.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(rec.Close)
	return rec
}

func (r *recorder) client(t *testing.T) *Client {
	t.Helper()
	return newTestClient(t, Options{BaseURL: r.URL})
}

func (r *recorder) all() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

func answerWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const smallConversation = `{"type":"conversation","id":"77","state":"open"}`

// officialCall is a call in the form that Intercom's description of version 2.14 gives it. Its
// name begins with that of the client's method.
type officialCall struct {
	name   string
	call   func(ctx context.Context, c *Client) error
	method string
	uri    string
	body   string // JSON; empty: none
	answer string
}

// allCalls are all calls that the client can make.
var allCalls = slices.Concat(calls, customerCalls, deskCalls)

// calls are those about conversations and who takes part in them.
var calls = []officialCall{
	{"Me", func(ctx context.Context, c *Client) error { _, err := c.Me(ctx); return err }, "GET", "/me", "", `{"id":"1"}`},
	{"Admins", func(ctx context.Context, c *Client) error { _, err := c.Admins(ctx); return err }, "GET", "/admins", "", `{"admins":[]}`},
	{"Teams", func(ctx context.Context, c *Client) error { _, err := c.Teams(ctx); return err }, "GET", "/teams", "", `{"teams":[]}`},
	{"Tags", func(ctx context.Context, c *Client) error { _, err := c.Tags(ctx); return err }, "GET", "/tags", "", `{"data":[]}`},
	{"CreateTag", func(ctx context.Context, c *Client) error { _, err := c.CreateTag(ctx, `V"IP`); return err }, "POST", "/tags", `{"name":"V\"IP"}`, `{"id":"1","name":"V\"IP"}`},
	{"TagConversation", func(ctx context.Context, c *Client) error { return c.TagConversation(ctx, "77", "5", "9") }, "POST", "/conversations/77/tags", `{"admin_id":"9","id":"5"}`, `{"id":"5"}`},
	{"UntagConversation", func(ctx context.Context, c *Client) error { return c.UntagConversation(ctx, "77", "5", "9") }, "DELETE", "/conversations/77/tags/5", `{"admin_id":"9"}`, `{"id":"5"}`},
	{"Contact", func(ctx context.Context, c *Client) error { _, _, err := c.Contact(ctx, "63a07d"); return err }, "GET", "/contacts/63a07d", "", `{"id":"63a07d"}`},
	{"ContactCompanies", func(ctx context.Context, c *Client) error { _, err := c.ContactCompanies(ctx, "63a07d"); return err }, "GET", "/contacts/63a07d/companies", "", `{"data":[]}`},
	{"Conversation", func(ctx context.Context, c *Client) error { _, _, err := c.Conversation(ctx, "77"); return err }, "GET", "/conversations/77", "", smallConversation},
	{"Reply", func(ctx context.Context, c *Client) error {
		_, err := c.Reply(ctx, "77", ReplyRequest{AdminID: "9", Body: "<p>Hi</p>"})
		return err
	}, "POST", "/conversations/77/reply", `{"message_type":"comment","type":"admin","admin_id":"9","body":"<p>Hi</p>"}`, smallConversation},
	{"Reply with a note", func(ctx context.Context, c *Client) error {
		_, err := c.Reply(ctx, "77", ReplyRequest{AdminID: "9", Body: "<p>Hi</p>", Note: true})
		return err
	}, "POST", "/conversations/77/reply", `{"message_type":"note","type":"admin","admin_id":"9","body":"<p>Hi</p>"}`, smallConversation},
	{"Close", func(ctx context.Context, c *Client) error {
		_, err := c.Close(ctx, "77", CloseRequest{AdminID: "9"})
		return err
	}, "POST", "/conversations/77/parts", `{"message_type":"close","type":"admin","admin_id":"9"}`, smallConversation},
	{"Close with text", func(ctx context.Context, c *Client) error {
		_, err := c.Close(ctx, "77", CloseRequest{AdminID: "9", Body: "<p>Bye</p>"})
		return err
	}, "POST", "/conversations/77/parts", `{"message_type":"close","type":"admin","admin_id":"9","body":"<p>Bye</p>"}`, smallConversation},
	{"Open", func(ctx context.Context, c *Client) error { _, err := c.Open(ctx, "77", "9"); return err }, "POST", "/conversations/77/parts", `{"message_type":"open","admin_id":"9"}`, smallConversation},
	{"Snooze", func(ctx context.Context, c *Client) error {
		_, err := c.Snooze(ctx, "77", "9", time.Unix(1790000000, 0))
		return err
	}, "POST", "/conversations/77/parts", `{"message_type":"snoozed","admin_id":"9","snoozed_until":1790000000}`, smallConversation},
	{"Assign to a team", func(ctx context.Context, c *Client) error {
		_, err := c.Assign(ctx, "77", AssignRequest{AdminID: "9", Type: "team", AssigneeID: "4"})
		return err
	}, "POST", "/conversations/77/parts", `{"message_type":"assignment","type":"team","admin_id":"9","assignee_id":"4"}`, smallConversation},
	{"Assign to nobody", func(ctx context.Context, c *Client) error {
		_, err := c.Assign(ctx, "77", AssignRequest{AdminID: "9", Type: "admin", AssigneeID: Nobody})
		return err
	}, "POST", "/conversations/77/parts", `{"message_type":"assignment","type":"admin","admin_id":"9","assignee_id":"0"}`, smallConversation},
}

func TestClient_sends_the_official_form_of_every_call(t *testing.T) {
	for _, tt := range allCalls {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, answerWith(200, tt.answer))
			if err := tt.call(t.Context(), rec.client(t)); err != nil {
				t.Fatal(err)
			}
			got := rec.all()
			if len(got) != 1 {
				t.Fatalf("%d requests, want 1", len(got))
			}
			r := got[0]
			if r.method != tt.method || r.uri != tt.uri {
				t.Errorf("sent %s %s, want %s %s", r.method, r.uri, tt.method, tt.uri)
			}
			if !sameJSON(t, r.body, tt.body) {
				t.Errorf("body %s, want %s", r.body, tt.body)
			}
			want := map[string]string{
				"Authorization": "Bearer " + fakeToken, "Accept": "application/json",
				"Intercom-Version": "2.14", "User-Agent": "switchboard", "Content-Type": "application/json",
			}
			if tt.body == "" {
				want["Content-Type"] = ""
			}
			for name, value := range want {
				if r.header.Get(name) != value {
					t.Errorf("header %s is %q, want %q", name, r.header.Get(name), value)
				}
			}
		})
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	if a == "" || b == "" {
		return a == b
	}
	var x, y any
	if err := errors.Join(json.Unmarshal([]byte(a), &x), json.Unmarshal([]byte(b), &y)); err != nil {
		t.Fatal(err)
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

func TestClient_ids_are_one_step_of_the_path(t *testing.T) {
	rec := record(t, answerWith(200, smallConversation))
	c := rec.client(t)
	ctx := t.Context()
	for id, uri := range map[string]string{
		"a/b":                "/conversations/a%2Fb",
		"1?x=2#y":            "/conversations/1%3Fx=2%23y",
		"1 2":                "/conversations/1%202",
		"../me":              "/conversations/..%2Fme",
		"a\r\nHost:":         "/conversations/a%0D%0AHost:",
		"123456789012345678": "/conversations/123456789012345678",
	} {
		if _, _, err := c.Conversation(ctx, id); err != nil {
			t.Errorf("%q: %v", id, err)
			continue
		}
		if got := rec.all(); got[len(got)-1].uri != uri {
			t.Errorf("%q became %s, want %s", id, got[len(got)-1].uri, uri)
		}
	}
	before := len(rec.all())
	for _, id := range []string{"", ".", "..", "last"} {
		_, _, err := c.Conversation(ctx, id)
		if ClassOf(err) != Permanent {
			t.Errorf("id %q: %v, want it refused for good", id, err)
		}
	}
	if got := len(rec.all()); got != before {
		t.Errorf("%d requests with impossible ids went out", got-before)
	}
}

func TestClient_a_base_URL_may_have_a_path(t *testing.T) {
	rec := record(t, answerWith(200, smallConversation))
	c := newTestClient(t, Options{BaseURL: rec.URL + "/proxy/", UserAgent: "switchboard/1.2"})
	if _, _, err := c.Conversation(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	got := rec.all()[0]
	if got.uri != "/proxy/conversations/a%2Fb" || got.header.Get("User-Agent") != "switchboard/1.2" {
		t.Errorf("sent %s with User-Agent %q", got.uri, got.header.Get("User-Agent"))
	}
}

func TestClient_connections_are_used_again(t *testing.T) {
	var mu sync.Mutex
	peers := map[string]bool{}
	rec := record(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		peers[r.RemoteAddr] = true
		mu.Unlock()
		if r.URL.Path == "/me" {
			answerWith(404, strings.Repeat("x", 100_000))(w, r) // more than is read of an error
			return
		}
		answerWith(200, smallConversation)(w, r)
	})
	c := rec.client(t)
	for range 5 {
		_, _, _ = c.Conversation(t.Context(), "1")
		_, _ = c.Me(t.Context())
	}
	mu.Lock()
	defer mu.Unlock()
	if len(peers) != 1 {
		t.Errorf("%d connections for 10 calls in a row, want 1", len(peers))
	}
}

func TestClient_WithTrace_I4_BeforeSend_comes_before_every_call_that_writes(t *testing.T) {
	for _, tt := range allCalls {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, answerWith(200, tt.answer))
			var told []string
			ctx := WithTrace(t.Context(), &Trace{BeforeSend: func(_ context.Context, method, path string) error {
				if n := len(rec.all()); n != 0 {
					t.Errorf("called after %d requests", n)
				}
				told = append(told, method+" "+path)
				return nil
			}})
			if err := tt.call(ctx, rec.client(t)); err != nil {
				t.Fatal(err)
			}
			var want []string
			if !onlyReads(tt) {
				want = []string{tt.method + " " + tt.uri}
			}
			if !slices.Equal(told, want) {
				t.Errorf("told %q, want %q", told, want)
			}
		})
	}
}

func TestClient_WithTrace_I4_an_error_of_BeforeSend_stops_the_call(t *testing.T) {
	rec := record(t, answerWith(200, smallConversation))
	budget := &watchedBudget{}
	c := newTestClient(t, Options{BaseURL: rec.URL, Budget: budget})
	stop := errors.New("lease lost")
	ctx := WithTrace(t.Context(), &Trace{BeforeSend: func(context.Context, string, string) error {
		if budget.taken != 1 {
			t.Error("called before the budget granted the call")
		}
		return stop
	}})
	_, err := c.Reply(ctx, "77", ReplyRequest{AdminID: "9", Body: "x"})
	if !errors.Is(err, stop) || ClassOf(err) != Retry {
		t.Errorf("error %v of class %v, want the hook's, to be tried again", err, ClassOf(err))
	}
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d requests went out", n)
	}
	if len(budget.reports) != 1 || !budget.reports[0].NotSent {
		t.Errorf("reported %+v, want one call that was not sent", budget.reports)
	}
}

// watchedBudget grants everything and keeps what it is told.
type watchedBudget struct {
	mu      sync.Mutex
	taken   int
	last    Priority
	reports []Usage
}

func (b *watchedBudget) Take(ctx context.Context, p Priority) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken++
	b.last = p
	return ctx.Err()
}

func (b *watchedBudget) Report(u Usage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports = append(b.reports, u)
}

func TestClient_priority_rides_on_the_context(t *testing.T) {
	rec := record(t, answerWith(200, smallConversation))
	budget := &watchedBudget{}
	c := newTestClient(t, Options{BaseURL: rec.URL, Budget: budget})
	ctx := t.Context()
	check := func(want Priority) {
		t.Helper()
		if budget.last != want {
			t.Errorf("priority %v, want %v", budget.last, want)
		}
	}
	_, _, _ = c.Conversation(ctx, "1")
	check(PriorityRead)
	_, _ = c.Open(ctx, "1", "2")
	check(PriorityAction)
	_, _ = c.Open(WithPriority(ctx, PriorityBackground), "1", "2")
	check(PriorityBackground)
	_, _, _ = c.Conversation(WithPriority(ctx, PriorityReply), "1")
	check(PriorityReply)
}

func TestUsageOf(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	date := now.Add(-time.Hour) // the server's clock is an hour behind
	resetAt := "1772597172"     // 5 s after date
	for _, tt := range []struct {
		name   string
		header map[string]string
		want   Usage
	}{
		{"all", map[string]string{"X-RateLimit-Limit": "167", "X-RateLimit-Remaining": "12", "X-RateLimit-Reset": resetAt, "Date": date.Format(http.TimeFormat)}, Usage{Limit: 167, Remaining: 12, Window: 1772597172, Reset: 5 * time.Second}},
		{"none", nil, Usage{Limit: -1, Remaining: -1}},
		{"nonsense", map[string]string{"X-RateLimit-Limit": "many", "X-RateLimit-Remaining": "", "X-RateLimit-Reset": "soon", "Date": "today", "Retry-After": "later"}, Usage{Limit: -1, Remaining: -1}},
		{"limit 0 is no limit", map[string]string{"X-RateLimit-Limit": "0"}, Usage{Limit: -1, Remaining: -1}},
		{"less than nothing remains", map[string]string{"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "-3"}, Usage{Limit: 5, Remaining: 0}},
		{"reset without Date", map[string]string{"X-RateLimit-Reset": "1772600770"}, Usage{Limit: -1, Remaining: -1, Window: 1772600770, Reset: 3 * time.Second}},
		{"reset far beyond", map[string]string{"X-RateLimit-Reset": "99999999999999"}, Usage{Limit: -1, Remaining: -1}},
		{"Retry-After in seconds", map[string]string{"Retry-After": "7"}, Usage{Limit: -1, Remaining: -1, RetryAfter: 7 * time.Second}},
		{"Retry-After as a date", map[string]string{"Retry-After": date.Add(9 * time.Second).Format(http.TimeFormat), "Date": date.Format(http.TimeFormat)}, Usage{Limit: -1, Remaining: -1, RetryAfter: 9 * time.Second}},
		{"Retry-After in the past", map[string]string{"Retry-After": "-5"}, Usage{Limit: -1, Remaining: -1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := &http.Response{StatusCode: 200, Header: http.Header{}}
			for k, v := range tt.header {
				resp.Header.Set(k, v)
			}
			tt.want.Answered, tt.want.Status = true, 200
			if got := usageOf(resp, now); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestClient_Skew_is_the_difference_of_the_clocks(t *testing.T) {
	for _, tt := range []struct {
		clock       time.Duration
		least, most time.Duration
	}{
		{0, 0, 0},
		{800 * time.Millisecond, 0, 0},
		{-800 * time.Millisecond, 0, 0},
		{time.Minute, 58 * time.Second, time.Minute},
		{-time.Minute, -62 * time.Second, -time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(345 * time.Millisecond)
			api := newFakeAPI(100)
			api.clock = tt.clock
			api.latency = func() (time.Duration, time.Duration) { return 100 * time.Millisecond, 100 * time.Millisecond }
			c := api.client(t, NewMemoryBudget(BudgetOptions{}))
			if now, known := c.TheirNow(); known {
				t.Errorf("their time is %v before the first answer", now)
			}
			if _, err := c.Me(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := c.Skew(); got < tt.least || got > tt.most {
				t.Errorf("clock %v ahead: skew = %v, want %v to %v", tt.clock, got, tt.least, tt.most)
			}
			time.Sleep(time.Hour)
			now, known := c.TheirNow()
			if off := now.Sub(time.Now().Add(tt.clock)); !known || off < -2*time.Second || off > time.Second {
				t.Errorf("clock %v ahead: their time is %v off an hour later (known: %t)", tt.clock, off, known)
			}
		})
	}
}

func TestNew_refuses_what_cannot_work(t *testing.T) {
	ok := Options{BaseURL: "https://api.test", Token: fakeToken, Budget: freeBudget{}}
	if _, err := New(ok); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no token":            func(o *Options) { o.Token = "" },
		"token with line end": func(o *Options) { o.Token += "\n" },
		"token with space":    func(o *Options) { o.Token = "Bearer " + fakeToken },
		"no budget":           func(o *Options) { o.Budget = nil },
		"no base URL":         func(o *Options) { o.BaseURL = "" },
		"no scheme":           func(o *Options) { o.BaseURL = "api.intercom.io" },
		"other scheme":        func(o *Options) { o.BaseURL = "ftp://api.test" },
		"password in URL":     func(o *Options) { o.BaseURL = "https://me:" + fakeToken + "@api.test" },
		"query":               func(o *Options) { o.BaseURL = "https://api.test?token=" + fakeToken },
		"not a URL":           func(o *Options) { o.BaseURL = "https://" + fakeToken + "\x7f" },
	} {
		o := ok
		change(&o)
		_, err := New(o)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
}

func TestRegionURL(t *testing.T) {
	for region, host := range map[string]string{"us": "api.intercom.io", "eu": "api.eu.intercom.io", "au": "api.au.intercom.io"} {
		got, err := RegionURL(region)
		u, perr := url.Parse(got)
		if err != nil || perr != nil || u.Host != host || u.Scheme != "https" {
			t.Errorf("%s: %s, %v", region, got, err)
		}
	}
	if _, err := RegionURL("mars"); err == nil || !strings.Contains(err.Error(), "us, eu or au") {
		t.Errorf("unknown region: %v, want an error that names the regions", err)
	}
}
