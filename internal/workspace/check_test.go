package workspace

import (
	"fmt"
	"strings"
	"testing"

	"switchboard/internal/diag"
	"switchboard/internal/rules"
)

// Every kind of name, right and wrong, in actions and in conditions.
func TestCheck(t *testing.T) {
	// Each is an action, or, behind "if:", a condition.
	tests := []struct{ rule, want string }{
		// teammates
		{`assign: { admin: ada@acme.test }`, ""},
		{`assign: { admin: " Ada Quinn " }`, ""},
		{`assign: { admin: ADA@ACME.TEST }`, ""},
		{`assign: { admin: "11" }`, ""},
		{`assign: { admin: "{{ contact.email }}" }`, ""},
		{`assign: nobody`, ""},
		{`assign: { admin: adda@acme.test }`, `error names/unknown-admin: no admin "adda@acme.test" in the workspace (did you mean "ada@acme.test"?)`},
		{`assign: { admin: Ada Quin }`, `error names/unknown-admin: no admin "Ada Quin" in the workspace (did you mean "Ada Quinn"?)`},
		{`assign: { admin: ben ode }`, `error names/ambiguous: several admins are called "ben ode" (use one of their ids: 12, 13)`},
		{`assign: { admin: Watcher }`, `error names/no-inbox-seat: Watcher cannot be assigned conversations: no inbox seat in Intercom (give them a seat in Intercom, or name somebody else)`},
		{`contact: { update: { owner: Watcher } }`, ""},
		{`contact: { update: { owner: adda@acme.test } }`, `error names/unknown-admin: no admin "adda@acme.test" in the workspace (did you mean "ada@acme.test"?)`},
		{`contact: { update: { owner: null } }`, ""},
		{`if: conversation.admin_assignee_id == "11"`, ""},
		{`if: conversation.admin_assignee_id == "Ada Quinn"`, `error names/unknown-admin: "Ada Quinn" is a name, and is compared with ids (write "11")`},
		{`if: contact.owner_id in ["11", "99"]`, `warning names/unknown-admin: no admin has the id "99"`},
		{`if: ticket.admin_assignee_id != "somebody"`, `error names/unknown-admin: "somebody" is no id of any admin`},
		{`if: admin.email == "Ada@acme.test"`, `warning names/unknown-admin: no admin has the e-mail address "Ada@acme.test" (it is compared exactly: write "ada@acme.test")`},
		{`if: admin.name == "Ada Quin"`, `warning names/unknown-admin: no admin has the name "Ada Quin" (did you mean "Ada Quinn"?)`},
		{`if: admin.id == "11" and admin.name == "Ada Quinn" and admin.email == "ada@acme.test"`, ""},
		{`if: len(conversations({admin_assignee_id: "99"})) > 1`, `warning names/unknown-admin: no admin has the id "99"`},
		{`if: len(contacts({operator: "AND", value: [{field: "owner_id", operator: "IN", value: ["11", "99", "0"]}]})) > 1`, `warning names/unknown-admin: no admin has the id "99"`},

		// teams
		{`assign: { team: finance }`, ""},
		{`assign: { team: "814" }`, ""},
		{`assign: { team: Finanz, pick: round_robin }`, `error names/unknown-team: no team "Finanz" in the workspace (did you mean "Finance"?)`},
		{`assign: { team: Billing }`, `error names/unknown-team: no team "Billing" in the workspace (teams: Finance, Support, support )`},
		{`ticket: { state: closed }`, `error names/unknown-ticket-state: no ticket type has a state "closed" (states: In progress, Resolved, Submitted, Waiting on customer)`},
		{`assign: { team: Support }`, `error names/ambiguous: several teams are called "Support" (use one of their ids: 815, 816)`},
		{`if: conversation.team_assignee_id == "Finance"`, `error names/unknown-team: "Finance" is a name, and is compared with ids (write "814")`},
		{`if: conversation.team_assignee_id == "814" or conversation.team_assignee_id == nil`, ""},
		{`if: "817" in admin.team_ids`, `warning names/unknown-team: no team has the id "817"`},

		// tags
		{`tag: vip`, ""},
		{`tag: [Refund, "{{ contact.name }}"]`, ""},
		{`tag: Refnd`, `warning names/unknown-tag: no tag "Refnd" in the workspace: it is made when the rule first runs (did you mean "Refund"?)`},
		{`tag: { name: "Feature  request", on: contact }`, ""},
		{`untag: Refnd`, `warning names/unknown-tag: no tag "Refnd" in the workspace, and no rule makes it (did you mean "Refund"?)`},
		{`if: has_tag("vip", "Refnd")`, `warning names/unknown-tag: no tag "Refnd" in the workspace, and no rule makes it (did you mean "Refund"?)`},
		{`if: "vip" in conversation.tags`, `warning names/unknown-tag: no tag is written "vip", and it is compared exactly (write "VIP", or use has_tag("vip"))`},
		{`if: any(conversation.tags, # == "Bug")`, `warning names/unknown-tag: no tag "Bug" in the workspace, and no rule makes it`},
		{`if: len(conversations({tag_ids: ["VIP"]})) > 1`, `error names/unknown-tag: "VIP" is a name, and is compared with ids (write "TAG")`},

		// attributes that are set
		{`set: { contact: { plan: pro, seats: 5, score: 1.5, beta: true, renewal: 2026-12-24, city: "{{ contact.location.city }}" } }`, ""},
		{`set: { contact: { custom_attributes.plan: PRO, Seats: "5", beta: null } }`, ""},
		{`set: { contact: { plna: pro } }`, `error names/unknown-attribute: no contact attribute "plna" in the workspace (did you mean "plan"?)`},
		{`set: { contact: { plan: prro } }`, `error names/attribute-type: the contact attribute plan has no such value: it has free, pro, enterprise (did you mean "pro"?)`},
		{`set: { contact: { seats: many } }`, `error names/attribute-type: the contact attribute seats takes whole numbers, and this is none`},
		{`set: { contact: { seats: 1.5 } }`, `error names/attribute-type: the contact attribute seats takes whole numbers, and this is none`},
		{`set: { contact: { score: true } }`, `error names/attribute-type: the contact attribute score takes numbers, and this is none`},
		{`set: { contact: { renewal: tomorrow } }`, `error names/attribute-type: the contact attribute renewal takes a time such as 2026-12-24 or 2026-12-24T18:00:00Z`},
		{`set: { contact: { fax: "1" } }`, `error names/archived: the contact attribute "fax" is archived in Intercom: it takes no new values (take it out of the archive, or name another)`},
		{`set: { contact: { email: ada@example.com } }`, `error names/read-only-attribute: email is no attribute of your own; use the action contact`},
		{`set: { attributes: { Order: 17, Urgent: "yes" } }`, `error names/attribute-type: the conversation attribute Urgent is true or false, and this is neither`},
		{`contact: { create: { email: carla@example.com, attributes: { plan: pro, citty: Dublin } } }`, `error names/unknown-attribute: no contact attribute "citty" in the workspace (did you mean "city"?)`},
		{`company: { save: { company_id: acme, attributes: { teir: gold } } }`, `error names/unknown-attribute: no company attribute "teir" in the workspace (did you mean "tier"?)`},

		// attributes in conditions and texts
		{`if: contact.custom_attributes.plan == "pro" and contact.custom_attributes["seats"] > 5`, ""},
		{`if: contact.custom_attributes.plna == "pro"`, `error names/unknown-attribute: no contact attribute "plna" in the workspace (did you mean "plan"?)`},
		{`if: contact.custom_attributes.Plan == "pro"`, `error names/unknown-attribute: no contact attribute "Plan" in the workspace (write "plan")`},
		{`if: contact.custom_attributes.email == "x"`, `error names/unknown-attribute: no contact attribute "email" in the workspace (it comes with Intercom, and is not among custom_attributes)`},
		{`if: contact.custom_attributes.fax != nil`, `warning names/archived: the contact attribute "fax" is archived in Intercom: it takes no new values`},
		{`if: company.custom_attributes.teir != nil`, `error names/unknown-attribute: no company attribute "teir" in the workspace (did you mean "tier"?)`},
		{`if: any(companies, .custom_attributes.teir == "gold")`, `error names/unknown-attribute: no company attribute "teir" in the workspace (did you mean "tier"?)`},
		{`if: filter(companies, .plan == "pro")[0].custom_attributes.teir != nil`, `error names/unknown-attribute: no company attribute "teir" in the workspace (did you mean "tier"?)`},
		{`if: find(companies, .plan == "pro").custom_attributes.teir != nil`, `error names/unknown-attribute: no company attribute "teir" in the workspace (did you mean "tier"?)`},
		{`if: companies[0].custom_attributes.teir != nil`, `error names/unknown-attribute: no company attribute "teir" in the workspace (did you mean "tier"?)`},
		{`if: let who = contact; who.custom_attributes.plna != nil`, `error names/unknown-attribute: no contact attribute "plna" in the workspace (did you mean "plan"?)`},
		{`if: any(contacts({email: "a@b.test"}), .custom_attributes.plna != nil)`, `error names/unknown-attribute: no contact attribute "plna" in the workspace (did you mean "plan"?)`},
		{`if: len(contacts({"custom_attributes.plna": "pro"})) > 0`, `error names/unknown-attribute: no contact attribute "plna" in the workspace (did you mean "plan"?)`},
		{`if: conversation.custom_attributes.Ordr != nil`, `error names/unknown-attribute: no conversation attribute "Ordr" in the workspace (did you mean "Order"?)`},
		{`note: "{{ contact.custom_attributes.plna ?? 'none' }}"`, `error names/unknown-attribute: no contact attribute "plna" in the workspace (did you mean "plan"?)`},

		// what they are compared with
		{`if: contact.custom_attributes.plan == "prro"`, `error names/attribute-type: the contact attribute plan is never "prro" (did you mean "pro"?)`},
		{`if: contact.custom_attributes.plan in ["pro", "gold"]`, `error names/attribute-type: the contact attribute plan is never "gold" (values: enterprise, free, pro)`},
		{`if: contact.custom_attributes.plan in lists.plans`, `error names/attribute-type: the contact attribute plan is never "silver" (values: enterprise, free, pro)`},
		{`if: (contact.custom_attributes.plan ?? "free") != "Pro"`, `error names/attribute-type: the contact attribute plan is never "Pro" (did you mean "pro"?)`},
		{`if: contact.custom_attributes.plan startsWith "ent" or contact.custom_attributes.plan == ""`, ""},
		{`if: contact.custom_attributes.plan > 5`, `error names/attribute-type: the contact attribute plan is a text, and is compared with a number (write "5")`},
		{`if: contact.custom_attributes.seats == "5"`, `error names/attribute-type: the contact attribute seats is a number, and is compared with a text (write 5)`},
		{`if: "many" == contact.custom_attributes.seats`, `error names/attribute-type: the contact attribute seats is a number, and is compared with a text`},
		{`if: contact.custom_attributes.seats contains "5"`, `error names/attribute-type: the contact attribute seats is a number, and contains needs a text`},
		{`if: contact.custom_attributes.seats > -5 and contact.custom_attributes.score > 2 * 1.5`, ""},
		{`if: contact.custom_attributes.beta == "true"`, `error names/attribute-type: the contact attribute beta is true or false, and is compared with a text (write true)`},
		{`if: contact.custom_attributes.beta == true and contact.custom_attributes.renewal < now()`, ""},
		{`if: contact.custom_attributes.renewal == true`, `error names/attribute-type: the contact attribute renewal is a time, and is compared with true or false (such as now() - duration("72h"))`},
		{`if: contact.custom_attributes.renewal > 1700000000 or contact.custom_attributes.renewal == "2026-12-24"`, ""},
		{`if: contact.custom_attributes.plna == 5`, `error names/unknown-attribute: no contact attribute "plna" in the workspace (did you mean "plan"?)`},

		// tickets
		{`ticket: { convert: { type: bug, title: It beeps, attributes: { severity: high, Count: 5, Seen: true } } }`, ""},
		{`ticket: { create: { type: "{{ contact.name }}", attributes: { Count: many } } }`, ""}, // of some type
		{`ticket: { create: { type: Bgu } }`, `error names/unknown-ticket-type: no ticket type "Bgu" in the workspace (did you mean "Bug"?)`},
		{`ticket: { create: { type: Old type } }`, `error names/archived: the ticket type "Old type" is archived in Intercom: no tickets can be made of it (take it out of the archive, or name another)`},
		{`ticket: { convert: { type: Back office } }`, `error names/ticket-category: conversations cannot become tickets of type "Back office", which is of category Back-office (name a type for customers, or use create)`},
		{`ticket: { create: { type: Back office, attributes: { Severity: High } } }`, `error names/unknown-attribute: tickets of type Back office have no attribute "Severity"`},
		{`ticket: { create: { type: Bug, attributes: { Severty: High } } }`, `error names/unknown-attribute: tickets of type Bug have no attribute "Severty" (did you mean "Severity"?)`},
		{`ticket: { create: { type: Bug, attributes: { Severity: Hihg, Count: many } } }`, "error names/attribute-type: the ticket attribute Severity has no such value: it has Low, High (did you mean \"High\"?)\nerror names/attribute-type: the ticket attribute Count takes whole numbers, and this is none"},
		{`set: { ticket: { Count: many, Severity: "2" } }`, ""}, // it is a text in one of the types
		{`set: { ticket: { Cuont: 5 } }`, `error names/unknown-attribute: no ticket type has an attribute "Cuont" (did you mean "Count"?)`},
		{`ticket: { state: in progress }`, ""},
		{`ticket: { state: waiting_on_customer }`, ""},
		{`ticket: { state: In progres }`, `error names/unknown-ticket-state: no ticket type has a state "In progres" (did you mean "In progress"?)`},
		{`if: ticket.type == "Bug" or ticket.state == "resolved" or ticket.state_label == "In progress"`, ""},
		{`if: ticket.type == "bug"`, `error names/unknown-ticket-type: no ticket type is called "bug" (it is compared exactly: write "Bug")`},
		{`if: ticket.type == "Old type"`, `warning names/archived: the ticket type "Old type" is archived in Intercom: there are no new tickets of it`},
		{`if: ticket.state == "In progress"`, `error names/unknown-ticket-state: there is no state "In progress" of tickets (it is a label: compare ticket.state_label)`},
		{`if: ticket.previous_state == "closed"`, `error names/unknown-ticket-state: there is no state "closed" of tickets (states: in_progress, resolved, submitted, waiting_on_customer)`},
		{`if: ticket.state_label == "in progress"`, `error names/unknown-ticket-state: no state of tickets has the label "in progress" (did you mean "In progress"?)`},
		{`if: ticket.attributes["Severity"] == "High" and ticket.attributes.Count == "5" and ticket.attributes._default_title_ != nil`, ""},
		{`if: ticket.attributes.Severty != nil`, `error names/unknown-attribute: no ticket type has an attribute "Severty" (did you mean "Severity"?)`},
		{`if: ticket.attributes.Severity == "Hihg"`, `error names/attribute-type: the ticket attribute Severity is never "Hihg" (did you mean "High"?)`},
		{`if: ticket.attributes.Count == true`, `error names/attribute-type: the ticket attribute Count is a number, and is compared with true or false`},
	}
	atDesk(t, nil, func(d *desk) {
		s := d.snapshot(t)
		for _, tt := range tests {
			want := strings.ReplaceAll(tt.want, "TAG", s.Tags[0].ID)
			rs := parse(t, ruleText(tt.rule))
			if got := told(Check(rs, s)); got != want {
				t.Errorf("%s\n got %s\nwant %s", tt.rule, got, want)
			}
			if got := Check(rs, &Snapshot{Version: Version}); len(got) > 0 { // nothing is known
				t.Errorf("%s: %s", tt.rule, told(got))
			}
		}
	})
}

