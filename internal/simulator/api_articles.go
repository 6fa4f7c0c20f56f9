package simulator

import (
	"net/http"
	"slices"
	"time"
)

func listArticles(c *call) (any, error) {
	p, err := c.numberedPage(25)
	if err != nil {
		return nil, err
	}
	all := c.space.articles.matching(func(*Article) bool { return true })
	slices.Reverse(all)
	shown, pages := takeNumbered(c, all, p)
	return map[string]any{"type": "list", "pages": pages, "total_count": len(all), "data": c.showArticles(shown)}, nil
}

func (c *call) showArticles(list []*Article) []articleJSON {
	out := make([]articleJSON, 0, len(list))
	for _, a := range list {
		out = append(out, c.space.articleJSON(a, false))
	}
	return out
}

// searchArticles finds the articles that have every word of a phrase. Passages are never
// marked, whatever highlight says.
func searchArticles(c *call) (any, error) {
	query := c.r.URL.Query()
	state := query.Get("state")
	if state != "" && state != "all" && state != "published" && state != "draft" {
		return nil, invalid("state", "state must be published, draft or all")
	}
	p, err := c.numberedPage(10)
	if err != nil {
		return nil, err
	}
	found := c.space.articles.matching(func(a *Article) bool {
		return (state == "" || state == "all" || a.State == state) && a.matches(query.Get("phrase"))
	})
	shown, pages := takeNumbered(c, found, p)
	return map[string]any{
		"type": "list", "total_count": len(found), "pages": pages,
		"data": map[string]any{"articles": c.showArticles(shown), "highlights": []any{}},
	}, nil
}

func (c *call) article() (*Article, error) {
	a := c.space.articles.byID[c.param("id")]
	if a == nil {
		return nil, errNoResource
	}
	return a, nil
}

func getArticle(c *call) (any, error) {
	a, err := c.article()
	if err != nil {
		return nil, err
	}
	return c.space.articleJSON(a, true), nil
}

// articleInput is what a request says of an article.
type articleInput struct {
	Title       given[string]  `json:"title"`
	Description given[string]  `json:"description"`
	Body        given[string]  `json:"body"`
	AuthorID    given[givenID] `json:"author_id"`
	State       given[string]  `json:"state"`
	ParentID    given[int]     `json:"parent_id"`
}

func (in *articleInput) check(w *workspace) error {
	switch state := in.State.value; {
	case state != "" && state != "published" && state != "draft":
		return invalid("state", "state must be published or draft")
	case in.AuthorID.set && w.admins.byID[string(in.AuthorID.value)] == nil:
		return errNoAdmin
	}
	return nil
}

func (in *articleInput) into(a *Article, now time.Time) {
	in.Title.into(&a.Title)
	in.Description.into(&a.Description)
	in.Body.into(&a.Body)
	in.State.into(&a.State)
	in.ParentID.into(&a.ParentID)
	if in.AuthorID.set {
		a.AuthorID = string(in.AuthorID.value)
	}
	a.UpdatedAt = now
}

func createArticle(c *call) (any, error) {
	var in articleInput
	if err := c.read(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Title.value == "":
		return nil, missing("title")
	case !in.AuthorID.set:
		return nil, &apiError{
			status: http.StatusBadRequest, code: "parameter_not_found",
			message: "author_id must be in the main body or default locale translated_content object",
		}
	}
	if err := in.check(&c.space); err != nil {
		return nil, err
	}
	article := Article{State: "draft", CreatedAt: c.now}
	in.into(&article, c.now)
	made := c.addArticle(article)
	c.entry.Effect = EffectArticle
	c.notifyArticle(made, "created")
	if made.State == "published" {
		c.notifyArticle(made, "published")
	}
	return c.space.articleJSON(made, true), nil
}

func updateArticle(c *call) (any, error) {
	var in articleInput
	if err := c.read(&in); err != nil {
		return nil, err
	}
	a, err := c.article()
	if err != nil {
		return nil, err
	}
	if err := in.check(&c.space); err != nil {
		return nil, err
	}
	before := a.State
	in.into(a, c.now)
	c.entry.Effect = EffectArticle
	c.notifyArticle(a, "updated")
	switch {
	case before == a.State:
	case a.State == "published":
		c.notifyArticle(a, "published")
	default:
		c.notifyArticle(a, "unpublished")
	}
	return c.space.articleJSON(a, true), nil
}

func deleteArticle(c *call) (any, error) {
	a, err := c.article()
	if err != nil {
		return nil, err
	}
	c.space.articles.remove(a.ID)
	c.entry.Effect = EffectDelete
	c.notifyArticle(a, "deleted")
	return map[string]any{"id": a.ID, "object": "article", "deleted": true}, nil
}

func (c *call) notifyArticle(a *Article, what string) {
	c.tell(c.now, true, "article/"+a.ID, "", c.space.articleJSON(a, false), "article."+what)
}
