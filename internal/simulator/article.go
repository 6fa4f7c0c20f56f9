package simulator

import (
	"cmp"
	"strings"
	"time"
)

// Article is a page of the help center.
type Article struct {
	// ID is given by AddArticle when it is empty.
	ID                       string
	Title, Description, Body string // Body is HTML
	// AuthorID is an admin's; the token's own when empty.
	AuthorID string
	// State is "published" or "draft"; "published" when empty.
	State                string
	ParentID             int // a collection's; 0 for none
	CreatedAt, UpdatedAt time.Time
}

// AddArticle adds an article and returns its id.
func (s *Simulator) AddArticle(a Article) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addArticle(a).ID
}

func (s *Simulator) addArticle(a Article) *Article {
	if a.ID == "" {
		a.ID = s.ids.article()
	}
	a.AuthorID = cmp.Or(a.AuthorID, s.space.tokenAdmin)
	a.State = cmp.Or(a.State, "published")
	if a.CreatedAt.IsZero() {
		a.CreatedAt = time.Now()
	}
	if a.UpdatedAt.IsZero() {
		a.UpdatedAt = a.CreatedAt
	}
	s.space.articles.put(a.ID, &a)
	return &a
}

// Articles returns all articles in the order in which they were made.
func (s *Simulator) Articles() []Article {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Article
	for a := range s.space.articles.all {
		out = append(out, *a)
	}
	return out
}

// matches tells whether every word of a phrase is in the article.
func (a *Article) matches(phrase string) bool {
	all := strings.ToLower(a.Title + " " + a.Description + " " + plainText(a.Body))
	for word := range strings.FieldsSeq(strings.ToLower(phrase)) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}

type articleJSON struct {
	Type        string         `json:"type"`
	ID          string         `json:"id"`
	WorkspaceID string         `json:"workspace_id"`
	ParentID    any            `json:"parent_id"`
	ParentType  any            `json:"parent_type"`
	ParentIDs   []int          `json:"parent_ids"`
	Statistics  map[string]any `json:"statistics,omitempty"`
	Tags        tagListJSON    `json:"tags"`
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Body        string         `json:"body"`
	AuthorID    any            `json:"author_id"`
	State       string         `json:"state"`
	CreatedAt   int64          `json:"created_at"`
	UpdatedAt   int64          `json:"updated_at"`
	URL         any            `json:"url"`
}

// articleJSON shows an article; alone it comes with its statistics. A draft has no address.
func (w *workspace) articleJSON(a *Article, alone bool) articleJSON {
	out := articleJSON{
		Type: "article", ID: a.ID, WorkspaceID: w.appID, ParentIDs: []int{}, Tags: w.plainTagList(nil), Title: a.Title,
		Description: a.Description, Body: a.Body, AuthorID: number(a.AuthorID), State: a.State,
		CreatedAt: a.CreatedAt.Unix(), UpdatedAt: a.UpdatedAt.Unix(),
	}
	if a.ParentID != 0 {
		out.ParentID, out.ParentType, out.ParentIDs = a.ParentID, "collection", []int{a.ParentID}
	}
	if a.State == "published" {
		words := strings.FieldsFunc(strings.ToLower(a.Title), func(r rune) bool { return r < '0' || r > '9' && r < 'a' || r > 'z' })
		out.URL = "https://help.acme.test/en/articles/" + a.ID + "-" + strings.Join(words, "-")
	}
	if alone {
		out.Statistics = map[string]any{
			"type": "article_statistics", "views": 0, "conversations": 0, "reactions": 0, "happy_reaction_percentage": 0,
			"neutral_reaction_percentage": 0, "sad_reaction_percentage": 0,
		}
	}
	return out
}
