package intercom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// workspace is the names of a workspace behind a transport, for use in a bubble.
type workspace struct {
	mu      sync.Mutex
	admins  []map[string]any
	teams   []map[string]any
	tags    []map[string]any
	more    map[string]any // the answers to other calls, such as "GET /ticket_types"
	latency time.Duration
	fail    int // status that every call is answered with; 0: none
	calls   map[string]int
}

func newWorkspace() *workspace {
	return &workspace{
		calls: map[string]int{},
		admins: []map[string]any{
			{"id": "11", "name": "Ada King", "email": "Ada@example.test"},
			{"id": 12, "name": "Grace Hopper", "email": "grace@example.test", "has_inbox_seat": false},
			{"id": "13", "name": "Kim", "email": "kim@example.test"},
			{"id": "14", "name": " kim ", "email": "kim2@example.test"},
			{"id": "15", "name": "11", "email": "eleven@example.test"},
		},
		teams: []map[string]any{{"id": "21", "name": "Finance"}, {"id": "22", "name": "Support"}},
		tags:  []map[string]any{{"id": "31", "name": "VIP"}, {"id": "32", "name": "31"}},
	}
}

func (w *workspace) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := pause(r.Context(), w.latency); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	call := r.Method + " " + r.URL.RequestURI()
	w.calls[call]++
	answer, status := w.more[call], 200
	switch call {
	case "GET /admins":
		answer = map[string]any{"type": "admin.list", "admins": w.admins}
	case "GET /teams":
		answer = map[string]any{"type": "team.list", "teams": w.teams}
	case "GET /tags":
		answer = map[string]any{"type": "list", "data": w.tags}
	case "GET /me":
		answer = map[string]any{"type": "admin", "id": "11", "app": map[string]any{"id_code": "abc"}}
	case "POST /tags":
		var in struct{ Name string }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &in)
		answer = w.upsert(in.Name)
	default:
		if answer == nil {
			status = 404
		}
	}
	if w.fail != 0 {
		status, answer = w.fail, nil
	}
	body, _ := json.Marshal(answer)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

func (w *workspace) upsert(name string) map[string]any {
	for _, tag := range w.tags {
		if strings.EqualFold(tag["name"].(string), name) {
			return tag
		}
	}
	tag := map[string]any{"id": fmt.Sprint(100 + len(w.tags)), "name": name}
	w.tags = append(w.tags, tag)
	return tag
}

func (w *workspace) called(call string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[call]
}

func (w *workspace) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *workspace) directory(t *testing.T) *Directory {
	t.Helper()
	return NewDirectory(newTestClient(t, Options{BaseURL: "https://api.test", HTTP: httpClient(w)}), DirectoryOptions{})
}

func TestDirectory_finds_by_id_email_and_name(t *testing.T) {
	d := newWorkspace().directory(t)
	ctx := t.Context()
	for ref, want := range map[string]ID{
		"11": "11", "12": "12", "ada@example.test": "11", " ADA@EXAMPLE.TEST ": "11",
		"Ada King": "11", "ada king": "11", "GRACE HOPPER\n": "12", "kim@example.test": "13", "15": "15",
	} {
		got, err := d.Admin(ctx, ref)
		if err != nil || got.ID != want {
			t.Errorf("admin %q: %q, %v; want %q", ref, got.ID, err, want)
		}
	}
	for ref, want := range map[string]ID{"21": "21", "finance": "21", "SUPPORT": "22"} {
		got, err := d.Team(ctx, ref)
		if err != nil || got.ID != want {
			t.Errorf("team %q: %q, %v; want %q", ref, got.ID, err, want)
		}
	}
	// A tag's name may look like the id of another.
	for ref, want := range map[string]ID{"vip": "31", "31": "32"} {
		got, err := d.Tag(ctx, ref)
		if err != nil || got.ID != want {
			t.Errorf("tag %q: %q, %v; want %q", ref, got.ID, err, want)
		}
	}
}

