package console

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// route is one thing that can be asked for: who may is to be read here and decided nowhere else.
type route struct {
	method, path string
	needs        Role
	do           func(http.ResponseWriter, *http.Request) error
}

// routes is the whole of the admin address. What a page shows is for View, what changes something is for
// Operate; Open is for what tells nothing of the state. A new page is a line here. A route without a
// role is refused by New.
func (c *Console) routes() []route {
	list := []route{
		{http.MethodGet, "/healthz", Open, c.health},
		{http.MethodGet, "/readyz", Open, c.ready},
		{http.MethodGet, "/static/*", Open, c.static},
		{http.MethodGet, "/login", Open, c.loginPage},
		{http.MethodPost, "/login", Open, c.login},

		{http.MethodGet, "/", View, c.status},
		{http.MethodGet, "/shadow", View, c.shadow},
		{http.MethodGet, "/metrics", View, c.metrics()},
		{http.MethodPost, "/logout", View, c.logout},
	}
	for _, p := range pages() {
		list = append(list, route{http.MethodGet, p.path, View, c.showPage(p)}, route{http.MethodGet, "/api/v1" + p.path, View, c.answerPage(p)})
	}
	list = append(list, route{http.MethodPost, "/actions/retry", Operate, c.retry})
	if c.o.Backfill != nil {
		list = append(list, route{http.MethodPost, "/api/v1/backfill", Operate, plain(c.o.Backfill)})
	}
	for _, name := range slices.Sorted(maps.Keys(c.o.Operations)) {
		list = append(list, route{http.MethodPost, "/api/v1/" + name, c.o.Operations[name].Needs, c.operation(c.o.Operations[name])})
	}
	return append(list, route{http.MethodPost, "/api/v1/{operation}", View, noOperation})
}

// build makes the handler of the routes. Everything passes the same gate in the same order: headers, who it
// is and what they may, whether their browser was sent by another site.
func (c *Console) build() (http.Handler, error) {
	r := chi.NewRouter()
	r.Use(c.headers)
	for _, one := range c.routes() {
		if one.needs.rank() < 0 {
			return nil, fmt.Errorf("the route %s %s does not say which role it needs", one.method, one.path)
		}
		r.Method(one.method, one.path, c.handle(func(w http.ResponseWriter, r *http.Request) error {
			r, ok := c.admit(w, r, one.needs)
			if !ok || !c.sameSite(w, r) {
				return nil
			}
			return one.do(w, r)
		}))
	}
	return r, nil
}

// handle turns an error into an answer. The caller learns nothing but that there was one;
// the log has it.
func (c *Console) handle(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil && !errors.Is(err, context.Canceled) {
			c.o.Logger.ErrorContext(r.Context(), "console request failed", "path", r.URL.Path, "err", err)
			http.Error(w, "internal error", http.StatusInternalServerError)
		}
	}
}

func (c *Console) metrics() func(http.ResponseWriter, *http.Request) error {
	return plain(promhttp.HandlerFor(c.o.Gatherer, promhttp.HandlerOpts{ErrorLog: c.errorLog(), EnableOpenMetrics: true}))
}

// plain is a handler of the standard library as one of ours.
func plain(h http.Handler) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}