// ruleText is a file with one rule, which is about anything.
func ruleText(rule string) string {
	condition, action := "", rule
	if expression, ok := strings.CutPrefix(rule, "if: "); ok {
		condition, action = "\n    if: >-\n      "+expression, "note: seen"
	}
	when := "[conversation.user.created, ticket.created]"
	return fmt.Sprintf("version: 1\nlists: { plans: [pro, silver] }\nrules:\n  - name: r\n    when: %s%s\n    then:\n      - %s\n", when, condition, action)
}

// Places are those of the name or value itself, in every style of YAML; also in searches, settings, and
// in rules that are off.
func TestCheck_places(t *testing.T) {
	atDesk(t, nil, func(d *desk) {
		rs := parse(t, `version: 1
settings:
  admin: ops@acme.test
rules:
  - name: one
    when: conversation.user.created
    state: off
    any:
      - >-
        contact.email != nil
        and contact.custom_attributes.plna == "pro"
      - 'contact.custom_attributes["plan"] == "prro"'
    then:
      - tag: [VIP, 'Refnd']
      - assign: { team: "Finanz" }
      - reply: |
          Hello,

          you are on {{ contact.custom_attributes.plna }}.
      - set: { contact: { plna: pro, seats: many } }
  - name: two
    every: 1h
    search:
      operator: AND
      value:
        - { field: team_assignee_id, operator: "=", value: 817 }
        - { field: custom_attributes.Ordr, operator: "=", value: "{{ lists.plans[0] }}" }
    then:
      - close
lists:
  plans: [pro]
`)
		var b strings.Builder
		if err := diag.WriteText(&b, Check(rs, d.snapshot(t)), false); err != nil {
			t.Fatal(err)
		}
		golden(t, "places.txt", b.String())
	})
}

