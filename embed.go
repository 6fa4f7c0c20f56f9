// Package switchboard holds the files that the program carries with it.
package switchboard

import _ "embed"

// ExampleRules is rules.example.yaml: what a new user starts from, and what the demo runs.
//
//go:embed rules.example.yaml
var ExampleRules []byte
