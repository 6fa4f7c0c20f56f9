package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// candidate is a word that may stand at the end of a line of words, and what it means.
type candidate struct{ word, about string }

// candidates are the words that may stand in place of the last one.
func candidates(root *kong.Node, words []string) []candidate {
	if len(words) == 0 {
		words = []string{""}
	}
	at := place{node: root}
	for _, word := range words[:len(words)-1] {
		at.read(word)
	}
	return at.complete(words[len(words)-1])
}

// place is where one stands in a line that has been read in part.
type place struct {
	node    *kong.Node
	args    int        // positional arguments that were read
	flag    *kong.Flag // waits for its value
	literal bool       // "--" was read: no flags from here on
}

// read goes on by a word. What is unknown is passed over: the line is not finished yet.
func (p *place) read(word string) {
	switch {
	case p.flag != nil && word == "=": // bash hands "--flag=value" over as three words
	case p.flag != nil:
		p.flag = nil
	case p.literal || !strings.HasPrefix(word, "-") || word == "-":
		p.step(word)
	case word == "--":
		p.literal = true
	case !strings.Contains(word, "="):
		if flag := p.find(word); flag != nil && !flag.IsBool() {
			p.flag = flag
		}
	}
}

// step goes down to a command or past an argument.
func (p *place) step(word string) {
	for _, child := range p.node.Children {
		if p.args == 0 && child.Name == word {
			p.node = child
			return
		}
	}
	p.args++
}

// nodes are those whose flags may stand here: the command, those above it, and the one that is meant
// when none is named.
func (p *place) nodes() []*kong.Node {
	var nodes []*kong.Node
	for n := p.node; n != nil; n = n.Parent {
		nodes = append(nodes, n)
	}
	if p.node.DefaultCmd != nil {
		nodes = append(nodes, p.node.DefaultCmd)
	}
	return nodes
}

// find is the flag of that name.
func (p *place) find(word string) *kong.Flag {
	for _, n := range p.nodes() {
		for _, flag := range n.Flags {
			if word == "--"+flag.Name || flag.Short != 0 && word == "-"+string(flag.Short) {
				return flag
			}
		}
	}
	return nil
}

func (p *place) complete(word string) []candidate {
	name, value, assigned := strings.Cut(word, "=")
	switch {
	case p.flag != nil:
		return startingWith(strings.TrimPrefix(word, "="), values(p.flag.Value, ""))
	case !p.literal && assigned && strings.HasPrefix(word, "-"):
		if flag := p.find(name); flag != nil {
			return startingWith(name+"="+value, values(flag.Value, name+"="))
		}
		return nil
	case !p.literal && strings.HasPrefix(word, "-"):
		return startingWith(word, p.flags())
	}
	return startingWith(word, p.words())
}

// flags are those that may stand here.
func (p *place) flags() []candidate {
	var list []candidate
	for _, n := range p.nodes() {
		for _, flag := range n.Flags {
			if !flag.Hidden {
				list = append(list, candidate{"--" + flag.Name, firstLine(flag.Help)})
			}
		}
	}
	return list
}

// words are the commands or the values of the argument that may stand here.
func (p *place) words() []candidate {
	if p.args < len(p.node.Positional) {
		return values(p.node.Positional[p.args], "")
	}
	var list []candidate
	for _, child := range p.node.Children {
		if !child.Hidden && p.args == 0 && !p.literal {
			list = append(list, candidate{child.Name, firstLine(child.Help)})
		}
	}
	return list
}

// values are those that a flag or an argument is limited to.
func values(v *kong.Value, prefix string) []candidate {
	if v.Enum == "" {
		return nil
	}
	var list []candidate
	for _, word := range v.EnumSlice() {
		list = append(list, candidate{prefix + word, ""})
	}
	return list
}

func startingWith(prefix string, list []candidate) []candidate {
	var found []candidate
	for _, c := range list {
		if strings.HasPrefix(c.word, prefix) {
			found = append(found, c)
		}
	}
	return found
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.ReplaceAll(line, "\t", " ")
}
