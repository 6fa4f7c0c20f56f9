package codes

import "switchboard/internal/diag"

// ofExpressions are about conditions, searches, and expressions in texts.
var ofExpressions = []diag.Code{
	{
		Name: "rules/expression", Severity: diag.Error,
		Title: "the expression cannot be read",
		About: `It is empty, ends too early, has something in the wrong place, or uses a part of the expression language
that rules do not have. See [expressions](rules.md#expressions).`,
		Wrong: `- name: bugs
  when: conversation.user.created
  if: message.text contains
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  if: message.text contains "bug"
  then:
    - tag: Bug
`,
	},
	{
		Name: "rules/unknown-name", Severity: diag.Error,
		Title: "there is no such name or function",
		About: `[facts.md](facts.md) lists what expressions can ask about, [functions.md](functions.md) what they can call.
A text stands in quotes: without them it is a name.`,
		Wrong: `- name: bugs
  when: conversation.user.created
  if: mesage.text contains "bug"
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  if: message.text contains "bug"
  then:
    - tag: Bug
`,
	},
	{
		Name: "rules/unknown-field", Severity: diag.Error,
		Title: "there is no such field or list",
		About: `[facts.md](facts.md) lists the fields of every object. What a workspace defines itself stands in
` + "`custom_attributes`" + `. Lists stand in ` + "`lists:`" + ` of a file.`,
		Wrong: `- name: acme
  when: conversation.user.created
  if: contact.emial endsWith "@acme.com"
  then:
    - tag: Acme
`,
		Right: `- name: acme
  when: conversation.user.created
  if: contact.email endsWith "@acme.com"
  then:
    - tag: Acme
`,
	},
	{
		Name: "rules/type", Severity: diag.Error,
		Title: "the expression does not fit together",
		About: `A text is compared with a number, a function gets what it cannot use, a condition is not true or false.
Attributes of a workspace can be anything: compare them with the value that is meant.`,
		Wrong: `- name: vip
  when: conversation.user.created
  if: contact.custom_attributes.vip
  then:
    - tag: VIP
`,
		Right: `- name: vip
  when: conversation.user.created
  if: contact.custom_attributes.vip == true
  then:
    - tag: VIP
`,
	},
	{
		Name: "rules/regexp", Severity: diag.Error,
		Title: "the regular expression is wrong",
		About: `Regular expressions are those of RE2: without look-ahead and back references, and in time that does not
explode.`,
		Wrong: `- name: bugs
  when: conversation.user.created
  if: message.text matches "(?i)(bug|crash"
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  if: message.text matches "(?i)(bug|crash)"
  then:
    - tag: Bug
`,
	},
	{
		Name: "rules/template", Severity: diag.Error,
		Title: "an expression in a text is not closed",
		About: `What begins with ` + "`{{`" + ` ends with ` + "`}}`" + `. To have the two characters themselves in
a text, write ` + "`{{ \"{{\" }}`" + `.`,
		Wrong: `- name: bugs
  when: conversation.user.created
  then:
    - note: "Written by {{ contact.name"
`,
		Right: `- name: bugs
  when: conversation.user.created
  then:
    - note: "Written by {{ contact.name }}"
`,
	},
	{
		Name: "rules/search", Severity: diag.Error,
		Title: "Intercom cannot search like this",
		About: `A field that cannot be searched, an operator that the field does not take, a value of the wrong kind, or one
that the field never has. Searches are written out, so that they can be checked before Intercom sees them. See
[searches](rules.md#searches).`,
		Wrong: `- name: close-stale
  every: 1d
  search: { stat: snoozed }
  then:
    - close
`,
		Right: `- name: close-stale
  every: 1d
  search: { state: snoozed }
  then:
    - close
`,
	},
}
