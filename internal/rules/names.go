package rules

import (
	"strings"

	"switchboard/internal/actions"
	"switchboard/internal/diag"
)

// NameUse is a place where the rules refer to something of the workspace by its name, or compare an
// attribute with a value.
type NameUse struct {
	Kind actions.NameKind
	Name string
	// Of is what has the attribute: a model, or the name of a ticket type; empty for a type that is
	// not known.
	Of string
	// By tells how the name is compared, and Use what an action does with it besides.
	By  NameBy
	Use actions.NameUse
	// Value is what the attribute Name is set to, or compared with by Operator. Where it is, Place is
	// the place of the value; Compared or Set tells that there is one.
	Value    any
	Operator string
	Compared bool
	Set      bool
	// Place is a problem without a message: file, line, columns and source.
	Place diag.Problem
}

// NameBy is what a name is compared with.
type NameBy int

// The ways in which names are compared.
const (
	// ByReference: as the directory finds it, by id or any of its names, in any case.
	ByReference NameBy = iota
	// ByTagName: with the names of tags, in any case.
	ByTagName
	// ByID, ByName, ByEmail, ByLabel and ByCategory: with nothing but that, and exactly.
	ByID
	ByName
	ByEmail
	ByLabel
	ByCategory
)

// Names are the names of the workspace that the rules refer to. What a template or an expression makes
// is known only when a rule runs, and is not among them.
func (rs *Ruleset) Names() []NameUse {
	uses := rs.adminUse()
	seen := map[*sourceFile]bool{}
	for _, r := range rs.rules {
		if !seen[r.source] {
			seen[r.source] = true
			uses = append(uses, r.source.names...)
		}
		for _, a := range r.actions {
			naming, ok := a.spec.(actions.Naming)
			if !ok {
				continue
			}
			for _, n := range naming.Names() {
				uses = append(uses, r.source.nameUses(n)...)
			}
		}
	}
	return uses
}

// nameUses are the name of an action and the value that it sets.
func (f *sourceFile) nameUses(n actions.Name) []NameUse {
	use := NameUse{Kind: n.Kind, Name: n.Text, Of: n.Of, Use: n.Use, Place: f.place(f.nodeSpan(n.At))}
	if n.ValueAt == nil {
		return []NameUse{use}
	}
	value := use
	value.Set, value.Value, value.Place = true, n.Value, f.place(f.nodeSpan(n.ValueAt))
	return []NameUse{use, value}
}

// place is a problem at a place, of which nothing is said yet.
func (f *sourceFile) place(at span) diag.Problem {
	source := f.line(at.line)
	if len(source) > maxSourceLine {
		source = nil
	}
	return diag.Problem{File: f.name, Line: at.line, Column: at.column, EndColumn: at.endColumn, Source: string(source)}
}

// adminUse is settings.admin: where the first file says it.
func (rs *Ruleset) adminUse() []NameUse {
	if rs.admin == "" {
		return nil
	}
	for _, src := range rs.sources.Files {
		text := strings.TrimPrefix(string(src.Text), "\ufeff")
		doc, err := parseYAML(text)
		if err != nil { // it was read before
			continue
		}
		if n := valueBehind(valueBehind(doc.Content[0], "settings"), "admin"); n != nil {
			f := newSourceFile(src.Name, text)
			return []NameUse{{Kind: actions.NameAdmin, Name: rs.admin, Place: f.place(f.nodeSpan(n))}}
		}
	}
	return nil
}
