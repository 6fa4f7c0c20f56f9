package rules

import (
	"strings"

	"github.com/expr-lang/expr/ast"

	"switchboard/internal/actions"
	"switchboard/internal/event"
)

// Names in expressions are found when the expression is loaded: afterwards there are only functions
// and no places.

// namedFacts are the facts that hold a name or an id of the workspace. [] is an entry of a list.
var namedFacts = map[string]struct {
	kind actions.NameKind
	by   NameBy
}{
	"conversation.admin_assignee_id": {actions.NameAdmin, ByID},
	"conversation.team_assignee_id":  {actions.NameTeam, ByID},
	"conversation.tags[]":            {actions.NameTag, ByName},
	"contact.owner_id":               {actions.NameAdmin, ByID},
	"ticket.admin_assignee_id":       {actions.NameAdmin, ByID},
	"ticket.team_assignee_id":        {actions.NameTeam, ByID},
	"ticket.type":                    {actions.NameTicketType, ByName},
	"ticket.state":                   {actions.NameTicketState, ByCategory},
	"ticket.previous_state":          {actions.NameTicketState, ByCategory},
	"ticket.state_label":             {actions.NameTicketState, ByLabel},
	"admin.id":                       {actions.NameAdmin, ByID},
	"admin.name":                     {actions.NameAdmin, ByName},
	"admin.email":                    {actions.NameAdmin, ByEmail},
	"admin.team_ids[]":               {actions.NameTeam, ByID},
}

// namedFields are the same of Intercom's search grammar.
var namedFields = map[string]struct {
	kind actions.NameKind
	by   NameBy
}{
	"admin_assignee_id": {actions.NameAdmin, ByID},
	"team_assignee_id":  {actions.NameTeam, ByID},
	"owner_id":          {actions.NameAdmin, ByID},
	"tag_id":            {actions.NameTag, ByID},
	"tag_ids":           {actions.NameTag, ByID},
	"ticket_type_id":    {actions.NameTicketType, ByID},
}

// attributeHolders are the facts whose fields are attributes, with what has them.
var attributeHolders = map[string]string{
	"contact.custom_attributes":      event.KindContact,
	"company.custom_attributes":      event.KindCompany,
	"conversation.custom_attributes": event.KindConversation,
	"ticket.attributes":              event.KindTicket,
}

// entries are what the lists of objects hold. Others hold what is their path and [].
var entries = map[string]string{"companies": "company", "contacts": "contact", "conversations": "conversation"}

// fact is what a node of an expression stands for: a path of the schema, or an attribute.
type fact struct {
	path      string
	model     string
	attribute string
}

func (f fact) entry() fact {
	if f.path == "" {
		return fact{}
	}
	if of, ok := entries[f.path]; ok {
		return fact{path: of}
	}
	return fact{path: f.path + "[]"}
}

// noteNames notes the names of the workspace in an expression.
func (x *expression) noteNames(root ast.Node) {
	if x.p.file != nil {
		(&nameReader{x: x}).read(root)
	}
}

// noteSearch notes the names in a search of YAML. What its expressions hold was noted with them.
func (x *expression) noteSearch(what string, root ast.Node) {
	(&nameReader{x: x}).search(what, root)
}

// nameReader walks over an expression.
type nameReader struct {
	x *expression
	// variables are those declared with let so far; a name is not declared again inside.
	variables map[string]fact
	// around are the lists that are gone through, the innermost last: # is an entry of it.
	around []fact
}

func (r *nameReader) note(use NameUse, at ast.Node) {
	use.Place = r.x.p.file.place(r.x.spanOf(at.Location()))
	r.x.p.file.names = append(r.x.p.file.names, use)
}

func (r *nameReader) read(node ast.Node) {
	switch n := node.(type) {
	case nil:
		return
	case *ast.MemberNode:
		r.read(n.Node)
		r.read(n.Property)
		if f := r.fact(n); f.attribute != "" {
			r.note(attributeUse(f), n.Property)
		}
	case *ast.BinaryNode:
		r.read(n.Left)
		r.read(n.Right)
		r.comparison(n)
	case *ast.CallNode:
		r.call(n)
	case *ast.BuiltinNode:
		for _, argument := range n.Arguments {
			predicate, is := argument.(*ast.PredicateNode)
			if !is {
				r.read(argument)
				continue
			}
			r.around = append(r.around, r.fact(n.Arguments[0]).entry())
			r.read(predicate.Node)
			r.around = r.around[:len(r.around)-1]
		}
	case *ast.VariableDeclaratorNode:
		r.read(n.Value)
		if r.variables == nil {
			r.variables = map[string]fact{}
		}
		r.variables[n.Name] = r.fact(n.Value)
		r.read(n.Expr)
	default:
		for _, child := range children(node) {
			r.read(child)
		}
	}
}

func attributeUse(f fact) NameUse {
	if f.model == event.KindTicket {
		return NameUse{Kind: actions.NameTicketAttribute, Name: f.attribute, By: ByName}
	}
	return NameUse{Kind: actions.NameAttribute, Of: f.model, Name: f.attribute, By: ByName}
}

