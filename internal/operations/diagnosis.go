package operations

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"switchboard/internal/store"
)

// DiagnosisRequest asks for what there is to know about the health of a set-up.
type DiagnosisRequest struct{}

// Diagnosis is what a service, or whoever opens its database, tells of its health: figures and names of rules,
// no secrets and nothing of customers. "switchboard doctor" says what is to be thought of it.
type Diagnosis struct {
	// Running tells whether a service said it; without one, what only a service knows is missing.
	Running bool      `json:"running"`
	Version string    `json:"version"`
	Started time.Time `json:"started,omitzero"`
	Now     time.Time `json:"now"` // on the clock that everybody goes by

	Database DatabaseHealth `json:"database"`
	Disk     *DiskSpace     `json:"disk,omitempty"`  // of the folder of the file
	Files    *FileLimit     `json:"files,omitempty"` // of the service's process
	Waiting  Waiting        `json:"waiting"`
	Replicas []Replica      `json:"replicas,omitempty"`
	// Webhooks are the requests that came in since the start, by result, as in switchboard_webhooks_total.
	Webhooks map[string]int64 `json:"webhooks,omitempty"`

	Workspaces []WorkspaceHealth `json:"workspaces"`
}

// DatabaseHealth is what the database tells of itself.
type DatabaseHealth struct {
	Kind         string  `json:"kind"` // sqlite or postgres
	Path         string  `json:"path"`
	Bytes        int64   `json:"bytes"`
	LogBytes     int64   `json:"log_bytes,omitempty"` // of the write-ahead log, which is beside it
	Schema       int     `json:"schema"`
	SchemaKnown  int     `json:"schema_known"` // by the program
	WriteSeconds float64 `json:"write_seconds"`
	// AheadSeconds is how far its clock is ahead of that of the machine which asked.
	AheadSeconds float64 `json:"ahead_seconds,omitempty"`
	// Error says why it cannot be written to or read; empty if it can.
	Error string `json:"error,omitempty"`
}

// DiskSpace is what is left on a file system.
type DiskSpace struct {
	Path       string `json:"path"`
	FreeBytes  int64  `json:"free_bytes"`
	Bytes      int64  `json:"bytes"`
	FreeInodes int64  `json:"free_inodes"`
	Inodes     int64  `json:"inodes"` // 0 where they are not counted
}

// FileLimit is how many files and connections a process has open, and may have.
type FileLimit struct {
	Open int64 `json:"open"`
	Most int64 `json:"most"`
}

// Waiting is what waits for the service, or for a person.
type Waiting struct {
	Events        int       `json:"events"`
	OldestEvent   time.Time `json:"oldest_event,omitzero"`
	Actions       int       `json:"actions"`
	OldestAction  time.Time `json:"oldest_action,omitzero"`
	Dead          int       `json:"dead"`
	Parked        int       `json:"parked"`
	Held          int       `json:"held"`
	TimersOverdue int       `json:"timers_overdue"`
	OldestTimer   time.Time `json:"oldest_timer,omitzero"` // when the first of the overdue ones was due
}

// Replica is one of those that share the database.
type Replica struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Ruleset string    `json:"ruleset"`
	SeenAt  time.Time `json:"seen_at"`
	Self    bool      `json:"self,omitempty"` // the one that said so
}

// WorkspaceHealth is what is known of a workspace.
type WorkspaceHealth struct {
	Name string `json:"name,omitempty"`
	ID   string `json:"id,omitempty"` // app id; empty until Intercom has been reached
	// Trouble is what keeps actions from being sent; empty when nothing does.
	Trouble string `json:"trouble,omitempty"`

	Ruleset  string    `json:"ruleset,omitempty"`
	LoadedAt time.Time `json:"loaded_at,omitzero"`
	// Rejected are the problems of rules on disk that were not taken over.
	Rejected []string `json:"rejected,omitempty"`
	// Paused are the rules that are paused by their limit, and until when.
	Paused map[string]time.Time `json:"paused,omitempty"`
	// AheadSeconds is how far Intercom's clock is ahead of the service's.
	AheadSeconds float64 `json:"ahead_seconds,omitempty"`

	Arrivals Arrivals `json:"arrivals"`
	// SearchedThrough is up to when missed events were looked for.
	SearchedThrough time.Time `json:"searched_through,omitzero"`
}

