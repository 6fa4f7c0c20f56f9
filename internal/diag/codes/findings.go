package codes

import "switchboard/internal/diag"

// ofFindings are what is found by looking at conditions, and at rules beside each other.
var ofFindings = []diag.Code{
	{
		Name: "rules/never-matches", Severity: diag.Warning,
		Title: "the rule never runs",
		About: `No event can meet all that the rule asks for: its clauses exclude each other, or exclude what its topics and
` + "`from`" + ` leave possible. It is reported only when it is certain.`,
		Wrong: `- name: bugs
  when: conversation.user.replied
  if:
    - conversation.source.type == "email"
    - conversation.source.type == "whatsapp"
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: conversation.user.replied
  if: conversation.source.type == "email" or conversation.source.type == "whatsapp"
  then:
    - tag: Bug
`,
	},
	{
		Name: "rules/always-true", Severity: diag.Warning,
		Title: "a part of a condition is always true",
		About: `It decides nothing. Often ` + "`or`" + ` stands where ` + "`and`" + ` was meant: whatever the state is, it differs from one
of two.`,
		Wrong: `- name: bugs
  when: conversation.user.replied
  if: contact.role != "lead" or contact.role != "user"
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: conversation.user.replied
  if: contact.role != "lead" and contact.role != "user"
  then:
    - tag: Bug
`,
	},
	{
		Name: "rules/always-false", Severity: diag.Warning,
		Title: "a part of a condition is never true",
		About: `The rule can run, but never because of this part. Often ` + "`and`" + ` stands where ` + "`or`" + ` was meant.`,
		Wrong: `- name: bugs
  when: conversation.user.replied
  any:
    - has_tag("Bug")
    - contact.role == "lead" and contact.role == "user"
  then:
    - tag: Seen
`,
		Right: `- name: bugs
  when: conversation.user.replied
  any:
    - has_tag("Bug")
    - contact.role == "lead" or contact.role == "user"
  then:
    - tag: Seen
`,
	},
	{
		Name: "rules/shadowed", Severity: diag.Warning,
		Title: "an earlier rule with stop: true leaves nothing for this one",
		About: `Whenever this rule would run, the earlier one runs and ends the evaluation. Put this one before it, or let
the earlier one ask for more.`,
		Wrong: `- name: mail
  when: conversation.user.created
  if: conversation.source.type == "email"
  then:
    - tag: Mail
  stop: true
- name: vip-mail
  when: conversation.user.created
  if: conversation.source.type == "email" and contact.role == "user"
  then:
    - tag: VIP
`,
		Right: `- name: vip-mail
  when: conversation.user.created
  if: conversation.source.type == "email" and contact.role == "user"
  then:
    - tag: VIP
- name: mail
  when: conversation.user.created
  if: conversation.source.type == "email"
  then:
    - tag: Mail
  stop: true
`,
	},
	{
		Name: "rules/may-be-empty", Severity: diag.Warning,
		Title: "a text that an action needs may come out empty",
		About: `The text is nothing but a fact that may be absent, and the condition does not ask whether it is there. Where it is
absent the text is empty, so the rule fails and nothing of it is done. Say what stands there then, or ask for it.`,
		Wrong: `- name: plans
  when: conversation.user.created
  then:
    - tag: "{{ company.plan }}"
`,
		Right: `- name: plans
  when: conversation.user.created
  then:
    - tag: "{{ company.plan ?? 'No plan' }}"
`,
	},
	{
		Name: "rules/contradiction", Severity: diag.Warning,
		Title: "two rules run on one event and undo each other's work",
		About: `Both can run on one event, which the message describes, and what the later one does undoes what the earlier one
did: another team, a tag taken off again, closed and put aside. The customer or the team sees both. If the later
one is meant to have the last word, silence the warning.`,
		Wrong: `- name: everybody
  when: conversation.user.created
  then:
    - assign: { team: Support }
- name: leads
  when: conversation.user.created
  if: contact.role == "lead"
  then:
    - assign: { team: Sales }
`,
		Right: `- name: leads
  when: conversation.user.created
  if: contact.role == "lead"
  then:
    - assign: { team: Sales }
- name: everybody
  when: conversation.user.created
  if: contact.role != "lead"
  then:
    - assign: { team: Support }
`,
	},
}