// A tag that a rule makes is known to the conditions of all.
func TestCheck_tags_that_rules_make(t *testing.T) {
	atDesk(t, nil, func(d *desk) {
		rs := parse(t, `version: 1
rules:
  - name: one
    when: conversation.user.created
    then: [tag: Escalated]
  - name: two
    when: conversation.user.replied
    if: has_tag("escalated") or "Escalated" in conversation.tags or "escalated" in conversation.tags
    then: [untag: ESCALATED]
`)
		want := `warning names/unknown-tag: no tag "Escalated" in the workspace: it is made when the rule first runs
warning names/unknown-tag: no tag is written "escalated", and it is compared exactly (write "Escalated", or use has_tag("escalated"))`
		if got := told(Check(rs, d.snapshot(t))); got != want {
			t.Errorf("got\n%s", got)
		}
	})
}

// Attributes that come with Intercom are no custom ones of contacts; of conversations they may be.
func TestCheck_attributes_of_Intercom(t *testing.T) {
	own := []Attribute{{Name: "email", Path: "email", DataType: "string"}}
	s := &Snapshot{ContactAttributes: own, ConversationAttributes: own}
	if got := told(Check(parse(t, ruleText(`if: conversation.custom_attributes.email == "x"`)), s)); got != "" {
		t.Error(got)
	}
	if got := Check(parse(t, ruleText(`if: contact.custom_attributes.email == "x"`)), s); len(got) != 1 || got[0].Code != CodeUnknownAttribute {
		t.Error(told(got))
	}
}

