package operations

import (
	"context"
	"slices"

	"switchboard/internal/event"
	"switchboard/internal/rules"
	"switchboard/internal/store"
)

// ChoicesRequest says for which workspace; all if it is empty.
type ChoicesRequest struct {
	Workspace string `json:"workspace,omitempty"`
}

// ChoicesAnswer is what a search can be for, in order of the alphabet; rules in that of the files.
type ChoicesAnswer struct {
	Workspaces []string            `json:"workspaces"`
	Topics     []string            `json:"topics"`
	Rules      []string            `json:"rules"` // those in use, then others that have run
	Outcomes   []string            `json:"outcomes"`
	States     []store.ActionState `json:"states"`
}

// Choices tells what a search can be for. Topics are those that are known and those of new events.
func (x Reader) Choices(ctx context.Context, s *store.Store, r ChoicesRequest) (answer ChoicesAnswer, err error) {
	workspace, err := x.workspace(r.Workspace)
	if err != nil {
		return answer, err
	}
	answer = ChoicesAnswer{Outcomes: rules.Results(), States: store.ActionStates()}
	if answer.Workspaces, err = s.Workspaces(ctx); err != nil {
		return answer, err
	}
	if answer.Topics, err = s.NewTopics(ctx); err != nil {
		return answer, err
	}
	answer.Topics = append(answer.Topics, event.Topics()...)
	slices.Sort(answer.Topics)
	answer.Topics = slices.Compact(answer.Topics)
	served := []string{workspace}
	if workspace == "" {
		served = answer.Workspaces
	}
	ran, err := s.RulesRun(ctx)
	answer.Rules = once(slices.Concat(x.inUse(served), ran))
	return answer, err
}

// inUse are the names of the rules of workspaces.
func (x Reader) inUse(workspaces []string) (names []string) {
	for _, one := range workspaces {
		if rs := x.Ruleset(one); rs != nil {
			for _, rule := range rs.Rules() {
				names = append(names, rule.Name)
			}
		}
	}
	return names
}

// once are names in their order, each but once.
func once(names []string) []string {
	list, seen := []string{}, map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	return list
}
