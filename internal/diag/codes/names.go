package codes

import "switchboard/internal/diag"

// ofNames are about names that the workspace does not have. check finds them with --online or --snapshot.
var ofNames = []diag.Code{
	{
		Name: "names/unknown-admin", Severity: diag.Error, Varies: true, Online: true,
		Title: "the workspace has no such teammate",
		About: `No teammate has this e-mail address, name or id. In a condition that compares with somebody who has left it is a
warning: old conversations may still name them.`,
	},
	{
		Name: "names/unknown-team", Severity: diag.Error, Varies: true, Online: true,
		Title: "the workspace has no such team",
		About: `No team has this name or id. A condition compares ids of teams: a name there never matches, and an id
that no team has is a warning.`,
	},
	{
		Name: "names/unknown-tag", Severity: diag.Warning, Varies: true, Online: true,
		Title: "the workspace has no such tag",
		About: "`tag`" + ` makes a tag that does not exist when the rule first runs, so this may be meant. A condition or ` + "`untag`" + `
finds none until then; a search that compares it with ids is an error.`,
	},
	{
		Name: "names/unknown-attribute", Severity: diag.Error, Online: true,
		Title: "the workspace has no such attribute",
		About: `Contacts, companies, conversations or tickets have no attribute of this name. A condition would find it absent
for ever, and an action would fail.`,
	},
	{
		Name: "names/attribute-type", Severity: diag.Error, Online: true,
		Title: "an attribute cannot have this value",
		About: `It is set to, or compared with, what it can never be: a text where it is a number, or none of the options of
its list.`,
	},
	{
		Name: "names/read-only-attribute", Severity: diag.Error, Online: true,
		Title: "the attribute cannot be set",
		About: `It comes with Intercom, or its settings forbid the API to write it.`,
	},
	{
		Name: "names/unknown-ticket-type", Severity: diag.Error, Online: true,
		Title: "the workspace has no such ticket type",
		About: `No ticket type has this name. A condition compares names exactly as they are written.`,
	},
	{
		Name: "names/unknown-ticket-state", Severity: diag.Error, Online: true,
		Title: "no ticket type has such a state",
		About: "`ticket.state`" + ` is the category, such as in_progress; ` + "`ticket.state_label`" + ` is the label as teammates see it.
The action takes either.`,
	},
	{
		Name: "names/ticket-category", Severity: diag.Error, Online: true,
		Title: "conversations cannot become tickets of this type",
		About: `Intercom converts conversations to tickets for customers only. Name a type of that category, or use ` + "`create`" + `.`,
	},
	{
		Name: "names/archived", Severity: diag.Error, Varies: true, Online: true,
		Title: "it is archived in Intercom",
		About: `An archived attribute takes no new values, and of an archived ticket type no tickets can be made. In a condition
it is a warning: old objects may still have it.`,
	},
	{
		Name: "names/ambiguous", Severity: diag.Error, Online: true,
		Title: "several have this name",
		About: `The service would not know which one is meant, and the action would fail. Use the id.`,
	},
	{
		Name: "names/no-inbox-seat", Severity: diag.Error, Online: true,
		Title: "the teammate cannot be assigned conversations",
		About: `They have no inbox seat in Intercom.`,
	},
}
