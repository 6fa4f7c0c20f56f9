package actions

import (
	"context"
	"encoding/json"
	"strings"

	"gopkg.in/yaml.v3"

	"switchboard/internal/intercom"
)

// tag puts tags on the conversation, and creates those that do not exist:
//
//   - tag: VIP
//   - tag: [VIP, "Plan {{ company.plan }}"]
type tag struct{ repeatable }

// tagSpec is tag or untag as a rules file says it.
type tagSpec struct {
	onConversations
	kind  string
	names []Text
}

type tagParams struct {
	Tags []string `json:"tags"`
}

// maxTagName is a limit of our own; Intercom documents none.
const maxTagName = 255

// Name is "tag".
func (tag) Name() string { return "tag" }

// Parse reads the names.
func (tag) Parse(n *yaml.Node, d Decoder) Spec { return parseTags("tag", n, d) }

func parseTags(kind string, n *yaml.Node, d Decoder) Spec {
	n = target(n)
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	if len(nodes) == 0 || isNull(n) {
		d.Problem(n, CodeParameter, "write `"+kind+": NAME` or `"+kind+": [NAME, NAME]`", "%s needs the name of a tag", kind)
		return nil
	}
	s := &tagSpec{kind: kind}
	for _, node := range nodes {
		if t := requireText(node, d, "the name of a tag", false); t != nil {
			s.names = append(s.names, t)
		}
	}
	if len(s.names) < len(nodes) {
		return nil
	}
	return s
}

// Plan renders the names, each once.
func (s *tagSpec) Plan(p Plan) (json.RawMessage, error) {
	if _, err := conversationID(s.kind, p.Event.Subject); err != nil {
		return nil, err
	}
	var params tagParams
	seen := map[string]bool{}
	for _, t := range s.names {
		name, err := t.Render(p.Facts)
		if err != nil {
			return nil, err
		}
		name = strings.Join(strings.Fields(name), " ")
		switch folded := strings.ToLower(name); {
		case name == "":
			return nil, errorf("the name of a tag came out empty")
		case len(name) > maxTagName:
			return nil, errorf("the name of a tag came out longer than %d bytes", maxTagName)
		case !seen[folded]:
			seen[folded] = true
			params.Tags = append(params.Tags, name)
		}
	}
	return encodeParams(params)
}

// Summary names the tags as written.
func (s *tagSpec) Summary() string {
	names := make([]string, len(s.names))
	for i, t := range s.names {
		names[i] = constant(t)
	}
	return s.kind + " " + strings.Join(names, ", ")
}

// Do tags the conversation.
func (tag) Do(ctx context.Context, env *Env, c Call) (Result, error) {
	var p tagParams
	if err := decodeParams("tag", c.Params, &p); err != nil {
		return Result{}, err
	}
	t, err := resolve(ctx, env, "tag", c)
	if err != nil {
		return Result{}, err
	}
	for _, name := range p.Tags {
		if err := putTag(ctx, env, t, name); err != nil {
			return Result{}, err
		}
	}
	return Result{Detail: describeTags("tag", c.Params)}, nil
}

func putTag(ctx context.Context, env *Env, t aim, name string) error {
	known, err := env.Directory.Tag(ctx, name)
	if err != nil {
		return err
	}
	err = env.Client.TagConversation(ctx, t.conversation, string(known.ID), t.admin)
	if !intercom.NotFound(err) {
		return err
	}
	// Either the conversation is gone, or somebody deleted the tag since we looked.
	fresh, again := env.Directory.RecheckTag(ctx, known)
	switch {
	case again != nil:
		return again
	case fresh.ID == known.ID:
		return err
	}
	return env.Client.TagConversation(ctx, t.conversation, string(fresh.ID), t.admin)
}

func (tag) describe(params json.RawMessage) string { return describeTags("tag", params) }

func describeTags(kind string, params json.RawMessage) string {
	var p tagParams
	if decodeParams(kind, params, &p) != nil || len(p.Tags) == 0 {
		return kind
	}
	return kind + " " + short(strings.Join(p.Tags, ", "), 120)
}
