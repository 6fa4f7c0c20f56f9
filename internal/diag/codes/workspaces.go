package codes

import "switchboard/internal/diag"

// ofWorkspaces are about the file that names several workspaces. serve reads it, check does not.
var ofWorkspaces = []diag.Code{
	{
		Name: "workspaces/file", Severity: diag.Error,
		Title: "the file of workspaces cannot be read",
		About: `The path of ` + "`--workspaces`" + ` leads nowhere, or the permissions forbid it. See
[workspaces.md](workspaces.md).`,
	},
	{
		Name: "workspaces/yaml", Severity: diag.Error,
		Title: "the YAML of the file of workspaces cannot be read",
		About: `Most often the indentation is wrong, or a quote is not closed.`,
	},
	{
		Name: "workspaces/empty", Severity: diag.Error,
		Title: "the file of workspaces is empty",
		About: `It needs ` + "`workspaces:`" + ` with an entry for each app id.`,
	},
	{
		Name: "workspaces/version", Severity: diag.Error,
		Title: "the version of the file of workspaces is unknown",
		About: `There is one version so far: 1.`,
	},
	{
		Name: "workspaces/none", Severity: diag.Error,
		Title: "no workspace is named",
		About: "`workspaces:`" + ` has an entry for each workspace, under its app id.`,
	},
	{
		Name: "workspaces/type", Severity: diag.Error,
		Title: "a value of the wrong kind in the file of workspaces",
		About: `A mapping stands where a text belongs, or the other way round.`,
	},
	{
		Name: "workspaces/unknown-key", Severity: diag.Error,
		Title: "a key that does not exist in the file of workspaces",
		About: `A misspelt key would otherwise be a setting that silently does nothing.`,
	},
	{
		Name: "workspaces/twice", Severity: diag.Error,
		Title: "a key or a workspace stands twice",
		About: `Which of the two holds would be a guess.`,
	},
	{
		Name: "workspaces/missing", Severity: diag.Error,
		Title: "a workspace lacks its token, secrets or rules",
		About: `Each workspace has an access token, one client secret at least, and rules.`,
	},
	{
		Name: "workspaces/name", Severity: diag.Error,
		Title: "two workspaces have the same name",
		About: `The name stands in logs and metrics, so each needs one of its own.`,
	},
	{
		Name: "workspaces/secret", Severity: diag.Error,
		Title: "a secret is not named by environment or file",
		About: `Secrets stand in the environment or in files of their own, so that this file can be reviewed. The
variable or file must be there and not empty.`,
		Wrong: `workspaces:
  abc123:
    token: dG9rOmFiYw
`,
		Right: `workspaces:
  abc123:
    token: { env: ACME_TOKEN }
`,
	},
	{
		Name: "workspaces/rules", Severity: diag.Error,
		Title: "the rules of a workspace are not there",
		About: `A path of ` + "`rules:`" + ` is relative to the folder of the file of workspaces.`,
	},
	{
		Name: "workspaces/region", Severity: diag.Error,
		Title: "the region is unknown",
		About: `Intercom hosts workspaces in ` + "`us`, `eu` and `au`" + `.`,
	},
	{
		Name: "workspaces/share", Severity: diag.Error,
		Title: "the share of the rate limit is out of bounds",
		About: "`budget_share`" + ` is a part of the rate limit: above 0, and 1 at most.`,
	},
}