// In a workspace without any names, every name of every kind of action is told. What a new action
// names is to be among them.
func TestCheck_every_action(t *testing.T) {
	rs, problems := rules.LoadWithLoops([]string{"../app/testdata/everything.yaml"})
	if rs == nil {
		t.Fatal(told(problems))
	}
	nothing := &Snapshot{
		Admins: []Admin{}, Teams: []Team{}, Tags: []Tag{}, TicketTypes: []TicketType{},
		ContactAttributes: []Attribute{}, CompanyAttributes: []Attribute{}, ConversationAttributes: []Attribute{},
	}
	golden(t, "everything.txt", told(Check(rs, nothing))+"\n")
}

// What is archived beside what is not.
func TestCheck_archived(t *testing.T) {
	s := &Snapshot{
		Tags: []Tag{{ID: "1", Name: "VIP"}},
		TicketTypes: []TicketType{
			{ID: "71", Name: "Bug", States: []TicketState{{InternalLabel: "New"}, {InternalLabel: "Parked", Archived: true}}, Attributes: []TicketAttribute{
				{Name: "Gone", DataType: "string", Archived: true},
				{Name: "Severity", DataType: "list", Items: []Item{{"1", "Low"}, {"2", "High"}}},
			}},
			{ID: "72", Name: "Old", Archived: true, States: []TicketState{{InternalLabel: "Filed"}}, Attributes: []TicketAttribute{{Name: "Ancient", DataType: "string"}}},
			{ID: "73", Name: "Bug", Archived: true},
		},
		ContactAttributes: []Attribute{
			{Name: "plan", Path: "custom_attributes.plan", DataType: "integer", Custom: true, Writable: true, Archived: true},
			{Name: "plan", Path: "custom_attributes.plan", DataType: "string", Custom: true, Writable: true},
			{Name: "plan", Path: "custom_attributes.plan", DataType: "boolean", Custom: true, Writable: true, Archived: true},
			{Name: "locked", Path: "custom_attributes.locked", DataType: "string", Custom: true},
		},
	}
	for rule, want := range map[string]string{
		`if: contact.custom_attributes.plan == "pro"`:                         "",
		`set: { contact: { plan: pro } }`:                                     "",
		`set: { contact: { locked: "1" } }`:                                   "error names/read-only-attribute: the contact attribute locked cannot be set through the API",
		`if: has_tag(" vip ")`:                                                "",
		`if: ticket.attributes.Severity == "2"`:                               "",
		`if: ticket.attributes.Ancient == "x" and ticket.type == "Bug"`:       "",
		`if: ticket.state_label == "Filed" or ticket.state_label == "Parked"`: "",
		`set: { ticket: { Ancient: x } }`:                                     `error names/unknown-attribute: no ticket type has an attribute "Ancient"`,
		`set: { ticket: { gone: x } }`:                                        `error names/archived: the ticket attribute "gone" is archived in Intercom: it takes no new values (take it out of the archive, or name another)`,
		`ticket: { convert: { type: Bug, attributes: { Gone: x } } }`:         `error names/archived: the ticket attribute "Gone" is archived in Intercom: it takes no new values (take it out of the archive, or name another)`,
		`ticket: { state: Filed }`:                                            `error names/unknown-ticket-state: no ticket type has a state "Filed" (states: New)`,
		`ticket: { state: Parked }`:                                           `error names/unknown-ticket-state: no ticket type has a state "Parked" (states: New)`,
	} {
		if got := told(Check(parse(t, ruleText(rule)), s)); got != want {
			t.Errorf("%s\n got %s\nwant %s", rule, got, want)
		}
	}
}
