package codes

import "switchboard/internal/diag"

// ofFiles are about files as such, and about YAML.
var ofFiles = []diag.Code{
	{
		Name: "rules/cannot-read", Severity: diag.Error,
		Title: "a file or folder cannot be read",
		About: `The path leads nowhere, the permissions forbid it, it is neither a file nor a folder (a pipe, for
instance), or the folder holds no rules file. Of a folder, ` + "`*.yaml` and `*.yml`" + ` directly inside are read,
but no ` + "`*.test.yaml`" + ` and no hidden files.`,
	},
	{
		Name: "rules/too-large", Severity: diag.Error,
		Title: "there is more of something than is allowed",
		About: `There are bounds for files, expressions and texts, for counters and their labels, and for the ways in
which rules can set each other off. The message says which bound it is.`,
	},
	{
		Name: "rules/not-utf8", Severity: diag.Error,
		Title: "the file is not in UTF-8",
		About: `Rules files are texts in UTF-8. Old editors write Latin-1 or UTF-16: save the file in UTF-8 again.`,
	},
	{
		Name: "rules/control-character", Severity: diag.Error,
		Title: "a character that nobody can see",
		About: `Control characters, and line ends that are neither those of Unix nor those of Windows, are not
allowed: an editor does not show them, and line numbers behind them would be wrong. They usually come from
copying text out of a web page.`,
	},
	{
		Name: "rules/empty", Severity: diag.Error,
		Title: "the file is empty",
		About: `A rules file begins with ` + "`version: 1`" + `. One that holds nothing, or only comments, is more likely
a mistake than a wish.`,
		Wrong: "# nothing here yet\n",
		Right: `version: 1
rules:
  - name: bugs
    when: conversation.user.created
    then:
      - tag: Bug
`,
	},
	{
		Name: "rules/no-rules", Severity: diag.Warning,
		Title: "there are no rules",
		About: `None of the files holds a rule, so Switchboard does nothing. Usually the wrong file was named, or
` + "`rules:`" + ` is missing.`,
		Wrong: `lists:
  vip_domains: [acme.com]
`,
		Right: `lists:
  vip_domains: [acme.com]
rules:
  - name: bugs
    when: conversation.user.created
    then:
      - tag: Bug
`,
	},
	{
		Name: "rules/version", Severity: diag.Error,
		Title: "the version of the rules format is unknown",
		About: `There is one version so far: 1.`,
		Wrong: `version: 2
rules:
  - name: bugs
    when: conversation.user.created
    then:
      - tag: Bug
`,
		Right: `version: 1
rules:
  - name: bugs
    when: conversation.user.created
    then:
      - tag: Bug
`,
	},
	{
		Name: "rules/syntax", Severity: diag.Error,
		Title: "the YAML cannot be read, or has something that rules have no use for",
		About: `Most often the indentation is wrong, a quote or bracket is not closed, or a text with a colon and a
space in it has no quotes. Anchors, aliases, tags and merge keys are not allowed: what is written is what holds.`,
		Wrong: `- name: bugs
  when: conversation.user.created
  then:
    - note: Found: a bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  then:
    - note: "Found: a bug"
`,
	},
	{
		Name: "rules/unknown-key", Severity: diag.Error,
		Title: "a key that does not exist here",
		About: `A misspelt key would otherwise be a setting that silently does nothing.
[rules.md](rules.md) lists the keys of rules, [actions.md](actions.md) those of actions.`,
		Wrong: `- name: bugs
  when: conversation.user.created
  frm: customer
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  from: customer
  then:
    - tag: Bug
`,
	},
	{
		Name: "rules/missing-key", Severity: diag.Error,
		Title: "a key that is needed is missing",
		About: `A file needs ` + "`version`, a rule `name`, `then`, and `when` or `every`" + `; some values are mappings with
keys of their own that are needed.`,
		Wrong: `- name: bugs
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
		Name: "rules/repeated-key", Severity: diag.Error,
		Title: "the same thing is said twice",
		About: `A key stands twice in one place, or two files set the same setting or name the same list, calendar or
counter. Which of the two holds would be a guess.`,
		Wrong: `- name: bugs
  when: conversation.user.created
  when: conversation.user.replied
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: [conversation.user.created, conversation.user.replied]
  then:
    - tag: Bug
`,
	},
	{
		Name: "rules/wrong-type", Severity: diag.Error,
		Title: "a value of the wrong kind",
		About: `A list where a text belongs, a text where a number belongs, nothing at all, and the like. What looks
like a number or like true or false is a text only in quotes.`,
		Wrong: `- name: bugs
  when: conversation.user.created
  then: Bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  then:
    - tag: Bug
`,
	},
	{
		Name: "rules/wrong-value", Severity: diag.Error,
		Title: "a value that is not one of those allowed",
		About: `The kind of the value is right, but not the value: a word that is not in the list, a number outside
its bounds, something that is not a duration.`,
		Wrong: `- name: bugs
  when: conversation.user.created
  once: day
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  once: conversation
  then:
    - tag: Bug
`,
	},
}
