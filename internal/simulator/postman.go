package simulator

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"switchboard/internal/webhook"
)

// postman takes notifications to the endpoint.
type postman struct {
	url, secret string
	client      *http.Client
	options     DeliveryOptions
	log         *slog.Logger
	wake        chan struct{}
	deliveries  sync.WaitGroup

	mu           sync.Mutex
	random       *random
	running      bool
	held         bool
	unreachable  bool
	first        []*outgoing            // due, and to go before those in ready
	ready        []*outgoing            // due, oldest first
	later        []*outgoing            // by due time
	blocked      map[string][]*outgoing // due, but another of the subject is under way (PerSubject)
	busy         map[string]bool        // subjects with one under way
	underWay     int
	pending      int           // all that is not settled
	idle         chan struct{} // closed when pending is 0
	made         int
	subscription subscription
	ledger       ledger[Delivery]
}

func newPostman(o Options, log *slog.Logger) *postman {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	if o.HTTP != nil {
		own := *o.HTTP
		client = &own
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := &postman{
		url: o.WebhookURL, secret: o.Secret, client: client, options: o.Delivery.withDefaults(), log: log,
		wake: make(chan struct{}, 1), random: newRandom(o.Seed, "deliveries"),
		blocked: make(map[string][]*outgoing), busy: make(map[string]bool), idle: make(chan struct{}),
		ledger: ledger[Delivery]{limit: o.JournalCap},
	}
	close(p.idle)
	return p
}

// post takes a new notification over and returns it as it will travel.
func (p *postman) post(n Notification) Notification {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.options.NoIDRate > 0 && p.random.Float64() < p.options.NoIDRate {
		n.ID = ""
	}
	o := &outgoing{Notification: n}
	if p.options.Jitter > 0 {
		o.due = time.Now().Add(time.Duration(p.random.Int64N(int64(p.options.Jitter))))
	}
	if p.url != "" {
		p.enqueue(o)
		p.nudge()
	}
	return n
}

func (p *postman) send(o *outgoing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enqueue(o)
	p.nudge()
}

func (p *postman) enqueue(o *outgoing) {
	if p.pending == 0 {
		p.idle = make(chan struct{})
	}
	p.pending++
	p.made++
	o.number = p.made
	if o.due.IsZero() {
		p.ready = append(p.ready, o)
	} else {
		p.putLater(o)
	}
}

// putLater keeps p.later in the order of the due times.
func (p *postman) putLater(o *outgoing) {
	i, _ := slices.BinarySearchFunc(p.later, o, func(a, b *outgoing) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.number, b.number))
	})
	p.later = slices.Insert(p.later, i, o)
}

// take is the next notification that is due; nil when none is.
func (p *postman) take() *outgoing {
	queue := &p.first
	if len(*queue) == 0 {
		queue = &p.ready
	}
	if len(*queue) == 0 {
		return nil
	}
	o := (*queue)[0]
	(*queue)[0] = nil
	*queue = (*queue)[1:]
	return o
}

// settled notes that one notification needs no more attempts.
func (p *postman) settled() {
	if p.pending--; p.pending == 0 {
		close(p.idle)
	}
}

func (p *postman) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *postman) wait(ctx context.Context) error {
	p.mu.Lock()
	idle := p.idle
	p.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *postman) hold(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held && !on {
		p.ready, p.first = append(p.first, p.ready...), nil
		slices.SortFunc(p.ready, func(a, b *outgoing) int { return cmp.Compare(b.number, a.number) })
	}
	p.held = on
	p.nudge()
}

// request sends the notification and returns the status of the answer.
func (p *postman) request(ctx context.Context, o *outgoing) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	if p.cutOff() {
		return 0, errUnreachable
	}
	body := o.envelope(o.attempts, o.firstSent)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "intercom-parrot-service-client/1.0")
	req.Header.Set(webhook.SignatureHeader, webhook.Sign(p.secret, body))
	return p.status(req)
}

var errUnreachable = errors.New("the endpoint cannot be reached")

func (p *postman) cutOff() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unreachable
}

func (p *postman) head(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, p.url, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", "intercom-parrot-service-client/1.0")
	return p.status(req)
}

func (p *postman) status(req *http.Request) (int, error) {
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()                                //nolint:errcheck // only read from
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) //nolint:errcheck // the status was the answer
	return resp.StatusCode, nil
}