func TestDirectory_unknown_and_ambiguous_names(t *testing.T) {
	d := newWorkspace().directory(t)
	ctx := t.Context()
	for ref, closest := range map[string]string{
		"Ada Kind": "Ada King", "grace@exmaple.test": "grace@example.test", "Zebediah": "", "": "",
	} {
		_, err := d.Admin(ctx, ref)
		e, ok := errors.AsType[*NotFoundError](err)
		if !ok || e.Kind != "admin" || e.Name != ref || e.Closest != closest || ClassOf(err) != Permanent {
			t.Errorf("admin %q: %#v of class %v, want not found, closest %q", ref, err, ClassOf(err), closest)
		}
		if closest != "" && !strings.Contains(err.Error(), "did you mean") {
			t.Errorf("%q suggests nothing", err)
		}
	}
	if _, err := d.Team(ctx, "Finanse"); err == nil || !strings.Contains(err.Error(), `did you mean "Finance"?`) {
		t.Errorf("team: %v", err)
	}
	_, err := d.Admin(ctx, "Kim")
	e, ok := errors.AsType[*AmbiguousError](err)
	if !ok || !slices.Equal(e.IDs, []string{"13", "14"}) || ClassOf(err) != Permanent {
		t.Errorf("Kim: %v, want both ids named", err)
	}
	if err != nil && (!strings.Contains(err.Error(), "13") || !strings.Contains(err.Error(), "14")) {
		t.Errorf("%q does not list the ids", err)
	}
}

func TestDirectory_a_misspelt_name_makes_at_most_one_call_a_minute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace()
		w.latency = 50 * time.Millisecond
		d := w.directory(t)
		ask := func() {
			t.Helper()
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if _, err := d.Team(t.Context(), "Finanse"); ClassOf(err) != Permanent {
						t.Errorf("error %v", err)
					}
				})
			}
			wg.Wait()
		}
		ask()
		if n := w.called("GET /teams"); n != 1 {
			t.Errorf("%d calls for the first 100, want 1", n)
		}
		time.Sleep(30 * time.Second)
		ask()
		if n := w.called("GET /teams"); n != 1 {
			t.Errorf("%d calls within a minute, want 1", n)
		}
		time.Sleep(31 * time.Second)
		ask()
		if n := w.called("GET /teams"); n != 2 {
			t.Errorf("%d calls after a minute, want 2", n)
		}
		// Somebody mends the name in Intercom: seen at the next look.
		w.set(func() { w.teams = append(w.teams, map[string]any{"id": "23", "name": "Finanse"}) })
		time.Sleep(time.Minute)
		if team, err := d.Team(t.Context(), "Finanse"); err != nil || team.ID != "23" {
			t.Errorf("new team: %+v, %v", team, err)
		}
	})
}

func TestDirectory_lists_are_kept_for_their_time_and_longer_when_refreshing_fails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace()
		d := w.directory(t)
		ctx := t.Context()
		find := func(want int) {
			t.Helper()
			for range 3 {
				if team, err := d.Team(ctx, "Finance"); err != nil || team.ID != "21" {
					t.Errorf("team %+v, %v", team, err)
				}
			}
			if n := w.called("GET /teams"); n != want {
				t.Errorf("%d calls, want %d", n, want)
			}
		}
		find(1)
		time.Sleep(9 * time.Minute)
		find(1)
		time.Sleep(2 * time.Minute)
		find(2)
		w.set(func() { w.fail = 503 })
		time.Sleep(11 * time.Minute)
		find(3) // fails, and the old names serve
		time.Sleep(59 * time.Second)
		find(3)
		time.Sleep(2 * time.Second)
		find(4)
		// But an unknown name is not called unknown while the list cannot be read.
		if _, err := d.Team(ctx, "Sales"); ClassOf(err) != Retry {
			t.Errorf("unknown team: %v of class %v, want to be tried again", err, ClassOf(err))
		}
		w.set(func() { w.fail = 0 })
		time.Sleep(time.Minute)
		find(6)
	})
}

func TestDirectory_without_a_list_the_failure_is_the_answer(t *testing.T) {
	w := newWorkspace()
	w.fail = 401
	d := w.directory(t)
	for _, ask := range []func() error{
		func() error { _, err := d.Admin(t.Context(), "Ada King"); return err },
		func() error { _, err := d.Tag(t.Context(), "VIP"); return err },
		func() error { _, _, err := d.TagIfExists(t.Context(), "VIP"); return err },
		func() error { _, err := d.Me(t.Context()); return err },
	} {
		if err := ask(); ClassOf(err) != Credential {
			t.Errorf("%v of class %v, want credential", err, ClassOf(err))
		}
	}
}

func TestDirectory_a_tag_is_created_once_by_many_at_the_same_time(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace()
		w.latency = 50 * time.Millisecond
		d := w.directory(t)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				name := []string{"Refund", "refund", " REFUND "}[i%3]
				tag, err := d.Tag(t.Context(), name)
				if err != nil || tag.ID != "102" {
					t.Errorf("%q: %+v, %v", name, tag, err)
				}
			})
		}
		wg.Wait()
		if n, m := w.called("GET /tags"), w.called("POST /tags"); n != 1 || m != 1 {
			t.Errorf("%d lists and %d creations, want 1 of each", n, m)
		}
		if tag, ok, err := d.TagIfExists(t.Context(), "refund"); !ok || err != nil || tag.ID != "102" {
			t.Errorf("TagIfExists: %+v, %v, %v", tag, ok, err)
		}
	})
}

