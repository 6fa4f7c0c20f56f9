package codes

import "switchboard/internal/diag"

// ofRules are about rules, what they listen to, when they run, and their actions.
var ofRules = []diag.Code{
	{
		Name: "rules/duplicate-name", Severity: diag.Error,
		Title: "two rules have the same name",
		About: `The name of a rule stands in logs, metrics and decisions, and timers and ` + "`once`" + ` are remembered under
it. So it is unique over all files that are loaded together.`,
		Wrong: `- name: bugs
  when: conversation.user.created
  then:
    - tag: Bug
- name: bugs
  when: conversation.user.replied
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  then:
    - tag: Bug
- name: bugs-in-replies
  when: conversation.user.replied
  then:
    - tag: Bug
`,
	},
	{
		Name: "rules/topic", Severity: diag.Error,
		Title: "this cannot be a topic",
		About: `A topic has small letters, digits, _ and dots; ` + "`*`" + ` stands for a whole word. Rules cannot listen to
what Switchboard tells itself: ` + "`after` and `every`" + ` are for that. See [rules.md](rules.md).`,
		Wrong: `- name: bugs
  when: Conversation.User.Created
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  then:
    - tag: Bug
`,
	},
	{
		Name: "rules/unknown-topic", Severity: diag.Warning,
		Title: "Intercom has no such topic",
		About: `No topic that Switchboard knows of has this name, so the rule would wait for something that never
comes. Usually it is misspelt. Intercom adds topics from time to time: if this is a new one, silence the warning.`,
		Wrong: `- name: bugs
  when: conversation.user.craeted
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  then:
    - tag: Bug
- name: of-a-new-topic
  when: conversation.user.waved # switchboard:ignore rules/unknown-topic: new since November
  then:
    - tag: Waved
`,
	},
	{
		Name: "rules/subject", Severity: diag.Error,
		Title: "the topics are not about what the rule acts on, counts or waits for",
		About: `An action on conversations needs a topic that is about one, ` + "`once: contact`" + ` one that names a contact, a
timer one that it can wait on. An event of a company, for instance, has no conversation to close.
[actions.md](actions.md) says what each action acts on.`,
		Wrong: `- name: bugs
  when: company.created
  then:
    - close
`,
		Right: `- name: bugs
  when: conversation.user.created
  then:
    - close
`,
	},
	{
		Name: "rules/never", Severity: diag.Error,
		Title: "the rule can never run",
		About: `Its own keys contradict each other: it applies both during and outside the same hours, it waits for hours
that never come, or it asks who acted at a time when nobody acts.`,
		Wrong: `settings:
  calendars:
    support: { timezone: Europe/Dublin, open: { mon-fri: 09:00-17:00 } }
rules:
  - name: bugs
    when: conversation.user.created
    during: support
    outside: support
    then:
      - tag: Bug
`,
		Right: `settings:
  calendars:
    support: { timezone: Europe/Dublin, open: { mon-fri: 09:00-17:00 } }
rules:
  - name: bugs
    when: conversation.user.created
    outside: support
    then:
      - tag: Bug
`,
	},
	{
		Name: "rules/needs-after", Severity: diag.Error,
		Title: "a key of rules that wait, in one that does not",
		About: "`hours`, `cancel_on`, `restart` and `if_late`" + ` are about a timer, and only ` + "`after`" + ` starts one. See
[timers](rules.md#timers).`,
		Wrong: `- name: reminder
  when: conversation.user.created
  cancel_on: conversation.admin.replied
  then:
    - note: Nobody has answered
`,
		Right: `- name: reminder
  when: conversation.user.created
  after: 15m
  cancel_on: conversation.admin.replied
  then:
    - note: Nobody has answered
`,
	},
	{
		Name: "rules/schedule", Severity: diag.Error,
		Title: "the schedule cannot be",
		About: `A cron line has five fields and must come at some time; an interval is a minute at least. A rule with
` + "`every`" + ` has a ` + "`search`" + `, which says what it runs on, and nothing that is about an event. See
[schedules](rules.md#schedules).`,
		Wrong: `- name: close-stale
  every: "0 8 * * funday"
  search: { state: snoozed }
  then:
    - close
`,
		Right: `- name: close-stale
  every: "0 8 * * sun"
  search: { state: snoozed }
  then:
    - close
`,
	},
	{
		Name: "rules/repeats", Severity: diag.Warning,
		Title: "a sweep writes on everything it finds, each time again",
		About: `The rule replies or writes notes, and nothing takes what it wrote on out of the search, so the next sweep
finds it again. Say how often it may be, or change something that the search asks for.`,
		Wrong: `- name: remind
  every: 1h
  search: { state: open }
  then:
    - note: Still open
`,
		Right: `- name: remind
  every: 1h
  search: { state: open }
  cooldown: 7d
  then:
    - note: Still open
`,
	},
	{
		Name: "rules/loop", Severity: diag.Error,
		Title: "rules feed each other without end",
		About: `With ` + "`from: any`" + ` a rule hears what Switchboard itself did. This one does something that sets it off again,
by itself or by way of others, and nothing ends that. The message names the way round. See
[loops](rules.md#loops).`,
		Wrong: `- name: log
  when: conversation.admin.noted
  from: any
  then:
    - note: Seen
`,
		Right: `- name: log
  when: conversation.admin.noted
  from: any
  once: conversation
  then:
    - note: Seen
`,
	},
	{
		Name: "rules/calendar", Severity: diag.Error,
		Title: "the hours of a calendar cannot be",
		About: `A day or a time of day that does not exist, hours that overlap, a range that ends before it begins. See
[calendars](rules.md#calendars).`,
		Wrong: `settings:
  calendars:
    support: { timezone: Europe/Dublin, open: { mon-fri: 09:00-12:30 12:00-17:00 } }
rules:
  - name: bugs
    when: conversation.user.created
    during: support
    then:
      - tag: Bug
`,
		Right: `settings:
  calendars:
    support: { timezone: Europe/Dublin, open: { mon-fri: 09:00-12:30 13:00-17:00 } }
rules:
  - name: bugs
    when: conversation.user.created
    during: support
    then:
      - tag: Bug
`,
	},
	{
		Name: "rules/unknown-calendar", Severity: diag.Error,
		Title: "there is no calendar of that name",
		About: `Calendars stand in ` + "`settings.calendars`" + `, in this file or in another that is loaded with it. In expressions
the name is written out: it cannot be the result of something else.`,
		Wrong: `settings:
  calendars:
    support: { timezone: Europe/Dublin, open: { mon-fri: 09:00-17:00 } }
rules:
  - name: bugs
    when: conversation.user.created
    during: sales
    then:
      - tag: Bug
`,
		Right: `settings:
  calendars:
    support: { timezone: Europe/Dublin, open: { mon-fri: 09:00-17:00 } }
rules:
  - name: bugs
    when: conversation.user.created
    during: support
    then:
      - tag: Bug
`,
	},
	{
		Name: "rules/time-zone", Severity: diag.Error,
		Title: "there is no such time zone",
		About: `Time zones have the names of the IANA database, such as ` + "`Europe/Dublin`" + ` or ` + "`UTC`" + `. Abbreviations such
as CET are no places: they say nothing of summer time.`,
		Wrong: `- name: close-stale
  every: { cron: "0 8 * * mon-fri", timezone: Europe/Dubln }
  search: { state: snoozed }
  then:
    - close
`,
		Right: `- name: close-stale
  every: { cron: "0 8 * * mon-fri", timezone: Europe/Dublin }
  search: { state: snoozed }
  then:
    - close
`,
	},
	{
		Name: "rules/holidays", Severity: diag.Error,
		Title: "the holidays of a calendar cannot be read",
		About: `They are in an iCalendar file (.ics), whose place is relative to the rules file that names it.`,
		Wrong: `settings:
  calendars:
    support:
      timezone: Europe/Dublin
      open: { mon-fri: 09:00-17:00 }
      holidays: no-such-file.ics
rules:
  - name: bugs
    when: conversation.user.created
    during: support
    then:
      - tag: Bug
`,
		Right: `settings:
  calendars:
    support:
      timezone: Europe/Dublin
      open: { mon-fri: 09:00-17:00 }
      closed: [2026-12-25, 2027-01-01]
rules:
  - name: bugs
    when: conversation.user.created
    during: support
    then:
      - tag: Bug
`,
	},
	{
		Name: "rules/http-secret", Severity: diag.Error,
		Title: "http has no secret to sign with",
		About: `What the action ` + "`http`" + ` sends is signed, so that the receiver can tell it from what others send. The secret is
in SWITCHBOARD_HTTP_SECRET, or with the workspace in the file of workspaces. ` + "`serve`" + ` asks for it, ` + "`check`" + `
does not. See [http](actions.md#http).`,
	},
	{
		Name: "actions/unknown", Severity: diag.Error,
		Title: "there is no such action",
		About: `[actions.md](actions.md) lists what rules can do.`,
		Wrong: `- name: bugs
  when: conversation.user.created
  then:
    - tga: Bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  then:
    - tag: Bug
`,
	},
	{
		Name: "actions/parameter", Severity: diag.Error,
		Title: "a parameter of an action is missing or cannot be",
		About: `The action is known, but not what it should act on or with. [actions.md](actions.md) has the parameters of
each.`,
		Wrong: `- name: bugs
  when: conversation.user.created
  then:
    - assign: {}
`,
		Right: `- name: bugs
  when: conversation.user.created
  then:
    - assign: { team: Technical }
`,
	},
}
