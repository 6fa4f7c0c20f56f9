package intercom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// pageAnswers answers each call with the next of the bodies, and with the last one again.
func pageAnswers(t *testing.T, bodies ...string) *recorder {
	t.Helper()
	n := 0
	return record(t, func(w http.ResponseWriter, r *http.Request) {
		body := bodies[min(n, len(bodies)-1)]
		n++
		answerWith(200, body)(w, r)
	})
}

// pageOf is a page with contacts of these ids; next is JSON.
func pageOf(next string, ids ...string) string {
	items := make([]string, len(ids))
	for i, id := range ids {
		items[i] = fmt.Sprintf(`{"id":%q,"extra":true}`, id)
	}
	return fmt.Sprintf(`{"data":[%s],"pages":{"next":%s}}`, strings.Join(items, ","), next)
}

func cursor(s string) string { return fmt.Sprintf(`{"page":2,"starting_after":%q}`, s) }

// idsOf are the ids of the items of an iteration that ends with an error or not.
func idsOf(t *testing.T, c *Client, limit int) ([]string, error) {
	t.Helper()
	var ids []string
	for item, err := range c.ListContacts(t.Context(), limit) {
		if err != nil {
			return ids, err
		}
		if !strings.Contains(string(item.Raw), `"extra":true`) {
			t.Errorf("the item as it was sent is %s", item.Raw)
		}
		ids = append(ids, string(item.Value.ID))
	}
	return ids, nil
}

func uris(rec *recorder) []string {
	var all []string
	for _, r := range rec.all() {
		all = append(all, r.uri)
	}
	return all
}

func TestPaging_follows_cursors_to_the_end(t *testing.T) {
	for name, end := range map[string]string{
		"null": `null`, "no cursor": `{"page":3}`, "an empty cursor": `{"starting_after":""}`, "nothing": `{}`, "an address": `"https://api.test/?page=3"`,
	} {
		t.Run(name, func(t *testing.T) {
			rec := pageAnswers(t, pageOf(cursor("a+/="), "1", "2"), pageOf(cursor("b")), pageOf(end, "3"))
			ids, err := idsOf(t, rec.client(t), 0)
			if err != nil || !slices.Equal(ids, []string{"1", "2", "3"}) {
				t.Errorf("ids %q, %v", ids, err)
			}
			want := []string{"/contacts?per_page=50", "/contacts?per_page=50&starting_after=a%2B%2F%3D", "/contacts?per_page=50&starting_after=b"}
			if got := uris(rec); !slices.Equal(got, want) {
				t.Errorf("asked for %q, want %q", got, want)
			}
		})
	}
}

func TestPaging_a_list_without_pages_is_all_there_is(t *testing.T) {
	for _, answer := range []string{`[{"id":"1","extra":true}]`, `{"data":[{"id":"1","extra":true}]}`, `{"data":[{"id":"1","extra":true}],"pages":null}`} {
		rec := pageAnswers(t, answer)
		if ids, err := idsOf(t, rec.client(t), 0); err != nil || !slices.Equal(ids, []string{"1"}) || len(rec.all()) != 1 {
			t.Errorf("%s: ids %q, %v after %d calls", answer, ids, err, len(rec.all()))
		}
	}
}

func TestPaging_stops_at_the_limit_and_asks_for_no_more(t *testing.T) {
	pages := []string{pageOf(cursor("a"), "1", "2"), pageOf(cursor("b"), "3", "4"), pageOf("null", "5")}
	for limit, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3, 0: 3, -1: 3} {
		rec := pageAnswers(t, pages...)
		ids, err := idsOf(t, rec.client(t), limit)
		if err != nil || (limit > 0 && len(ids) != min(limit, 5)) || (limit <= 0 && len(ids) != 5) {
			t.Errorf("limit %d: ids %q, %v", limit, ids, err)
		}
		if got := len(rec.all()); got != want {
			t.Errorf("limit %d: %d calls, want %d", limit, got, want)
		}
	}
}

