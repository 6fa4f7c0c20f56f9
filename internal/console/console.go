// Package console is the operators' side of Switchboard: the status page, health and
// metrics, served on the admin address. They show state and change none. What changes state are the
// operations (operations.go), which the command line asks for.
package console

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"switchboard/internal/diag"
	"switchboard/internal/intercom"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/shadow"
	"switchboard/internal/store"
)

// Status is what the status page shows.
type Status struct {
	Version string
	Started time.Time

	Workspaces []Workspace // one, or several

	Store  store.Stats
	Dead   []store.Action // the newest dead letters
	Parked []store.Action
}

// Alarming tells whether somebody should look.
func (s Status) Alarming() bool {
	return slices.ContainsFunc(s.Workspaces, func(w Workspace) bool { return w.Trouble != "" || len(w.Rejected) > 0 || len(w.Paused) > 0 })
}

// Workspace is what the status page shows of a workspace.
type Workspace struct {
	Name string // empty when there is only one
	ID   string // app id; empty until Intercom has been reached
	// Trouble is what keeps actions from being sent, in words; empty when all is well.
	Trouble string

	Ruleset  string // hash
	LoadedAt time.Time
	Rules    []rules.Info
	// Counts are how often each rule had each result (rules.Results) since the start.
	Counts map[string]map[string]int
	// Paused are the rules that are paused by their limit, and until when.
	Paused map[string]time.Time
	// Rejected are the problems of a rules file that was not taken over at a reload; empty
	// when the rules in use are those on disk.
	Rejected []diag.Problem

	// Timers are those that are due next, Waiting is how many wait for each rule, and Plan what the
	// last change of rules did to them.
	Timers  []Timer
	Waiting map[string]int
	Plan    TimerPlan

	Budget intercom.BudgetState
}

// Timer is a run of a rule that waits, and what would end its waiting.
type Timer struct {
	store.Timer
	After    string // what the rule waits for, such as "15m of support"
	CancelOn []string
}

// TimerPlan is what a change of rules did to timers.
type TimerPlan struct {
	At    time.Time // zero: there was none
	Lines []string
}

// Check is one condition for being ready.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail says what is wrong, or in what state something is.
	Detail string `json:"detail,omitempty"`
	// Advisory checks are shown and do not decide: the service takes events without them.
	Advisory bool `json:"advisory,omitempty"`
}

// Options are the sources of what the console shows.
type Options struct {
	Status   func(context.Context) (Status, error)
	Checks   func(context.Context) []Check
	Gatherer prometheus.Gatherer
	// Operations are what may be asked for, by name.
	Operations map[string]Operation
	// Long are those that take their time.
	Long map[string]LongOperation
	// Shadow tells what rules in shadow would have done since a time: of a workspace by its name, and of one
	// rule if it has a name.
	Shadow func(ctx context.Context, workspace, rule string, since time.Time) (*shadow.Report, error)
	// Reader answers what the pages about events, actions and timers ask, from Store.
	Reader operations.Reader
	Store  *store.Store
	// Retry does what the buttons of the page about actions say.
	Retry func(context.Context, *store.Store, operations.RetryRequest) (operations.RetryAnswer, error)
	// Token, if set, must be sent as a bearer token or as the password of basic
	// authentication with everything but /healthz and /readyz.
	Token string
	// Backfill answers requests to recover missed events.
	Backfill http.Handler
	Logger   *slog.Logger
}

//go:embed pages/*.html
var pagesHTML embed.FS

//go:embed static
var staticFiles embed.FS

// Console is the handler of the admin address.
type Console struct {
	o     Options
	pages *template.Template
}

// New makes the console.
func New(o Options) (*Console, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	pages, err := template.New("").Funcs(words).ParseFS(pagesHTML, "pages/*.html")
	if err != nil {
		return nil, err
	}
	return &Console{o: o, pages: pages}, nil
}

// Handler returns the routes.
func (c *Console) Handler() http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", c.health)
	r.Get("/readyz", c.ready)
	r.Group(func(r chi.Router) {
		r.Use(c.authenticate)
		r.Get("/", c.handle(c.status))
		r.Method(http.MethodGet, "/static/*", static())
		c.routePages(r)
		r.With(http.NewCrossOriginProtection().Handler).Post("/actions/retry", c.handle(c.retry))
		r.Get("/shadow", c.handle(c.shadow))
		r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(c.o.Gatherer, promhttp.HandlerOpts{
			ErrorLog: slog.NewLogLogger(c.o.Logger.Handler(), slog.LevelError), EnableOpenMetrics: true,
		}))
		if c.o.Backfill != nil {
			r.Method(http.MethodPost, "/api/v1/backfill", http.NewCrossOriginProtection().Handler(c.o.Backfill))
		}
		r.With(http.NewCrossOriginProtection().Handler).Post("/api/v1/{operation}", c.handle(c.operate))
	})
	return r
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

// health says that the process answers, nothing more: restarting it would not help when the
// disk is full.
func (c *Console) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// ready says whether events should be sent here, and every check behind that.
func (c *Console) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	answer := struct {
		Ready  bool    `json:"ready"`
		Checks []Check `json:"checks"`
	}{true, c.o.Checks(ctx)}
	for _, check := range answer.Checks {
		answer.Ready = answer.Ready && (check.OK || check.Advisory)
	}
	w.Header().Set("Content-Type", "application/json")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (c *Console) status(w http.ResponseWriter, r *http.Request) error {
	st, err := c.o.Status(r.Context())
	if err != nil {
		return err
	}
	return c.show(w, http.StatusOK, "status.html", st)
}

// authenticate asks for the token, if there is one.
func (c *Console) authenticate(next http.Handler) http.Handler {
	if c.o.Token == "" {
		return next
	}
	// Hashes have one length, so comparing them tells nothing about the token's.
	want := sha256.Sum256([]byte(c.o.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			_, given, _ = r.BasicAuth()
		}
		got := sha256.Sum256([]byte(given))
		if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="switchboard", charset="UTF-8"`)
			http.Error(w, "send the admin token (SWITCHBOARD_ADMIN_TOKEN) as a bearer token or as the password", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
