package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/app"
	"switchboard/internal/diag"
	"switchboard/internal/intercom"
)

// A workspaces file names the workspaces that one process serves, by app id:
//
//	version: 1
//	workspaces:
//	  abc12345:
//	    name: acme
//	    token: { env: ACME_TOKEN }
//	    secrets: [{ file: /run/secrets/acme }]
//	    region: eu
//	    rules: [rules/acme]
//
// Secrets stand in the environment or in files of their own, so that this one can be reviewed.

// readWorkspaces reads the file. Paths of rules are relative to its folder.
func readWorkspaces(path string) ([]app.Workspace, []diag.Problem) {
	r := &workspacesReader{file: path, dir: filepath.Dir(path), names: map[string]string{}}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		r.problems = append(r.problems, diag.Problem{File: path, Severity: diag.Error, Code: "workspaces/file", Message: plainError(err)})
		return nil, r.problems
	}
	r.lines = bytes.Split(text, []byte("\n"))
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		r.problems = append(r.problems, diag.Problem{File: path, Severity: diag.Error, Code: "workspaces/yaml", Message: strings.TrimPrefix(err.Error(), "yaml: ")})
		return nil, r.problems
	}
	if len(doc.Content) == 0 {
		r.problems = append(r.problems, diag.Problem{
			File: path, Severity: diag.Error, Code: "workspaces/empty", Message: "the file is empty", Hint: "write workspaces: with an entry for each app id",
		})
		return nil, r.problems
	}
	r.read(doc.Content[0])
	diag.Sort(r.problems)
	if diag.HasErrors(r.problems) {
		return nil, r.problems
	}
	return r.list, r.problems
}

func plainError(err error) string {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return "cannot be read: " + pathErr.Err.Error()
	}
	return err.Error()
}

type workspacesReader struct {
	file, dir string
	lines     [][]byte
	problems  []diag.Problem
	names     map[string]string // of workspaces, to their app ids
	list      []app.Workspace
}

func (r *workspacesReader) problem(n *yaml.Node, code, hint, format string, args ...any) {
	p := diag.Problem{
		File: r.file, Line: n.Line, Column: n.Column, EndColumn: n.Column + max(len([]rune(n.Value)), 1), Severity: diag.Error,
		Code: "workspaces/" + code, Message: fmt.Sprintf(format, args...), Hint: hint,
	}
	if n.Line > 0 && n.Line <= len(r.lines) {
		p.Source = string(bytes.TrimRight(r.lines[n.Line-1], "\r"))
	}
	r.problems = append(r.problems, p)
}

// fields hands each value of a mapping to the reader of its key, and tells of keys that are unknown or
// come twice.
func (r *workspacesReader) fields(n *yaml.Node, known map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.problem(n, "type", "", "a mapping is expected here")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case !ok:
			names := make([]string, 0, len(known))
			for name := range known {
				names = append(names, name)
			}
			hint := ""
			slices.Sort(names)
			if closest, ok := diag.Closest(key.Value, names); ok {
				hint = fmt.Sprintf("did you mean %q?", closest)
			}
			r.problem(key, "unknown-key", hint, "unknown key %q", key.Value)
		case seen[key.Value]:
			r.problem(key, "twice", "keep one", "%q stands here twice", key.Value)
		default:
			read(value)
		}
		seen[key.Value] = true
	}
}

func (r *workspacesReader) read(root *yaml.Node) {
	r.fields(root, map[string]func(*yaml.Node){
		"version": func(n *yaml.Node) {
			if n.Value != "1" {
				r.problem(n, "version", "write version: 1", "version %q is unknown", n.Value)
			}
		},
		"workspaces": func(n *yaml.Node) {
			if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
				r.problem(n, "none", "write an entry for each app id", "no workspace is named")
				return
			}
			seen := map[string]bool{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				if id := n.Content[i].Value; seen[id] {
					r.problem(n.Content[i], "twice", "keep one", "the workspace %s stands here twice", id)
				} else {
					seen[id] = true
					r.workspace(n.Content[i], n.Content[i+1])
				}
			}
		},
	})
}