func TestPaging_a_cursor_that_comes_again_is_refused_for_good(t *testing.T) {
	for name, pages := range map[string][]string{
		"at once":        {pageOf(cursor("a"), "1")},
		"after a circle": {pageOf(cursor("a"), "1"), pageOf(cursor("b"), "2"), pageOf(cursor("c"), "3"), pageOf(cursor("a"), "4")},
	} {
		t.Run(name, func(t *testing.T) {
			rec := pageAnswers(t, pages...)
			ids, err := idsOf(t, rec.client(t), 0)
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Class != Permanent || e.Endpoint != "/contacts" {
				t.Errorf("ids %q, %v; want it refused for good", ids, err)
			}
			if got := len(rec.all()); got > len(pages)+1 {
				t.Errorf("%d calls", got)
			}
		})
	}
}

func TestPaging_an_error_ends_the_iteration(t *testing.T) {
	n := 0
	rec := record(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			answerWith(200, pageOf(cursor("a"), "1"))(w, r)
			return
		}
		answerWith(404, `{"errors":[{"code":"not_found"}]}`)(w, r)
	})
	ids, err := idsOf(t, rec.client(t), 0)
	if !NotFound(err) || !slices.Equal(ids, []string{"1"}) {
		t.Errorf("ids %q, %v", ids, err)
	}
	if raws, err := Raws(rec.client(t).ListContacts(t.Context(), 0)); raws != nil || !NotFound(err) {
		t.Errorf("collected %s, %v", raws, err)
	}
	_, err = idsOf(t, pageAnswers(t, `{"data":"none"}`).client(t), 0)
	if ClassOf(err) != Retry {
		t.Errorf("an answer without a list: %v", err)
	}
}

func TestPaging_the_caller_may_stop_and_begin_anew(t *testing.T) {
	rec := record(t, answerWith(200, pageOf(cursor("a"), "1", "2")))
	contacts := rec.client(t).ListContacts(t.Context(), 0)
	for range 2 {
		for item, err := range contacts {
			if err != nil || item.Value.ID != "1" {
				t.Errorf("%+v, %v", item, err)
			}
			break
		}
	}
	if got := uris(rec); !slices.Equal(got, []string{"/contacts?per_page=50", "/contacts?per_page=50"}) {
		t.Errorf("asked for %q", got)
	}
}

func TestPaging_the_end_of_the_context_ends_the_iteration(t *testing.T) {
	rec := record(t, answerWith(200, pageOf(cursor("a"), "1")))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range rec.client(t).ListContacts(ctx, 0) {
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) || len(rec.all()) != 1 {
		t.Errorf("%v after %d calls", last, len(rec.all()))
	}
}

func TestPaging_Raws_of_nothing_is_an_empty_list(t *testing.T) {
	raws, err := Raws(record(t, answerWith(200, emptyList)).client(t).ListContacts(t.Context(), 0))
	if text, _ := json.Marshal(raws); err != nil || string(text) != "[]" {
		t.Errorf("%s, %v", text, err)
	}
}

func TestPaging_numbers_go_on_until_the_last_page(t *testing.T) {
	company := func(page, total int) string {
		return fmt.Sprintf(`{"data":[{"id":"%d"}],"pages":{"next":"https://api.test/?page=9","page":%d,"total_pages":%d}}`, page, page, total)
	}
	for name, tt := range map[string]struct {
		answers []string
		limit   int
		want    []string
	}{
		"three pages":        {[]string{company(1, 3), company(2, 3), company(3, 3)}, 0, []string{"page=1", "page=2", "page=3"}},
		"one page":           {[]string{company(1, 1)}, 0, []string{"page=1"}},
		"no numbers":         {[]string{`{"data":[]}`}, 0, []string{"page=1"}},
		"a limit":            {[]string{company(1, 3), company(2, 3), company(3, 3)}, 2, []string{"page=1", "page=2"}},
		"always page one":    {[]string{company(1, 3)}, 0, []string{"page=1", "page=2", "page=3"}},
		"fewer than thought": {[]string{company(1, 3), company(2, 2)}, 0, []string{"page=1", "page=2"}},
	} {
		t.Run(name, func(t *testing.T) {
			rec := pageAnswers(t, tt.answers...)
			if err := drain(rec.client(t).ListCompanies(t.Context(), tt.limit)); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, uri := range uris(rec) {
				_, query, _ := strings.Cut(uri, "?")
				page, size, _ := strings.Cut(query, "&")
				if want := fmt.Sprintf("per_page=%d", pageSize(companiesPage, tt.limit)); size != want {
					t.Errorf("%s, want %s", size, want)
				}
				got = append(got, page)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("asked for %q, want %q", got, tt.want)
			}
		})
	}
}
