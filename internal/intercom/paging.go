package intercom

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Item is one element of a list, decoded and as Intercom sent it.
type Item[T any] struct {
	Value T
	Raw   json.RawMessage
}

// Raws collects the items of an iteration as Intercom sent them. It is never nil without an
// error, so that no items are an empty list.
func Raws[T any](items iter.Seq2[Item[T], error]) ([]json.RawMessage, error) {
	all := []json.RawMessage{}
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		all = append(all, item.Raw)
	}
	return all, nil
}

// page is one page of a list.
type page struct {
	items []json.RawMessage
	pages pageInfo
}

type pageInfo struct {
	Page  int        `json:"page"`
	Total int        `json:"total_pages"`
	Next  pageCursor `json:"next"`
}

// pageCursor is where the next page begins. It is empty at the end, and where the next page is
// given as an address, as lists with page numbers do.
type pageCursor struct {
	StartingAfter ID `json:"starting_after"`
}

// UnmarshalJSON decodes leniently.
func (p *pageCursor) UnmarshalJSON(b []byte) error {
	type plain pageCursor
	*p = pageCursor{}
	return lenient(b, (*plain)(p))
}

// page makes a call that answers with a page of a list, which may be the whole list.
func (c *Client) page(ctx context.Context, r *request, keys ...string) (page, error) {
	body, status, err := c.do(ctx, r)
	if err != nil {
		return page{}, err
	}
	// Without a list the answer must not pass for an empty one: a directory would forget all.
	items, ok := list(body, keys...)
	if !ok {
		return page{}, c.unreadable(r, status, "the answer is not a list", nil)
	}
	var envelope struct {
		Pages pageInfo `json:"pages"`
	}
	_ = decode(body, &envelope) // a list without pages is all there is
	return page{items: items, pages: envelope.Pages}, nil
}

// pager knows how a list is cut into pages. A page has a token: a cursor or a page number;
// the first one has none.
type pager struct {
	keys []string // of the list in an answer
	// limit is the number of items that are wanted; without one (0 or less) it is all.
	limit int
	// at is the call for the page with a token.
	at func(token string) request
	// next is the token of the page after p, or "" when p is the last. token is p's own.
	next func(token string, p page) string
}

// items iterates over a list, page by page as the items are asked for. An error ends it.
func items[T any](ctx context.Context, c *Client, g pager) iter.Seq2[Item[T], error] {
	return func(yield func(Item[T], error) bool) {
		n, token, seen := 0, "", map[string]bool{}
		for {
			r := g.at(token)
			p, err := c.page(ctx, &r, g.keys...)
			if err != nil {
				yield(Item[T]{}, err)
				return
			}
			for _, raw := range p.items {
				item := Item[T]{Raw: raw}
				if decode(raw, &item.Value) != nil {
					continue
				}
				if !yield(item, nil) {
					return
				}
				if n++; n == g.limit {
					return
				}
			}
			if token = g.next(token, p); token == "" {
				return
			}
			if seen[token] {
				yield(Item[T]{}, &Error{
					Class: Permanent, Method: r.method, Endpoint: r.endpoint, Status: http.StatusOK,
					Message: "the list leads back to a page that it had before",
				})
				return
			}
			seen[token] = true
		}
	}
}

// nextCursor is the token of the next page where pages have cursors.
func nextCursor(_ string, p page) string { return string(p.pages.Next.StartingAfter) }

// nextNumber is the token of the next page where pages have numbers.
func nextNumber(token string, p page) string {
	n := max(p.pages.Page, 1)
	if own, err := strconv.Atoi(token); err == nil {
		n = own
	}
	if n >= p.pages.Total {
		return ""
	}
	return strconv.Itoa(n + 1)
}

// pageSize is how many items to ask for at once: no more than are wanted.
func pageSize(most, limit int) int {
	if limit > 0 {
		return min(most, limit)
	}
	return most
}

// cursorList iterates over a list whose pages are read with GET and a cursor. size is the
// number of items of a page.
func cursorList[T any](ctx context.Context, c *Client, endpoint string, size, limit int, keys ...string) iter.Seq2[Item[T], error] {
	return items[T](ctx, c, pager{
		keys: keys, limit: limit, next: nextCursor,
		at: func(cursor string) request {
			query := url.Values{"per_page": {strconv.Itoa(pageSize(size, limit))}}
			if cursor != "" {
				query.Set("starting_after", cursor)
			}
			return request{method: http.MethodGet, endpoint: endpoint, query: query}
		},
	})
}

// numberedList iterates over a list whose pages have numbers. r is the call without them.
func numberedList[T any](ctx context.Context, c *Client, r request, size, limit int, keys ...string) iter.Seq2[Item[T], error] {
	return items[T](ctx, c, pager{
		keys: keys, limit: limit, next: nextNumber,
		at: func(number string) request {
			numbered := r
			numbered.query = url.Values{"per_page": {strconv.Itoa(pageSize(size, limit))}, "page": {"1"}}
			for name, values := range r.query {
				numbered.query[name] = values
			}
			if number != "" {
				numbered.query.Set("page", number)
			}
			return numbered
		},
	})
}
