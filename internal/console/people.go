package console

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"switchboard/internal/diag"
)

// A file of people says who may come in, by the hash of their token:
//
//	version: 1
//	people:
//	  - name: ada
//	    role: operate
//	    token_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

// People are those of a file, which is read again when it changes, and those of the environment.
type People struct {
	fixed []Person
	path  string
	log   *slog.Logger

	mu     sync.Mutex
	looked time.Time
	text   []byte
	list   []Person
}

// lookAgain is how long the file is taken for unchanged.
const lookAgain = 2 * time.Second

// OpenPeople reads the file, if there is one. Its problems are returned.
func OpenPeople(fixed []Person, path string, log *slog.Logger) (*People, []diag.Problem) {
	p := &People{fixed: fixed, path: path, log: log, list: fixed}
	if path == "" {
		return p, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, []diag.Problem{unreadable(path, err)}
	}
	list, problems := parsePeople(path, text)
	if diag.HasErrors(problems) {
		return nil, problems
	}
	p.text, p.list, p.looked = text, slices.Concat(fixed, list), time.Now()
	return p, problems
}

// Now are those who may come in now. A bad file keeps the old ones.
func (p *People) Now() []Person {
	if p.path == "" {
		return p.list
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.looked) >= lookAgain {
		p.looked = time.Now()
		p.reread()
	}
	return p.list
}

func (p *People) reread() {
	text, err := os.ReadFile(p.path)
	if err != nil {
		p.log.Error("the file of people cannot be read: those of before may go on coming in", "err", err)
		return
	}
	if bytes.Equal(text, p.text) {
		return
	}
	p.text = text // its problems are told once
	list, problems := parsePeople(p.path, text)
	if diag.HasErrors(problems) {
		for _, one := range problems {
			p.log.Error("the changed file of people is not taken over: those of before may go on coming in",
				"place", fmt.Sprintf("%s:%d:%d", one.File, one.Line, one.Column), "problem", one.Message, "hint", one.Hint)
		}
		return
	}
	p.list = slices.Concat(p.fixed, list)
	p.log.Info("the changed file of people was taken over", "people", len(list))
}

func unreadable(path string, err error) diag.Problem {
	if inner, ok := errors.AsType[*os.PathError](err); ok {
		err = inner.Err
	}
	return diag.Problem{File: path, Severity: diag.Error, Code: "access/file", Message: "cannot be read: " + err.Error()}
}

func parsePeople(path string, text []byte) ([]Person, []diag.Problem) {
	r := &peopleReader{file: path, names: map[string]bool{"admin": true, "viewer": true, "local": true}, tokens: map[string]bool{}}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		// The parser's words may repeat what stands there.
		return nil, []diag.Problem{{File: path, Severity: diag.Error, Code: "access/yaml", Message: "this is not YAML", Hint: "switchboard token prints an entry to paste"}}
	}
	if len(doc.Content) == 0 {
		return nil, []diag.Problem{{File: path, Severity: diag.Error, Code: "access/none", Message: "the file is empty", Hint: "write people: with an entry for each"}}
	}
	r.read(doc.Content[0])
	diag.Sort(r.problems)
	return r.list, r.problems
}

type peopleReader struct {
	file          string
	names, tokens map[string]bool
	list          []Person
	problems      []diag.Problem
}

// problem tells of one at a place. The line itself is not shown: a token may stand there.
func (r *peopleReader) problem(n *yaml.Node, code, hint, format string, args ...any) {
	r.problems = append(r.problems, diag.Problem{
		File: r.file, Line: n.Line, Column: n.Column, Severity: diag.Error, Code: "access/" + code, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// fields hands the values of a mapping to the readers of their keys. All are needed.
func (r *peopleReader) fields(n *yaml.Node, known map[string]func(*yaml.Node), keys ...string) {
	if n.Kind != yaml.MappingNode {
		r.problem(n, "type", "", "a mapping with %s is expected here", strings.Join(keys, ", "))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch read := known[key.Value]; {
		case read == nil:
			r.problem(key, "unknown-key", "the keys are "+strings.Join(keys, ", "), "unknown key")
		case seen[key.Value]:
			r.problem(key, "twice", "keep one", "%q stands here twice", key.Value)
		default:
			seen[key.Value] = true
			read(n.Content[i+1])
		}
	}
	for _, key := range keys {
		if !seen[key] {
			r.problem(n, "missing", "", "%s is missing", key)
		}
	}
}

func (r *peopleReader) read(root *yaml.Node) {
	r.fields(root, map[string]func(*yaml.Node){
		"version": func(n *yaml.Node) {
			if n.Value != "1" {
				r.problem(n, "version", "write version: 1", "this version is unknown")
			}
		},
		"people": func(n *yaml.Node) {
			if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
				r.problem(n, "none", "switchboard token prints an entry to paste", "nobody is named")
				return
			}
			for _, one := range n.Content {
				r.person(one)
			}
		},
	}, "version", "people")
}

func (r *peopleReader) person(n *yaml.Node) {
	var p Person
	r.fields(n, map[string]func(*yaml.Node){
		"name": func(n *yaml.Node) {
			p.Name = n.Value
			switch {
			case !GoodName(p.Name):
				r.problem(n, "name", "use up to 64 letters, digits and . _ - @", "this is no name")
			case r.names[p.Name]:
				r.problem(n, "name", "give each a name of their own; admin, viewer and local are taken", "the name %s is there twice", p.Name)
			}
			r.names[p.Name] = true
		},
		"role": func(n *yaml.Node) {
			if p.Role = Role(n.Value); p.Role != View && p.Role != Operate {
				r.problem(n, "role", "write view or operate", "this role is unknown")
			}
		},
		"token_sha256": func(n *yaml.Node) {
			sum, err := hex.DecodeString(n.Value)
			if err != nil || len(sum) != len(p.SHA256) {
				r.problem(n, "hash", "switchboard token prints an entry to paste; a token itself does not belong here", "this is no SHA-256 in hexadecimal")
				return
			}
			if r.tokens[string(sum)] {
				r.problem(n, "hash", "give each a token of their own", "somebody else has this token")
			}
			r.tokens[string(sum)] = true
			copy(p.SHA256[:], sum)
		},
	}, "name", "role", "token_sha256")
	r.list = append(r.list, p)
}

// GoodName tells whether somebody can be called that.
func GoodName(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-@", c)
	})
}
