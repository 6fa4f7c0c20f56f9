package webhook

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// noteEvery is how often one kind of trouble is logged. The endpoint is open to the internet,
// and a full disk fails every request: the metrics count them all, the log needs to say it
// only now and then.
const noteEvery = 10 * time.Second

// notes writes the log.
type notes struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds map[result]*kind
}

type kind struct {
	next       time.Time
	suppressed int
}

func newNotes(log *slog.Logger) *notes {
	return &notes{log: log, kinds: map[result]*kind{}}
}

// trouble logs a request that was not taken, unless one of its kind was logged just before.
func (n *notes) trouble(level slog.Level, r result, message string, attrs ...slog.Attr) {
	n.mu.Lock()
	k := n.kinds[r]
	if k == nil {
		k = &kind{}
		n.kinds[r] = k
	}
	now := time.Now()
	if now.Before(k.next) {
		k.suppressed++
		n.mu.Unlock()
		return
	}
	suppressed := k.suppressed
	k.suppressed, k.next = 0, now.Add(noteEvery)
	n.mu.Unlock()
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("not_logged", suppressed))
	}
	n.log.LogAttrs(context.Background(), level, message, attrs...)
}

// routine logs what happens all the time.
func (n *notes) routine(ctx context.Context, message, id, topic, subject string) {
	if n.log.Enabled(ctx, slog.LevelDebug) {
		n.log.LogAttrs(ctx, slog.LevelDebug, message,
			slog.String("notification", id), slog.String("topic", topic), slog.String("subject", subject))
	}
}

// afterStored logs what went wrong when an event had already been stored.
func (n *notes) afterStored(id string, err error) {
	n.log.LogAttrs(context.Background(), slog.LevelError, "event is stored, but telling so failed",
		slog.String("notification", id), slog.Any("err", err))
}
