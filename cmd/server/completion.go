package main

import (
	"embed"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// completionScripts hand the words of the line to "switchboard complete" and show what it says.
//
//go:embed completion
var completionScripts embed.FS

type completionCmd struct {
	Shell string `arg:"" help:"Shell that the script is for: bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Help is shown below the flags.
func (*completionCmd) Help() string {
	return `Prints a script that has the shell complete commands, flags and their values.

  bash  switchboard completion bash > /usr/share/bash-completion/completions/switchboard
  zsh   switchboard completion zsh > /usr/share/zsh/vendor-completions/_switchboard
  fish  switchboard completion fish > /usr/share/fish/vendor_completions.d/switchboard.fish

For one session: source <(switchboard completion bash)`
}

// Run prints the script.
func (c *completionCmd) Run(io streams) error {
	script, err := completionScripts.ReadFile("completion/" + c.Shell)
	if err != nil {
		return err
	}
	_, err = io.out.Write(script)
	return err
}

// completeCmd is what the scripts call.
type completeCmd struct {
	Words []string `arg:"" optional:"" help:"Words of the line behind the program's name; the last is completed."`
}

// Run prints a line for everything that may stand in place of the last word, with a tab before what is
// said about it. Nothing is printed where a file is meant, or anything else.
func (c *completeCmd) Run(app *kong.Kong, io streams) error {
	return printCandidates(io.out, candidates(app.Model.Node, c.Words))
}

func printCandidates(w io.Writer, list []candidate) error {
	for _, found := range list {
		if _, err := fmt.Fprintf(w, "%s\t%s\n", found.word, found.about); err != nil {
			return err
		}
	}
	return nil
}
