package doctor

import (
	"context"
	"net/http"
	"sync"
	"time"

	"switchboard/internal/intercom"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
	"switchboard/internal/workspace"
)

// Patient is the set-up that is looked at.
type Patient struct {
	// Version is that of this program.
	Version string
	// Settings are the mistakes in the settings, each as a sentence.
	Settings []string
	// SecretFiles are the files that hold secrets, by the setting that names each.
	SecretFiles map[string]string
	// Database is the URL of the database, and Admin the address of the service's console.
	Database, Admin string
	// Ask asks the service for its diagnosis or, when none runs, the database.
	Ask func(context.Context) (operations.Diagnosis, error)
	// PublicURL is the address that Intercom sends to; may be empty.
	PublicURL string
	// Transport reaches PublicURL; nil is the usual one.
	Transport http.RoundTripper
	// Now is the time; nil is time.Now.
	Now func() time.Time

	Workspaces []*Workspace

	diagnosis asked[operations.Diagnosis]
}

// Workspace is a workspace of the set-up.
type Workspace struct {
	Name  string // empty when there is only one
	ID    string // app id; empty for whichever the token belongs to
	Rules []string
	// Region is the one in the settings; empty if they name an address instead.
	Region string
	// Client makes a client for a region, or for the address in the settings if it is empty; nil when there is
	// no access token.
	Client func(region string) (*intercom.Client, error)

	home   asked[home]
	loaded asked[rules.Report]
	known  asked[*workspace.Snapshot]
}

// home is the workspace as its token finds it.
type home struct {
	me     *intercom.Me
	took   time.Duration
	client *intercom.Client
}

// asked is something that is found out once, by whoever needs it first, and for all.
type asked[T any] struct {
	once  sync.Once
	ready chan struct{}
	value T
	err   error
}

// answerWithin is less than a check may take, so that what hangs is told by name.
const answerWithin = patience - 500*time.Millisecond

// get finds it out, or waits for who does.
func (a *asked[T]) get(ctx context.Context, find func(context.Context) (T, error)) (T, error) {
	a.once.Do(func() {
		a.ready = make(chan struct{})
		go func() {
			defer close(a.ready)
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
			defer cancel()
			a.value, a.err = find(ctx)
		}()
	})
	select {
	case <-a.ready:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func (p *Patient) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// told is the diagnosis.
func (p *Patient) told(ctx context.Context) (operations.Diagnosis, error) {
	return p.diagnosis.get(ctx, p.Ask)
}

// report are the rules on disk and what check finds in them.
func (w *Workspace) report(ctx context.Context) rules.Report {
	r, _ := w.loaded.get(ctx, func(context.Context) (rules.Report, error) { return rules.Check(w.Rules), nil })
	return r
}

// at asks who the token belongs to.
func (w *Workspace) at(ctx context.Context) (home, error) {
	return w.home.get(ctx, func(ctx context.Context) (home, error) { return w.ask(ctx, "") })
}

func (w *Workspace) ask(ctx context.Context, region string) (home, error) {
	client, err := w.Client(region)
	if err != nil {
		return home{}, err
	}
	began := time.Now()
	me, err := client.Me(ctx)
	return home{me: me, took: time.Since(began), client: client}, err
}

// snapshot are the names of the workspace.
func (w *Workspace) snapshot(ctx context.Context) (*workspace.Snapshot, error) {
	return w.known.get(ctx, func(ctx context.Context) (*workspace.Snapshot, error) {
		client, err := w.Client("")
		if err != nil {
			return nil, err
		}
		s, _, err := workspace.Read(ctx, client, time.Now())
		return s, err
	})
}

// eachWorkspace makes a check of one about a workspace, which is not made without a token.
func eachWorkspace(look func(context.Context, *Patient, *Workspace) []Finding) func(context.Context, *Patient) []Finding {
	return func(ctx context.Context, p *Patient) (found []Finding) {
		for _, w := range p.Workspaces {
			one := []Finding{unknown("secrets")}
			if w.Client != nil {
				one = look(ctx, p, w)
			}
			found = append(found, named(w.Name, one)...)
		}
		return found
	}
}

// eachServed makes a check of one about what is known of a workspace at the service.
func eachServed(look func(context.Context, *Patient, operations.Diagnosis, operations.WorkspaceHealth) []Finding) func(context.Context, *Patient) []Finding {
	return func(ctx context.Context, p *Patient) (found []Finding) {
		d, err := p.told(ctx)
		if err != nil || len(d.Workspaces) == 0 {
			return []Finding{unknown("service")}
		}
		for _, w := range d.Workspaces {
			name := w.Name
			if name == "" && len(d.Workspaces) > 1 {
				name = w.ID
			}
			found = append(found, named(name, look(ctx, p, d, w))...)
		}
		return found
	}
}

func named(workspace string, found []Finding) []Finding {
	for i := range found {
		found[i].Workspace = workspace
	}
	return found
}

// local is the workspace of the settings that the service means; nil if there is none.
func (p *Patient) local(of operations.WorkspaceHealth) *Workspace {
	for _, w := range p.Workspaces {
		if len(p.Workspaces) == 1 || w.ID == of.ID && w.ID != "" || w.Name == of.Name && w.Name != "" {
			return w
		}
	}
	return nil
}