// fact tells what a node stands for; the zero fact is anything else.
func (r *nameReader) fact(node ast.Node) fact {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		if f, ok := r.variables[n.Value]; ok {
			return f
		}
		return fact{path: n.Value}
	case *ast.ChainNode:
		return r.fact(n.Node)
	case *ast.MemberNode:
		return r.member(n)
	case *ast.SliceNode:
		return r.fact(n.Node)
	case *ast.PointerNode:
		if n.Name == "" && len(r.around) > 0 {
			return r.around[len(r.around)-1]
		}
	case *ast.CallNode:
		if f, ok := n.Callee.(*ast.IdentifierNode); ok && entries[f.Value] != "" {
			return fact{path: f.Value}
		}
	case *ast.BuiltinNode:
		switch n.Name {
		case "filter", "sort", "sortBy", "reverse", "take", "uniq":
			return r.fact(n.Arguments[0])
		case "find", "findLast", "first", "last":
			return r.fact(n.Arguments[0]).entry()
		}
	case *ast.BinaryNode:
		if n.Operator == "??" {
			return r.fact(n.Left)
		}
	}
	return fact{}
}

func (r *nameReader) member(n *ast.MemberNode) fact {
	base := r.fact(n.Node)
	if base.path == "" {
		return fact{}
	}
	name, isName := n.Property.(*ast.StringNode)
	if model, holds := attributeHolders[base.path]; holds {
		if isName {
			return fact{model: model, attribute: name.Value}
		}
		return fact{}
	}
	if !isName {
		return base.entry()
	}
	return fact{path: base.path + "." + name.Value}
}

// comparison notes what a fact is compared with.
func (r *nameReader) comparison(n *ast.BinaryNode) {
	switch n.Operator {
	case "==", "!=", "<", "<=", ">", ">=":
		r.compared(r.fact(n.Left), n.Operator, n.Right)
		r.compared(r.fact(n.Right), n.Operator, n.Left)
	case "contains", "startsWith", "endsWith", "matches":
		r.compared(r.fact(n.Left), n.Operator, n.Right)
	case "in":
		r.compared(r.fact(n.Right).entry(), "==", n.Left)
		r.anyOf(r.fact(n.Left), n.Right)
	}
}

// anyOf notes the values of a list that a fact may be one of.
func (r *nameReader) anyOf(f fact, node ast.Node) {
	if array, ok := node.(*ast.ArrayNode); ok {
		for _, item := range array.Nodes {
			r.compared(f, "==", item)
		}
		return
	}
	if list, ok := (&compiler{x: r.x}).listNamed(node); ok {
		for _, v := range list.values {
			r.comparedWith(f, "==", v, node)
		}
	}
}

// compared notes a value that is written out.
func (r *nameReader) compared(f fact, operator string, node ast.Node) {
	if v, ok := literal(node); ok {
		r.comparedWith(f, operator, v, node)
	}
}

func (r *nameReader) comparedWith(f fact, operator string, v any, at ast.Node) {
	if f.attribute != "" {
		use := attributeUse(f)
		use.Compared, use.Operator, use.Value = true, operator, v
		r.note(use, at)
		return
	}
	named, ok := namedFacts[f.path]
	text, isText := v.(string)
	if ok && isText && text != "" && (operator == "==" || operator == "!=") {
		r.note(NameUse{Kind: named.kind, By: named.by, Name: text}, at)
	}
}

// call notes the tags of has_tag and the names in searches.
func (r *nameReader) call(n *ast.CallNode) {
	for _, argument := range n.Arguments {
		r.read(argument)
	}
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return
	}
	switch callee.Value {
	case "has_tag":
		for _, argument := range n.Arguments {
			if text, ok := argument.(*ast.StringNode); ok {
				r.note(NameUse{Kind: actions.NameTag, By: ByTagName, Name: text.Value}, text)
			}
		}
	case "contacts", "conversations":
		if len(n.Arguments) > 0 {
			r.search(callee.Value, n.Arguments[0])
		}
	}
}

// search notes the names in a search that is written out.
func (r *nameReader) search(what string, node ast.Node) {
	m, ok := node.(*ast.MapNode)
	if !ok {
		return
	}
	values := map[string]ast.Node{}
	for _, p := range m.Pairs {
		pair := p.(*ast.PairNode)
		if name, ok := pair.Key.(*ast.StringNode); ok {
			values[name.Value] = pair.Value
		}
	}
	field, single := values["field"].(*ast.StringNode)
	switch list, group := values["value"].(*ast.ArrayNode); {
	case single && values["value"] != nil:
		r.filter(what, field, field.Value, values["value"])
	case group && values["operator"] != nil:
		for _, filter := range list.Nodes {
			r.search(what, filter)
		}
	default:
		for _, p := range m.Pairs {
			pair := p.(*ast.PairNode)
			if name, ok := pair.Key.(*ast.StringNode); ok {
				r.filter(what, name, name.Value, pair.Value)
			}
		}
	}
}

// filter notes the attribute that a filter names, or the ids that it wants.
func (r *nameReader) filter(what string, at ast.Node, field string, value ast.Node) {
	if name, ok := strings.CutPrefix(field, "custom_attributes."); ok {
		r.note(attributeUse(fact{model: entries[what], attribute: name}), at)
		return
	}
	named, ok := namedFields[field]
	if !ok {
		return
	}
	wanted := []ast.Node{value}
	if array, ok := value.(*ast.ArrayNode); ok {
		wanted = array.Nodes
	}
	for _, node := range wanted {
		v, written := literal(node)
		if id := idText(v); written && id != "" {
			r.note(NameUse{Kind: named.kind, By: named.by, Name: id}, node)
		}
	}
}
