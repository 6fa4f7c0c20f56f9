package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"switchboard/internal/intercom"
	"switchboard/internal/operations"
	"switchboard/internal/rules"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// enough is how many notifications tell what is usual, and quiet how long none may come before that is worth a
// word at all.
const enough, quiet = 20, time.Hour

const subscribe = "in the Developer Hub (Configure, Webhooks) see whether the subscription is live, its address right and the topics chosen; then send a test notification"

// lastEvent compares how long ago the last notification came with what is usual.
func lastEvent(_ context.Context, _ *Patient, d operations.Diagnosis, w operations.WorkspaceHealth) []Finding {
	a := w.Arrivals
	if a.Notifications == 0 {
		return []Finding{warn("no notification has come yet", subscribe)}
	}
	since := d.Now.Sub(a.Last)
	longest := time.Duration(a.LongestGapSeconds * float64(time.Second))
	text := fmt.Sprintf("the last notification came %s ago", ago(since))
	switch {
	case since < quiet:
		return []Finding{fine("%s", text)}
	case a.Notifications < enough:
		return []Finding{note(text+"; there are too few to say what is usual", subscribe)}
	case since > longest+longest/2:
		return []Finding{warn(fmt.Sprintf("%s; of late it was never longer than %s", text, ago(longest)), subscribe)}
	}
	return []Finding{fine("%s, which is usual (up to %s)", text, ago(longest))}
}

// What missed looks for.
const (
	onTheWay    = 5 * time.Minute  // how long a notification may take
	notSearched = 30 * time.Minute // since missed events were looked for
	recently    = 24 * time.Hour   // what was recovered before is history
	mostMissed  = 20
)

// missed looks whether something happened of which no notification told: events that were recovered, and
// customers who wrote since the last notification.
func missed(ctx context.Context, p *Patient, d operations.Diagnosis, w operations.WorkspaceHealth) (found []Finding) {
	if at := w.Arrivals.LastRecovered; d.Now.Sub(at) < recently {
		found = append(found, warn(fmt.Sprintf("%s recovered of late, the last %s ago: notifications get lost", plural(w.Arrivals.Recovered, "event"), ago(d.Now.Sub(at))), subscribe))
	}
	if through := w.SearchedThrough; d.Running && !through.IsZero() && d.Now.Sub(through) > notSearched {
		found = append(found, warn(fmt.Sprintf("missed events were looked for up to %s ago only", ago(d.Now.Sub(through))), "see the log of the component recovery, and --recover-every"))
	}
	unheard, err := wroteSince(ctx, p, w)
	e, refused := errors.AsType[*intercom.Error](err)
	switch {
	case refused && e.Status == http.StatusForbidden:
		return append(found, unknown("permissions"))
	case err != nil:
		return append(found, unknown("intercom"))
	case unheard > 0:
		found = append(found, warn(fmt.Sprintf("customers wrote in %s since the last notification, and none told of it", atLeast(unheard)), subscribe))
	}
	return anyOr(found, "no sign of any")
}

func atLeast(n int) string {
	if n == mostMissed {
		return fmt.Sprintf("%d conversations or more", n)
	}
	return plural(n, "conversation")
}

