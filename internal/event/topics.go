package event

import (
	"slices"
	"strings"
)

// Topics are the topics that Intercom is known to send, current and old names together, in
// order. The list is open: an unknown topic is stored and evaluated like any other, so use
// this only to suggest a name or to bound the labels of a metric.
func Topics() []string { return slices.Clone(topics) }

// KnownTopic tells whether the topic is one of Topics.
func KnownTopic(topic string) bool {
	_, found := slices.BinarySearch(topics, topic)
	return found
}

// The kinds of subject that differ in what a rule can do about them.
const (
	KindConversation = "conversation"
	KindContact      = "contact"
	KindCompany      = "company"
	KindTicket       = "ticket"
	KindAdmin        = "admin"
	KindOther        = "other" // anything else, such as article/7, or not known
)

// Topics of events that Switchboard makes itself when a time has come. They pass through the
// store and the engine as notifications do: each has its place in the order of its subject, is
// decided once (I2), and can be explained later. Rules cannot listen to them: each is for the
// one rule that its payload names.
const (
	// TopicTimer says that a rule's timer (after) came due on a subject.
	TopicTimer = ownTopics + "timer"
	// TopicSchedule says that a rule's schedule (every) found a subject.
	TopicSchedule = ownTopics + "schedule"

	ownTopics = "switchboard."
)

// OwnTopic tells whether only Switchboard itself makes events with the topic.
func OwnTopic(topic string) bool { return strings.HasPrefix(topic, ownTopics) }

// SubjectKind tells what the events of a topic are about. It is KindOther for topics that
// nobody has heard of, which may be about anything.
func SubjectKind(topic string) string {
	if !KnownTopic(topic) {
		return KindOther
	}
	switch first, _, _ := strings.Cut(topic, "."); first {
	case "conversation", "conversation_part":
		return KindConversation
	case "contact", "user", "visitor", "granular", "content_stat":
		return KindContact
	case "company":
		return KindCompany
	case "ticket":
		return KindTicket
	case "admin":
		if topic != "admin.activity_log_event.created" {
			return KindAdmin
		}
	}
	return KindOther
}

// topics is sorted; a test keeps it so.
var topics = []string{
	"admin.activity_log_event.created",
	"admin.added_to_workspace",
	"admin.away_mode_updated",
	"admin.logged_in",
	"admin.logged_out",
	"admin.removed_from_workspace",
	"api.request.completed",
	"article.created",
	"article.deleted",
	"article.published",
	"article.unpublished",
	"article.updated",
	"audience.created",
	"audience.deleted",
	"audience.member_added",
	"audience.member_removed",
	"audience.updated",
	"call.ended",
	"call.recording_available",
	"call.started",
	"call.transcription_available",
	"company.contact.attached",
	"company.contact.detached",
	"company.created",
	"company.deleted",
	"company.updated",
	"contact.added_email",
	"contact.archived",
	"contact.created",
	"contact.deleted",
	"contact.email.updated",
	"contact.lead.added_email",
	"contact.lead.created",
	"contact.lead.signed_up",
	"contact.lead.tag.created",
	"contact.lead.tag.deleted",
	"contact.lead.updated",
	"contact.merged",
	"contact.signed_up",
	"contact.subscribed",
	"contact.tag.created",
	"contact.tag.deleted",
	"contact.unarchived",
	"contact.unsubscribed",
	"contact.user.created",
	"contact.user.tag.created",
	"contact.user.tag.deleted",
	"contact.user.updated",
	"content_import_source.created",
	"content_import_source.deleted",
	"content_import_source.updated",
	"content_snippet.created",
	"content_snippet.deleted",
	"content_snippet.updated",
	"content_stat.banner",
	"content_stat.carousel",
	"content_stat.chat",
	"content_stat.checklist",
	"content_stat.custom_bot",
	"content_stat.email",
	"content_stat.news_item",
	"content_stat.post",
	"content_stat.push",
	"content_stat.series",
	"content_stat.series.webhook",
	"content_stat.sms",
	"content_stat.survey",
	"content_stat.tooltip_group",
	"content_stat.tour",
	"conversation.admin.assigned",
	"conversation.admin.closed",
	"conversation.admin.noted",
	"conversation.admin.open.assigned",
	"conversation.admin.opened",
	"conversation.admin.replied",
	"conversation.admin.replied.translated",
	"conversation.admin.single.created",
	"conversation.admin.snoozed",
	"conversation.admin.unsnoozed",
	"conversation.company.updated",
	"conversation.contact.attached",
	"conversation.contact.detached",
	"conversation.deleted",
	"conversation.operator.replied",
	"conversation.priority.updated",
	"conversation.rating.added",
	"conversation.read",
	"conversation.user.created",
	"conversation.user.replied",
	"conversation_part.redacted",
	"conversation_part.tag.created",
	"data_connector.execution.completed",
	"event.created",
	"granular.subscribe",
	"granular.unsubscribe",
	"job.completed",
	"ping",
	"procedure.hitl_notification.created",
	"ticket.admin.assigned",
	"ticket.admin.replied",
	"ticket.admin.replied.translated",
	"ticket.attribute.updated",
	"ticket.closed",
	"ticket.contact.attached",
	"ticket.contact.detached",
	"ticket.contact.replied",
	"ticket.created",
	"ticket.note.created",
	"ticket.rating.provided",
	"ticket.resolved",
	"ticket.state.updated",
	"ticket.team.assigned",
	"user.created",
	"user.deleted",
	"user.email.updated",
	"user.tag.created",
	"user.tag.deleted",
	"user.unsubscribed",
	"visitor.signed_up",
}