func (r *workspacesReader) workspace(key, n *yaml.Node) {
	w := app.Workspace{ID: key.Value, Name: key.Value}
	region := "us"
	var regionAt *yaml.Node
	r.fields(n, map[string]func(*yaml.Node){
		"name": func(n *yaml.Node) { w.Name = r.text(n) },
		"token": func(n *yaml.Node) {
			w.Token = r.secret(n)
		},
		"secrets": func(n *yaml.Node) {
			for _, one := range r.items(n) {
				w.Secrets = append(w.Secrets, splitSecrets(r.secret(one))...)
			}
		},
		"http_secret": func(n *yaml.Node) { w.HTTPSecret = r.secret(n) },
		"region":      func(n *yaml.Node) { region, regionAt = r.text(n), n },
		"base_url":    func(n *yaml.Node) { w.BaseURL = r.text(n) },
		"rules": func(n *yaml.Node) {
			for _, one := range r.items(n) {
				path := r.text(one)
				if !filepath.IsAbs(path) {
					path = filepath.Join(r.dir, path)
				}
				if _, err := os.Stat(path); err != nil {
					r.problem(one, "rules", "", "%s: %s", path, plainError(err))
				}
				w.Rules = append(w.Rules, path)
			}
		},
		"budget_share": func(n *yaml.Node) {
			if n.Decode(&w.Share) != nil || !(w.Share > 0 && w.Share <= 1) {
				r.problem(n, "share", "write a part of the rate limit, such as 0.8", "budget_share %q is not above 0 and up to 1", n.Value)
			}
		},
	})
	for _, needed := range [][2]string{
		{"token", "write token: { env: NAME } or { file: PATH }"},
		{"secrets", "write secrets: [{ env: NAME }]"},
		{"rules", "write rules: [FILE or FOLDER]"},
	} {
		if !slices.ContainsFunc(n.Content, func(one *yaml.Node) bool { return one.Value == needed[0] }) {
			r.problem(key, "missing", needed[1], "the workspace %s has no %s", key.Value, needed[0])
		}
	}
	if w.BaseURL == "" {
		url, err := intercom.RegionURL(region)
		if err != nil && regionAt != nil {
			r.problem(regionAt, "region", "write us, eu or au", "region %q is unknown", region)
		}
		w.BaseURL = url
	}
	if other, ok := r.names[w.Name]; ok {
		r.problem(key, "name", "give each a name of its own", "the workspaces %s and %s have the same name, %q", other, key.Value, w.Name)
	}
	r.names[w.Name] = key.Value
	r.list = append(r.list, w)
}

func (r *workspacesReader) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		r.problem(n, "type", "", "a text is expected here")
	}
	return n.Value
}

func (r *workspacesReader) items(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

// secret reads { env: NAME } or { file: PATH }.
func (r *workspacesReader) secret(n *yaml.Node) (value string) {
	if n.Kind != yaml.MappingNode {
		at := *n
		at.Value = "" // what stands here may be a secret
		r.problem(&at, "secret", "write { env: NAME } or { file: PATH }", "a secret does not stand in this file itself")
		r.problems[len(r.problems)-1].Source = ""
		return ""
	}
	r.fields(n, map[string]func(*yaml.Node){
		"env": func(n *yaml.Node) {
			if value = strings.TrimSpace(os.Getenv(n.Value)); value == "" {
				r.problem(n, "secret", "set it, or name another", "the environment has no %s", n.Value)
			}
		},
		"file": func(n *yaml.Node) {
			path := n.Value
			if !filepath.IsAbs(path) {
				path = filepath.Join(r.dir, path)
			}
			content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
			if value = strings.TrimSpace(string(content)); err != nil {
				r.problem(n, "secret", "", "%s: %s", path, plainError(err))
			} else if value == "" {
				r.problem(n, "secret", "", "%s is empty", path)
			}
		},
	})
	if len(n.Content) != 2 {
		r.problem(n, "secret", "write { env: NAME } or { file: PATH }", "a secret is named by env or by file")
	}
	return value
}