// wroteSince counts the conversations in which customers wrote since the last notification came, if the rules
// listen to that.
func wroteSince(ctx context.Context, p *Patient, of operations.WorkspaceHealth) (n int, err error) {
	w := p.local(of)
	if w == nil || w.Client == nil || of.Arrivals.Last.IsZero() {
		return 0, nil
	}
	if rs := w.report(ctx).Ruleset; rs == nil || !rs.Wants("conversation.user.replied") || !rs.Wants("conversation.user.created") {
		return 0, nil
	}
	h, err := w.at(ctx)
	if err != nil {
		return 0, err
	}
	ahead := time.Duration(of.AheadSeconds * float64(time.Second))
	last, until := of.Arrivals.Last.Add(ahead+onTheWay), p.now().Add(h.client.Skew()-onTheWay)
	query := intercom.And(intercom.Greater("statistics.last_contact_reply_at", last), intercom.Less("statistics.last_contact_reply_at", until))
	for _, err := range h.client.SearchConversations(ctx, query, mostMissed) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// longEnough is how long must have been listened before a topic that never came is suspect.
const longEnough = 3 * 24 * time.Hour

// topics looks for topics that rules listen to and that never came.
func topics(ctx context.Context, p *Patient, d operations.Diagnosis, w operations.WorkspaceHealth) []Finding {
	local := p.local(w)
	if local == nil {
		return []Finding{note("the settings here do not name the rules of this workspace", "")}
	}
	rs := local.report(ctx).Ruleset
	switch {
	case rs == nil:
		return []Finding{unknown("rules")}
	case w.Arrivals.Notifications == 0:
		return []Finding{unknown("events")}
	}
	never := neverCame(rs, w.Arrivals.Topics)
	if len(never) == 0 {
		return []Finding{fine("every topic that the rules listen to has come")}
	}
	listened := d.Now.Sub(w.Arrivals.Since)
	text := fmt.Sprintf("in %s there was no %s, to which rules listen", ago(listened), strings.Join(never, ", "))
	const fix = "choose these topics in the Developer Hub (Configure, Webhooks), if they are not"
	if listened < longEnough {
		return []Finding{note(text, fix)}
	}
	return []Finding{warn(text, fix)}
}

// neverCame are the entries of when and cancel_on of which no topic came.
func neverCame(rs *rules.Ruleset, came map[string]time.Time) (never []string) {
	for _, r := range rs.Rules() {
		if r.State == "off" {
			continue
		}
		for _, pattern := range slices.Concat(r.When, r.CancelOn) {
			matches := func(topic string) bool { return rules.TopicMatches(pattern, topic) }
			if !slices.ContainsFunc(sortedKeys(came), matches) && !slices.Contains(never, pattern) {
				never = append(never, pattern)
			}
		}
	}
	return never
}

// signatures looks at the webhooks that were refused since the start.
func signatures(ctx context.Context, p *Patient) (found []Finding) {
	d, err := p.told(ctx)
	if err != nil || !d.Running {
		return []Finding{unknown("service")}
	}
	stored, wrong, busy := d.Webhooks["stored"]+d.Webhooks["duplicate"]+d.Webhooks["ping"], d.Webhooks["bad_signature"], d.Webhooks["busy"]
	const fix = "set INTERCOM_CLIENT_SECRET to the client secret of the app (Developer Hub, Basic information), and restart"
	switch {
	case wrong > 0 && stored == 0:
		found = append(found, fail(fmt.Sprintf("all %d webhooks since the start had a wrong signature", wrong), fix))
	case wrong > 0:
		found = append(found, warn(fmt.Sprintf("%d of %d webhooks since the start had a wrong signature", wrong, wrong+stored), fix+"; if it is right, strangers have found the address"))
	}
	if busy > 0 {
		found = append(found, warn(fmt.Sprintf("%d webhooks since the start could not be stored in time", busy), "see the findings about the database and its disk"))
	}
	return anyOr(found, "none was refused since the start")
}

// reload looks for rules on disk that the service did not take over.
func reload(ctx context.Context, p *Patient, d operations.Diagnosis, w operations.WorkspaceHealth) []Finding {
	if !d.Running {
		return []Finding{unknown("service")}
	}
	if len(w.Rejected) > 0 {
		return []Finding{fail("the rules on disk were not taken over, and those before go on: "+w.Rejected[0], "mend them; \"switchboard check\" shows all that is wrong")}
	}
	if local := p.local(w); local != nil {
		if rs := local.report(ctx).Ruleset; rs != nil && rs.Hash() != w.Ruleset {
			return []Finding{warn(fmt.Sprintf("the service decides by other rules (%s) than those here (%s)", w.Ruleset, rs.Hash()), "name the rules of the service with --rules, or give it these")}
		}
	}
	return []Finding{fine("the rules on disk are those in use, since %s ago", ago(d.Now.Sub(w.LoadedAt)))}
}

// paused looks for rules that have reached their limit.
func paused(_ context.Context, _ *Patient, d operations.Diagnosis, w operations.WorkspaceHealth) (found []Finding) {
	if !d.Running {
		return []Finding{unknown("service")}
	}
	for _, rule := range sortedKeys(w.Paused) {
		found = append(found, warn(fmt.Sprintf("the rule %s is paused by its limit until %s", rule, w.Paused[rule].UTC().Format("2006-01-02 15:04 UTC")), "see what set it off so often; raise its limit if that was right"))
	}
	return anyOr(found, "no rule is paused")
}
