package main

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"switchboard/internal/console"
)

type tokenCmd struct {
	Name string `arg:"" help:"Who it is for."`
	Role string `help:"What they may do: view (read) or operate (read and change)." enum:"view,operate" required:""`
}

// Help is shown below the flags.
func (*tokenCmd) Help() string {
	return `The token is printed once and kept nowhere. The entry goes below people: in the file that
serve --access names, which is taken over within seconds.`
}

// Run makes the token.
func (c *tokenCmd) Run(io streams) error {
	if !console.GoodName(c.Name) {
		return usageError{fmt.Errorf("%q is no name: use up to 64 letters, digits and . _ - @", c.Name)}
	}
	token := "swb_" + rand.Text()
	_, err := fmt.Fprintf(io.out, `Token, for %s alone: %s

Entry for the file of people:

  - name: %q
    role: %s
    token_sha256: %x
`, c.Name, token, c.Name, c.Role, sha256.Sum256([]byte(token)))
	return err
}
