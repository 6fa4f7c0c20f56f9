// Package simulator is an Intercom that lives in memory and behaves like the real one.
//
// A Simulator is one workspace: conversations, tickets, contacts, companies, teammates, teams,
// tags, articles and custom attributes. People
// do things in it (CustomerStarts, AdminReplies, AdminCloses and so on) and programs do
// things through its REST API (Handler); both change the same state, and every change makes
// the notifications that Intercom makes, several for one part where Intercom sends several.
// Run signs and delivers them with Intercom's manners: five seconds to answer, one more
// attempt after a minute, throttled by a 429, switched off by a 410. The API counts calls in
// ten-second windows and refuses what is over the limit, and it fails on demand: before the
// effect, after it, with a reset, a hang, or an answer that cannot be read.
//
// The API serves what Endpoints lists, in the form of version 2.14, and refuses what Intercom
// refuses, with its error codes. Not simulated are segments, subscription types, news, calls,
// custom objects and help center collections; a new contact is found by searches at once, and
// the time zone of the workspace is UTC.
//
// What the simulator saw is what tests are checked against: Journal has every API call in
// the order in which the calls took effect, Deliveries every attempt to deliver a
// notification, Windows the use of every rate-limit window. Ids, faults and traffic come
// from one seed: the same calls in the same order give the same workspace.
//
// Nothing survives the process, on purpose. Time is time.Now and timers throughout, and
// PipeListener is a network without sockets, so all of it runs inside a testing/synctest
// bubble (make the Simulator and the PipeListener inside it), where days pass in milliseconds.
package simulator

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Options are the settings of a simulated workspace. The zero value of a field is a usable
// default, except that without a Token no call is accepted and without a WebhookURL no
// notification is delivered.
type Options struct {
	// Token is the access token that the API accepts.
	Token string
	// Secret is the client secret that notifications are signed with.
	Secret string
	// AppID is the code of the workspace, as in app_id and in GET /me; "demo1234" when empty.
	AppID string
	// Admin is the teammate whom the token belongs to (GET /me); it is made with the
	// workspace. Default: "Ops Bot", ops-bot@acme.test.
	Admin Admin

	// WebhookURL is where notifications go, HTTP the client that takes them there (nil: one
	// with its own connections).
	WebhookURL string
	HTTP       *http.Client
	// Delivery tunes how notifications are delivered; the zero value is Intercom's way.
	Delivery DeliveryOptions
	// Topics are the topics that the app has subscribed to; nil means every topic. "ping" is
	// always subscribed.
	Topics []string
	// Old makes notifications in the shape of API 1.x: user, assignee, conversation_message,
	// and no app_package_code.
	Old bool
	// NoEcho keeps calls of the API from making notifications. Intercom makes them.
	NoEcho bool
	// AppPackageCode is the code that parts made through the API carry; "switchboard-sim"
	// when empty.
	AppPackageCode string
	// ReplyAssigns gives an unassigned conversation to the teammate who answers first, also
	// when answering through the API: one part of type "assignment" that holds the text. It
	// is a setting of real workspaces.
	ReplyAssigns bool
	// RateLimit is how many calls a window of ten seconds allows; 0 means 1667, which is
	// Intercom's default of 10,000 a minute.
	RateLimit int
	// Region is where the workspace is hosted, as GET /me says: US, EU or AU; "US" when empty.
	Region string
	// Skew is how far its clock is ahead of this machine's, in the Date of its answers and the end of
	// its rate-limit windows; negative when it is behind.
	Skew time.Duration
	// Faults are what goes wrong from the start; SetFaults changes them.
	Faults Faults

	// Seed is where all randomness comes from.
	Seed uint64
	// JournalCap bounds how many entries Journal, Deliveries, Notifications and Windows keep
	// each (the newest); 0 keeps everything.
	JournalCap int
	// KeepConversations bounds how many conversations there are: beyond it the oldest closed
	// ones are forgotten. 0 keeps everything.
	KeepConversations int
	// OnCall hears of every API call as it is answered; nil means nobody does.
	OnCall func(Entry)
	// Logger hears of deliveries that failed; nil means nobody does.
	Logger *slog.Logger
}