func TestDirectory_a_tag_that_the_list_has_by_now_is_not_added_twice(t *testing.T) {
	d := newWorkspace().directory(t)
	if _, err := d.Tag(t.Context(), "VIP"); err != nil {
		t.Fatal(err)
	}
	// As when the list is read again between creating a tag and noting it.
	d.tags.add("vip", Tag{ID: "31", Name: "vip"})
	if tag, err := d.Tag(t.Context(), "VIP"); err != nil || tag.ID != "31" {
		t.Errorf("%+v, %v; want no ambiguity", tag, err)
	}
}

func TestDirectory_TagIfExists_creates_nothing(t *testing.T) {
	w := newWorkspace()
	d := w.directory(t)
	if _, ok, err := d.TagIfExists(t.Context(), "Refund"); ok || err != nil {
		t.Errorf("found %v, %v", ok, err)
	}
	if n := w.called("POST /tags"); n != 0 {
		t.Errorf("%d creations", n)
	}
}

func TestDirectory_RecheckTag_creates_a_deleted_tag_anew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace()
		d := w.directory(t)
		ctx := t.Context()
		tag, err := d.Tag(ctx, "VIP")
		if err != nil {
			t.Fatal(err)
		}
		w.set(func() { w.tags = nil })
		time.Sleep(2 * time.Minute)
		fresh, err := d.RecheckTag(ctx, tag)
		if err != nil || fresh.ID == tag.ID || w.called("POST /tags") != 1 {
			t.Errorf("got %+v, %v after %d creations; want a new tag", fresh, err, w.called("POST /tags"))
		}
		again, err := d.RecheckTag(ctx, fresh)
		if err != nil || again.ID != fresh.ID {
			t.Errorf("got %+v, %v; want the same tag", again, err)
		}
	})
}

func TestDirectory_a_caller_that_gives_up_leaves_the_others_their_call(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace()
		w.latency = time.Second
		d := w.directory(t)
		first, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error, 1)
		go func() { _, err := d.Team(first, "Finance"); gaveUp <- err }()
		synctest.Wait()
		served := make(chan error, 1)
		go func() { _, err := d.Team(t.Context(), "Finance"); served <- err }()
		synctest.Wait()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("first: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("second: %v", err)
		}
		if n := w.called("GET /teams"); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
	})
}

func TestDirectory_I4_calls_of_its_own_are_not_the_callers_attempt(t *testing.T) {
	d := newWorkspace().directory(t)
	ctx := WithTrace(t.Context(), &Trace{BeforeSend: func(_ context.Context, method, path string) error {
		t.Errorf("%s %s is recorded as the attempt of an action", method, path)
		return nil
	}})
	if _, err := d.Tag(ctx, "Brand new"); err != nil {
		t.Fatal(err)
	}
}

func TestDirectory_Me_is_kept_when_refreshing_fails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkspace()
		var logs bytes.Buffer
		d := NewDirectory(newTestClient(t, Options{BaseURL: "https://api.test", HTTP: httpClient(w)}), DirectoryOptions{
			TTL: 5 * time.Minute, Logger: slog.New(slog.NewTextHandler(&logs, nil)),
		})
		me := func(want int) {
			t.Helper()
			got, err := d.Me(t.Context())
			if err != nil || got.ID != "11" || got.App.IDCode != "abc" {
				t.Errorf("me %+v, %v", got, err)
			}
			if n := w.called("GET /me"); n != want {
				t.Errorf("%d calls, want %d", n, want)
			}
		}
		me(1)
		time.Sleep(4 * time.Minute)
		me(1)
		w.set(func() { w.fail = 500 })
		time.Sleep(2 * time.Minute)
		me(2)
		me(2)
		if !strings.Contains(logs.String(), "list=me") {
			t.Errorf("the failure is not logged: %s", logs.String())
		}
		time.Sleep(61 * time.Second)
		me(3)
	})
}

func TestClosest(t *testing.T) {
	known := []string{"Finance", "Support", "VIP", "priority", ""}
	for in, want := range map[string]string{
		"Finanse": "Finance", "finance": "Finance", "Suport": "Support", "VPI": "VIP", "Priorty": "priority",
		"x": "", "completely different": "", "": "",
	} {
		if got := closest(in, known); got != want {
			t.Errorf("closest(%q) = %q, want %q", in, got, want)
		}
	}
}
