// Package console is the operators' side of Switchboard, served on the admin address: pages, the JSON API, health
// and metrics.
//
// Who may ask for what is one table (routes.go); everything passes the same gate (access.go, headers.go). A page and
// an address of the API are one question to package operations (pages.go), so there is nothing to see that a program
// could not ask for. What changes state are the operations, which the command line asks for as well
// (operations.go), and the forms of the pages that call the same functions (retry.go). The console keeps nothing:
// sessions are signed cookies, and hold on all replicas and after a restart.
package console

import (
	"context"
	"crypto/rand"
	"embed"
	"html/template"
	"log"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

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
	// Shadow tells what rules in shadow would have done since a time: of a workspace by its name, and of one
	// rule if it has a name.
	Shadow func(ctx context.Context, workspace, rule string, since time.Time) (*shadow.Report, error)
	// Reader answers what the pages about events, actions and timers ask, from Store.
	Reader operations.Reader
	Store  *store.Store
	// Retry does what the buttons of the page about actions say.
	Retry func(context.Context, *store.Store, operations.RetryRequest) (operations.RetryAnswer, error)
	// People are those who may come in now. Nil means that there are no tokens: then everybody on this machine
	// may do everything.
	People func() []Person
	// Secret signs sessions; the same on all replicas. Empty means one that ends with this process.
	Secret []byte
	// Proxies are networks of proxies that may say for whom they ask, beside this machine.
	Proxies []netip.Prefix
	// HideText keeps from the view role what customers wrote and what is known of them.
	HideText   bool
	Registerer prometheus.Registerer
	// Backfill answers requests to recover missed events.
	Backfill http.Handler
	Logger   *slog.Logger
}

//go:embed pages/*.html
var pagesHTML embed.FS

// Console is the handler of the admin address.
type Console struct {
	o       Options
	pages   *template.Template
	handler http.Handler
	secret  []byte
	limits  *limits
	refused *prometheus.CounterVec
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
	limits, err := newLimits()
	if err != nil {
		return nil, err
	}
	c := &Console{o: o, pages: pages, secret: o.Secret, limits: limits, refused: newRefused(o.Registerer)}
	if len(c.secret) == 0 {
		c.secret = make([]byte, 32)
		_, _ = rand.Read(c.secret) // never fails
	}
	c.handler, err = c.build()
	return c, err
}

func newRefused(reg prometheus.Registerer) *prometheus.CounterVec {
	refused := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "switchboard_console_refused_logins_total",
		Help: "Tokens that the console refused, by reason: wrong, or limited (too many wrong ones before).",
	}, []string{"reason"})
	for _, reason := range []string{"wrong", "limited"} {
		refused.WithLabelValues(reason)
	}
	return refused
}

// Handler answers what comes to the admin address.
func (c *Console) Handler() http.Handler { return c.handler }

func (c *Console) errorLog() *log.Logger {
	return slog.NewLogLogger(c.o.Logger.Handler(), slog.LevelError)
}

// health says that the process answers, nothing more: restarting it would not help when the
// disk is full.
func (c *Console) health(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte("ok\n"))
	return err
}

// ready says whether events should be sent here, and every check behind that.
func (c *Console) ready(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	answer := struct {
		Ready  bool    `json:"ready"`
		Checks []Check `json:"checks"`
	}{true, c.o.Checks(ctx)}
	for _, check := range answer.Checks {
		answer.Ready = answer.Ready && (check.OK || check.Advisory)
	}
	if !answer.Ready {
		return answerJSON(w, http.StatusServiceUnavailable, answer)
	}
	return answerJSON(w, http.StatusOK, answer)
}

func (c *Console) status(w http.ResponseWriter, r *http.Request) error {
	st, err := c.o.Status(r.Context())
	if err != nil {
		return err
	}
	if c.hides(r.Context()) {
		st.Dead, st.Parked = withoutErrors(st.Dead), withoutErrors(st.Parked)
	}
	return c.show(w, "status.html", struct {
		Status
		shell
	}{st, c.shell(r)})
}

// withoutErrors hides what Intercom said of actions: it may repeat what was sent.
func withoutErrors(actions []store.Action) []store.Action {
	hidden := slices.Clone(actions)
	for i := range hidden {
		hidden[i].Error = hiddenText
	}
	return hidden
}
