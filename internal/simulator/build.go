package simulator

import (
	"cmp"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Sample is a conversation notification to be built without a workspace, for load tests that
// need thousands of them at once. What is left out is made from what is given: the same
// sample gives the same bytes.
type Sample struct {
	// Topic is a conversation topic, such as "conversation.user.replied".
	Topic string
	// ID is the notification's id; NoID makes it null.
	ID   string
	NoID bool
	// AppID is the workspace; DefaultAppID when empty.
	AppID string
	// Conversation and Part are ids; several samples of one conversation are one subject.
	Conversation, Part string
	// Text is what was said, plain; a sentence when empty.
	Text string
	// Contact is the customer, Admin the teammate of the admin topics; invented when empty.
	Contact Contact
	Admin   Admin
	// At is when it happened; the beginning of 2026 when zero.
	At time.Time
	// Old asks for the shape of API 1.x.
	Old bool
}

// sampleEffects are the changes behind the topics; topics that are not here carry no part.
var sampleEffects = map[string]Effect{
	"conversation.user.replied":        EffectReply,
	"conversation.admin.replied":       EffectReply,
	"conversation.admin.assigned":      EffectAssign,
	"conversation.admin.open.assigned": EffectAssign,
	"conversation.admin.noted":         EffectNote,
	"conversation.admin.closed":        EffectClose,
	"conversation.admin.opened":        EffectOpen,
	"conversation.admin.snoozed":       EffectSnooze,
}

// BuildNotification returns the body of a notification, 3 to 4 KB in the new shape, ready to
// be signed with webhook.Sign.
func BuildNotification(o Sample) []byte {
	o = o.complete()
	w := newWorkspace()
	w.contacts.put(o.Contact.ID, &o.Contact)
	w.admins.put(o.Admin.ID, &o.Admin)
	began := o.At.Add(-5 * time.Minute)
	opening := o.Text
	effect, hasPart := sampleEffects[o.Topic]
	if hasPart {
		opening = "Hello, can somebody help me?"
	}
	c := &Conversation{
		ID: o.Conversation, CreatedAt: began, UpdatedAt: began, State: StateOpen, Read: true, WaitingSince: began,
		Contacts: []string{o.Contact.ID},
		Source: Source{
			ID: "3381828792", Type: "conversation", DeliveredAs: "customer_initiated", Body: textBody(opening),
			Author: o.Contact.author(), URL: "https://www.acme.test/help",
		},
	}
	c.Statistics = Statistics{FirstContactReplyAt: began, LastContactReplyAt: began, Parts: 1, waitingSince: began}
	parts := []Part{}
	if hasPart {
		parts = append(parts, c.sample(o, effect))
	}
	n := Notification{ID: o.ID, Topic: o.Topic, CreatedAt: o.At, appID: o.AppID}
	if o.Old {
		n.item = &item{value: w.oldItem(o.AppID, c, parts, nil)}
	} else {
		n.item = &item{value: w.conversationJSON(webhook2, c, parts)}
	}
	return n.Body()
}

func (o Sample) complete() Sample {
	o.Topic = cmp.Or(o.Topic, "conversation.user.created")
	o.AppID = cmp.Or(o.AppID, DefaultAppID)
	o.Conversation = cmp.Or(o.Conversation, "215472621202693")
	o.Part = cmp.Or(o.Part, "37358198341")
	o.Text = cmp.Or(o.Text, "Could you please have a look at my last invoice? It does not look right to me.")
	o.Contact.ID = cmp.Or(o.Contact.ID, "696205460674dbb9050aa7fd")
	o.Contact.Role = cmp.Or(o.Contact.Role, "user")
	o.Contact.Name = cmp.Or(o.Contact.Name, "Amara Diallo")
	o.Contact.Email = cmp.Or(o.Contact.Email, "amara@acme.com")
	o.Admin.ID = cmp.Or(o.Admin.ID, "9608799")
	o.Admin.Name = cmp.Or(o.Admin.Name, "Ines Okafor")
	o.Admin.Email = cmp.Or(o.Admin.Email, "ines@acme.test")
	if o.At.IsZero() {
		o.At = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	}
	switch {
	case o.NoID:
		o.ID = ""
	case o.ID == "":
		name := fmt.Sprintf("%s %s %s %s %d", o.AppID, o.Topic, o.Conversation, o.Part, o.At.Unix())
		o.ID = "notif_" + uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String()
	}
	return o
}

// sample makes the change that the topic tells of and returns its part.
func (c *Conversation) sample(o Sample, effect Effect) Part {
	ch := change{effect: effect, at: o.At, author: o.Admin.author(), until: o.At.Add(time.Hour)}
	switch {
	case o.Topic == "conversation.user.replied":
		ch.author, ch.body = o.Contact.author(), textBody(o.Text)
	case effect == EffectReply, effect == EffectNote:
		ch.body = htmlBody(o.Text)
	case effect == EffectAssign:
		ch.assignTo = ch.author.ref()
		if o.Topic == "conversation.admin.open.assigned" {
			ch.body = htmlBody(o.Text)
		}
	}
	before := c.State
	partType, _ := outcome(before, ch)
	c.take(ch)
	part := Part{
		ID: o.Part, Type: partType, Body: ch.body, CreatedAt: o.At, UpdatedAt: o.At, Author: ch.author,
		AssignedTo: ch.assignTo, State: c.State,
	}
	c.Parts, c.UpdatedAt = append(c.Parts, part), o.At
	c.Statistics.count(c, ch, before)
	return part
}