// Arrivals are what came in of late, as in store.Arrivals.
type Arrivals struct {
	Notifications     int                  `json:"notifications"`
	Since             time.Time            `json:"since,omitzero"`
	Last              time.Time            `json:"last,omitzero"`
	LongestGapSeconds float64              `json:"longest_gap_seconds,omitempty"`
	Topics            map[string]time.Time `json:"topics,omitempty"`
	Recovered         int                  `json:"recovered,omitempty"`
	LastRecovered     time.Time            `json:"last_recovered,omitzero"`
}

// Diagnostician makes a diagnosis. What a running service knows beside its database is in the fields, which
// are empty when none runs.
type Diagnostician struct {
	Running bool
	Version string
	Started time.Time
	// Workspaces are those that are served, as far as the service knows.
	Workspaces func(context.Context) ([]WorkspaceHealth, error)
	// Process is what the service counts.
	Process func() (webhooks map[string]int64, files *FileLimit)
}

// overdue is how long a timer may be due before it counts as overdue: it is decided within a second, unless
// its conversation has something before it.
const overdue = 2 * time.Minute

// Diagnose looks at everything. That the database does not answer is part of what it finds.
func (d Diagnostician) Diagnose(ctx context.Context, s *store.Store, _ DiagnosisRequest) (Diagnosis, error) {
	out := Diagnosis{Running: d.Running, Version: d.Version, Started: d.Started.UTC(), Now: s.Now().UTC()}
	out.Database = databaseHealth(ctx, s)
	if !s.Shared() {
		out.Disk = Disk(filepath.Dir(s.Path()))
	}
	if d.Process != nil {
		out.Webhooks, out.Files = d.Process()
	}
	all, self := s.Replicas()
	for _, r := range all {
		out.Replicas = append(out.Replicas, Replica{r.Name, r.Version, r.Ruleset, r.SeenAt.UTC(), r.ID == self})
	}
	var err1, err2 error
	out.Waiting, err1 = waiting(ctx, s)
	out.Workspaces, err2 = d.workspaces(ctx, s)
	if err := errors.Join(err1, err2); err != nil && out.Database.Error == "" {
		out.Database.Error = err.Error()
	}
	return out, ctx.Err()
}

func databaseHealth(ctx context.Context, s *store.Store) DatabaseHealth {
	h, err := s.Health(ctx)
	out := DatabaseHealth{
		Kind: h.Kind, Path: h.Path, Bytes: h.Bytes, LogBytes: h.LogBytes, Schema: h.Schema, SchemaKnown: h.Known,
		WriteSeconds: h.WriteTook.Seconds(), AheadSeconds: h.Ahead.Seconds(),
	}
	if err != nil {
		out.Error = err.Error()
	}
	return out
}

func waiting(ctx context.Context, s *store.Store) (Waiting, error) {
	st, err := s.Stats(ctx)
	if err != nil {
		return Waiting{}, err
	}
	n, oldest, err := s.OverdueTimers(ctx, s.Now().Add(-overdue))
	return Waiting{
		Events: st.EventsWaiting, OldestEvent: st.OldestEvent, Actions: st.ActionsWaiting, OldestAction: st.OldestAction,
		Dead: st.Dead, Parked: st.Parked, Held: st.Held, TimersOverdue: n, OldestTimer: oldest,
	}, err
}

// workspaces are those that the service serves or, without one, those that the database was used for.
func (d Diagnostician) workspaces(ctx context.Context, s *store.Store) (list []WorkspaceHealth, err error) {
	if d.Workspaces != nil {
		list, err = d.Workspaces(ctx)
	} else {
		var ids []string
		ids, err = s.ServedWorkspaces(ctx)
		for _, id := range ids {
			list = append(list, WorkspaceHealth{ID: id})
		}
	}
	for i := range list {
		if err == nil && list[i].ID != "" {
			err = arrived(ctx, s, &list[i])
		}
	}
	return list, err
}

// arrived adds what the store knows of a workspace.
func arrived(ctx context.Context, s *store.Store, w *WorkspaceHealth) error {
	a, err := s.Arrivals(ctx, w.ID)
	if err != nil {
		return err
	}
	w.Arrivals = Arrivals{
		Notifications: a.Notifications, Since: a.Since, Last: a.Last, LongestGapSeconds: a.LongestGap.Seconds(), Topics: a.Topics,
		Recovered: a.Recovered, LastRecovered: a.LastRecovered,
	}
	r, _, err := s.RecoveryOf(ctx, w.ID)
	w.SearchedThrough = r.Watermark
	return err
}