// The defaults of Options.
const (
	DefaultAppID          = "demo1234"
	DefaultAppPackageCode = "switchboard-sim"
	DefaultRateLimit      = 1667
)

// Simulator is a simulated Intercom workspace. Make one with New. It is safe for use by
// several goroutines.
type Simulator struct {
	options Options
	log     *slog.Logger
	topics  map[string]bool // nil: all
	mail    *postman
	routes  http.Handler
	closed  chan struct{}
	closing sync.Once

	// mu guards all below. An API call is counted, judged, carried out and written into the
	// journal under one lock, so that the journal's order is the order of the effects.
	mu            sync.Mutex
	ids           *idSource
	requests      *random // request ids
	space         workspace
	window        rateWindow
	faults        *faultPlan
	outage        bool
	quiet         bool // nobody is told of anything
	journal       ledger[Entry]
	windows       ledger[WindowUse]
	notifications ledger[Notification]
	messages      ledger[Message]
	jobs          ledger[job]
	companyScroll scroll
}

// New makes a workspace with nobody in it but the admin whom the token belongs to.
func New(o Options) *Simulator {
	if o.AppID == "" {
		o.AppID = DefaultAppID
	}
	if o.Region == "" {
		o.Region = "US"
	}
	if o.AppPackageCode == "" {
		o.AppPackageCode = DefaultAppPackageCode
	}
	if o.Admin.Name == "" && o.Admin.Email == "" {
		o.Admin.Name, o.Admin.Email = "Ops Bot", "ops-bot@acme.test"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Simulator{
		options:       o,
		log:           o.Logger.With("component", "simulator"),
		closed:        make(chan struct{}),
		ids:           newIDSource(o.Seed),
		requests:      newRandom(o.Seed, "requests"),
		space:         newWorkspace(),
		faults:        newFaultPlan(o.Seed, o.Faults),
		journal:       ledger[Entry]{limit: o.JournalCap},
		windows:       ledger[WindowUse]{limit: o.JournalCap},
		notifications: ledger[Notification]{limit: o.JournalCap},
		messages:      ledger[Message]{limit: o.JournalCap},
		jobs:          ledger[job]{limit: o.JournalCap},
	}
	s.window.setLimit(o.RateLimit)
	if o.Topics != nil {
		s.topics = make(map[string]bool, len(o.Topics))
		for _, topic := range o.Topics {
			s.topics[topic] = true
		}
	}
	s.space.appID = o.AppID
	addTicketStates(&s.space)
	s.space.bot = Author{Type: "bot", ID: s.ids.admin(), Name: "Fin", Email: "operator+" + o.AppID + "@intercom.io"}
	s.space.tokenAdmin = s.AddAdmin(o.Admin)
	s.mail = newPostman(o, s.log)
	s.routes = s.router()
	return s
}

// Handler serves the REST API, as https://api.intercom.io does (paths begin at "/").
func (s *Simulator) Handler() http.Handler { return s.routes }

// Close ends Run, Live and every answer that hangs. It may be called more than once.
func (s *Simulator) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		if s.options.HTTP == nil {
			s.mail.client.CloseIdleConnections()
		}
	})
	return nil
}

// Outage switches a full outage of the API on or off: every call is answered with 503 and a
// page that is not JSON, without rate-limit headers and without any effect. Notifications go
// on; HoldDeliveries stops those.
func (s *Simulator) Outage(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outage = on
}

// SetRateLimit changes how many calls a window allows, from this moment on; 0 means the
// default.
func (s *Simulator) SetRateLimit(calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.window.setLimit(calls)
}

// SetFaults replaces all faults, scripted ones (FaultNext) included. Its random choices
// start from the seed again.
func (s *Simulator) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = newFaultPlan(s.options.Seed, f)
}

// FaultNext scripts a fault for the next call that it fits: it strikes once, whatever its
// Rate and Times say. Several wait in the order given, before all other faults.
func (s *Simulator) FaultNext(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.script = append(s.faults.script, f)
}

// ErrNotFound is wrapped by the errors of everything that people do to a conversation, a
// contact, a teammate or a tag that the workspace does not have.
var ErrNotFound = errors.New("not found")

func notFound(kind, id string) error {
	return fmt.Errorf("%s %q: %w", kind, id, ErrNotFound)
}
