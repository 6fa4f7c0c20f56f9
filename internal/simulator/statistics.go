package simulator

import (
	"slices"
	"time"
)

// Statistics are the times and counts that Intercom reports of a conversation. Times are
// zero until the thing has happened. Office hours are not simulated: every minute counts.
type Statistics struct {
	FirstContactReplyAt, LastContactReplyAt time.Time
	FirstAssignmentAt, LastAssignmentAt     time.Time
	FirstAdminReplyAt, LastAdminReplyAt     time.Time
	LastAssignmentAdminReplyAt              time.Time
	FirstCloseAt, LastCloseAt               time.Time
	LastClosedBy                            string // admin id
	Reopens, Assignments, Parts             int
	assignedBeforeReplyAt, waitingSince     time.Time
	replies                                 []time.Duration // how long the customer waited, each time
}

// count takes a change into the statistics. before is the state that the conversation was in.
func (st *Statistics) count(c *Conversation, ch change, before string) {
	st.Parts++
	byAdmin := ch.author.Type == "admin"
	if ch.effect == EffectReply && ch.author.customer() {
		if st.FirstContactReplyAt.IsZero() {
			st.FirstContactReplyAt = ch.at
		}
		if st.waitingSince.IsZero() {
			st.waitingSince = ch.at
		}
		st.LastContactReplyAt = ch.at
	}
	if st.FirstContactReplyAt.IsZero() {
		return // all figures are from the customer's first words on
	}
	if ch.assignTo.Type != "" {
		st.Assignments++
		st.LastAssignmentAt, st.LastAssignmentAdminReplyAt = ch.at, time.Time{}
		if st.FirstAssignmentAt.IsZero() {
			st.FirstAssignmentAt = ch.at
		}
		if st.FirstAdminReplyAt.IsZero() {
			st.assignedBeforeReplyAt = ch.at
		}
	}
	if byAdmin && ch.body != "" && ch.effect != EffectNote {
		st.countReply(ch.at)
	}
	if before == StateClosed && c.State == StateOpen {
		st.Reopens++
	}
	if ch.effect == EffectClose {
		st.LastCloseAt, st.LastClosedBy = ch.at, ch.author.ID
		if st.FirstCloseAt.IsZero() {
			st.FirstCloseAt = ch.at
		}
	}
}

func (st *Statistics) countReply(at time.Time) {
	if !st.waitingSince.IsZero() {
		st.replies = append(st.replies, at.Sub(st.waitingSince))
		st.waitingSince = time.Time{}
	}
	st.LastAdminReplyAt = at
	if st.FirstAdminReplyAt.IsZero() {
		st.FirstAdminReplyAt = at
	}
	if !st.LastAssignmentAt.IsZero() && st.LastAssignmentAdminReplyAt.IsZero() {
		st.LastAssignmentAdminReplyAt = at
	}
}

// medianReply is the median time to reply, and false when nobody has replied.
func (st *Statistics) medianReply() (time.Duration, bool) {
	if len(st.replies) == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(st.replies))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid], true
	}
	return (sorted[mid-1] + sorted[mid]) / 2, true
}
