package simulator

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
)

// Intercom has two kinds of list. Those of things that come and go quickly (conversations,
// tickets, contacts) go on at a cursor, which names the last one shown, so that new ones do
// not shift the pages; the rest have page numbers. Both show the newest first where order
// is not said otherwise.

// cursorPage is the page that a call asks for of a list by cursor.
type cursorPage struct {
	page, perPage int
	after         int // number of the last one shown; 0 for the first page
}

// pageSize are the usual and the greatest number of items on a page.
type pageSize struct{ usual, most int }

var (
	conversationPages = pageSize{usual: 20, most: 150}
	ticketPages       = pageSize{usual: 20, most: 150}
	contactPages      = pageSize{usual: 50, most: 150}
)

// cursorPage reads the parameters of a list by cursor.
func (c *call) cursorPage(size pageSize) (cursorPage, error) {
	query := c.r.URL.Query()
	p := cursorPage{page: 1, perPage: size.usual}
	if given := query.Get("per_page"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil {
			n = 0 // which is out of bounds
		}
		p.perPage = n
	}
	return p.checked(size, query.Get("starting_after"))
}

// checked looks at the size of a page and reads the cursor.
func (p cursorPage) checked(size pageSize, after string) (cursorPage, error) {
	if p.perPage < 1 || p.perPage > size.most {
		return p, invalid("per_page", "per_page must be between 1 and %d", size.most)
	}
	if after == "" {
		return p, nil
	}
	var ok bool
	if p.page, p.after, ok = readCursor(after); !ok {
		return p, invalid("starting_after", "starting_after is not a cursor of this list")
	}
	return p, nil
}

func writeCursor(page, after int) string {
	return base64.URLEncoding.EncodeToString([]byte(strconv.Itoa(page) + " " + strconv.Itoa(after)))
}

func readCursor(s string) (page, after int, ok bool) {
	text, err := base64.URLEncoding.DecodeString(s)
	if err != nil {
		return 0, 0, false
	}
	first, second, _ := strings.Cut(string(text), " ")
	page, err = strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	after, err = strconv.Atoi(second)
	return page, after, err == nil && page > 1 && after > 0
}

// cursorPagesJSON is the key "pages" of a list by cursor. There is no next on the last page.
type cursorPagesJSON struct {
	Type       string          `json:"type"`
	Next       *nextCursorJSON `json:"next,omitempty"`
	Page       int             `json:"page"`
	PerPage    int             `json:"per_page"`
	TotalPages int             `json:"total_pages"`
}

type nextCursorJSON struct {
	Page          int    `json:"page"`
	PerPage       int    `json:"per_page"`
	StartingAfter string `json:"starting_after"`
}

// takePage picks the page of those that fit, newest first.
func takePage[T any](t *table[T], p cursorPage, fits func(*T) bool) (items []*T, total int, pages cursorPagesJSON) {
	last, more := 0, false
	for number, v := range t.newest() {
		if !fits(v) {
			continue
		}
		total++
		switch {
		case p.after > 0 && number >= p.after:
		case len(items) < p.perPage:
			items, last = append(items, v), number
		default:
			more = true
		}
	}
	pages = cursorPagesJSON{Type: "pages", Page: p.page, PerPage: p.perPage, TotalPages: pageCount(total, p.perPage)}
	if more {
		pages.Next = &nextCursorJSON{Page: p.page + 1, PerPage: p.perPage, StartingAfter: writeCursor(p.page+1, last)}
	}
	return items, total, pages
}

func pageCount(total, perPage int) int { return (total + perPage - 1) / perPage }

// numberedPage is the page that a call asks for of a list with page numbers.
type numberedPage struct{ page, perPage int }

// maxNumbered is how many items a numbered page has at most.
const maxNumbered = 60

// numberedPage reads the parameters of a list with page numbers, in the address or, for the
// few lists that are asked for with POST, in the body.
func (c *call) numberedPage(usual int) (numberedPage, error) {
	p := numberedPage{page: 1, perPage: usual}
	query := c.r.URL.Query()
	for name, v := range map[string]*int{"page": &p.page, "per_page": &p.perPage} {
		given := query.Get(name)
		if given == "" {
			continue
		}
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n > 1_000_000 {
			return p, invalid(name, "%s must be a positive number", name)
		}
		*v = n
	}
	if p.perPage > maxNumbered {
		return p, invalid("per_page", "per_page must be between 1 and %d", maxNumbered)
	}
	return p, nil
}

// numberedPagesJSON is the key "pages" of a list with page numbers.
type numberedPagesJSON struct {
	Type       string `json:"type"`
	Next       any    `json:"next"`
	Page       int    `json:"page"`
	PerPage    int    `json:"per_page"`
	TotalPages int    `json:"total_pages"`
}

// takeNumbered picks the page; one past the end is empty.
func takeNumbered[T any](c *call, all []T, p numberedPage) ([]T, numberedPagesJSON) {
	total := len(all)
	pages := numberedPagesJSON{Type: "pages", Page: p.page, PerPage: p.perPage, TotalPages: pageCount(total, p.perPage)}
	if p.page < pages.TotalPages {
		pages.Next = c.address(p.page+1, p.perPage)
	}
	return all[min((p.page-1)*p.perPage, total):min(p.page*p.perPage, total)], pages
}

// address is this call's own, for another page, with the name that the simulator goes by.
func (c *call) address(page, perPage int) string {
	query := c.r.URL.Query()
	query.Set("page", strconv.Itoa(page))
	query.Set("per_page", strconv.Itoa(perPage))
	u := url.URL{Scheme: "http", Host: c.r.Host, Path: c.r.URL.Path, RawQuery: query.Encode()}
	if c.r.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}
