package actions

import "switchboard/internal/event"

// Restricted is what a Spec implements besides when it works only on events about some kinds
// of subject (event.KindConversation and its like); none means that it works on any. A rule
// none of whose topics is about one of them is refused when it is loaded; on an event about
// something else Plan fails.
type Restricted interface {
	Subjects() []string
}

// onConversations is what specs share that act on the event's conversation.
type onConversations struct{}

// Subjects are conversations only.
func (onConversations) Subjects() []string { return []string{event.KindConversation} }

// onTickets is what specs share that act on the event's ticket.
type onTickets struct{}

// Subjects are tickets only.
func (onTickets) Subjects() []string { return []string{event.KindTicket} }
