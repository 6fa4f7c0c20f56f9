package intercom

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
)

// Article is an article of the help centre.
type Article struct {
	ID          ID     `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Body        string `json:"body"` // HTML
	// State is published or draft. Only published ones have a URL.
	State     string `json:"state"`
	URL       string `json:"url"`
	AuthorID  ID     `json:"author_id"`
	ParentID  ID     `json:"parent_id"`
	CreatedAt Time   `json:"created_at"`
	UpdatedAt Time   `json:"updated_at"`
}

// Article reads an article, decoded and as Intercom sent it (GET /articles/{id}).
func (c *Client) Article(ctx context.Context, id string) (*Article, json.RawMessage, error) {
	r := request{method: http.MethodGet, endpoint: "/articles/{id}", ids: []string{id}}
	var article Article
	raw, err := c.call(ctx, r, &article)
	if err != nil {
		return nil, nil, err
	}
	if article.ID == "" {
		return nil, nil, c.unreadable(&r, http.StatusOK, "the answer is not an article", nil)
	}
	return &article, raw, nil
}

// Articles iterates over at most limit articles, or all without one (0), those that changed
// last first (GET /articles). An error ends it.
func (c *Client) Articles(ctx context.Context, limit int) iter.Seq2[Item[Article], error] {
	r := request{method: http.MethodGet, endpoint: "/articles"}
	return c.articles(ctx, r, limit, func(page []byte) ([]json.RawMessage, bool) { return list(page, "data") })
}

// SearchArticles finds at most limit published articles by words, or all without a limit (0),
// the best first (GET /articles/search). An error ends it.
func (c *Client) SearchArticles(ctx context.Context, phrase string, limit int) iter.Seq2[Item[Article], error] {
	r := request{
		method: http.MethodGet, endpoint: "/articles/search",
		query: url.Values{"phrase": {phrase}, "state": {"published"}},
	}
	return c.articles(ctx, r, limit, func(page []byte) ([]json.RawMessage, bool) {
		var answer struct {
			Data json.RawMessage `json:"data"`
		}
		_ = decode(page, &answer) // no list is in what is no object
		return list(answer.Data, "articles")
	})
}

// articles iterates over what the pages hold. They are followed as each page says: Intercom's
// description has cursors for articles, its answers addresses with numbers.
func (c *Client) articles(ctx context.Context, r request, limit int, in func(page []byte) ([]json.RawMessage, bool)) iter.Seq2[Item[Article], error] {
	return func(yield func(Item[Article], error) bool) {
		n := 0
		for page, err := range c.follow(ctx, r) {
			elements, ok := in(page)
			if err == nil && !ok {
				err = c.unreadable(&r, http.StatusOK, "the answer is not a list of articles", nil)
			}
			if err != nil {
				yield(Item[Article]{}, err)
				return
			}
			for _, raw := range elements {
				item := Item[Article]{Raw: raw}
				if decode(raw, &item.Value) != nil {
					continue
				}
				if !yield(item, nil) {
					return
				}
				if n++; n == limit {
					return
				}
			}
		}
	}
}
