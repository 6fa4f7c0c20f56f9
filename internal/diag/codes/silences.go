package codes

import "switchboard/internal/diag"

// The codes about comments that silence. They cannot be silenced themselves.
const (
	Ignore       = "rules/ignore"
	UnusedIgnore = "rules/unused-ignore"
)

// ofSilences are about the comments that silence warnings.
var ofSilences = []diag.Code{
	{
		Name: Ignore, Severity: diag.Warning,
		Title: "a comment that should silence a warning does not",
		About: `It names no code, or one that does not exist, or that of an error; or it gives no reason. Errors cannot be
silenced: a file with one cannot be used. The reason is for whoever reads the rules next.`,
		Wrong: `- name: waved
  when: conversation.user.waved # switchboard:ignore rules/unknown-topic
  then:
    - tag: Waved
`,
		Right: `- name: waved
  when: conversation.user.waved # switchboard:ignore rules/unknown-topic: new since November
  then:
    - tag: Waved
`,
	},
	{
		Name: UnusedIgnore, Severity: diag.Warning,
		Title: "a comment silences nothing",
		About: `What it silenced is no longer there, or the comment stands in the wrong place: it is for its own line, or,
alone on a line, for what begins on the next one. Were it left, it would hide the next mistake of that kind. While
there are errors, this is not looked for.`,
		Wrong: `- name: bugs
  when: conversation.user.created # switchboard:ignore rules/unknown-topic: new since November
  then:
    - tag: Bug
`,
		Right: `- name: bugs
  when: conversation.user.created
  then:
    - tag: Bug
`,
	},
}
