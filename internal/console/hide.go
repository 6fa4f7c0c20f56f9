package console

import (
	"context"
	"encoding/json"
	"fmt"

	"switchboard/internal/operations"
)

// hides tells whether what customers wrote, and what is known of them, is kept from whoever asks.
func (c *Console) hides(ctx context.Context) bool {
	return c.o.HideText && caller(ctx).Role.rank() < Operate.rank()
}

// hiddenText stands where something is hidden.
const hiddenText = "(hidden)"

// withoutText is an answer without what customers wrote and what is known of them. Whatever kind of answer is not
// known here is not given at all.
func withoutText(answer any) (any, error) {
	switch answer := answer.(type) {
	case operations.EventsAnswer, operations.TimersAnswer: // outcomes and words of rules
		return answer, nil
	case operations.EventAnswer:
		if answer.Payload != nil {
			answer.Payload = json.RawMessage(`"` + hiddenText + `"`)
		}
		if answer.Explained != nil {
			answer.Explained, answer.NotExplained = nil, "Why the rules did that is hidden from the role view here: it repeats what customers wrote."
		}
		answer.Done = actionsWithoutText(answer.Done)
		return answer, nil
	case operations.SubjectAnswer:
		for i := range answer.Entries {
			answer.Entries[i].Done = actionsWithoutText(answer.Entries[i].Done)
		}
		return answer, nil
	case operations.ActionsAnswer:
		answer.Actions = actionsWithoutText(answer.Actions)
		return answer, nil
	case operations.ActionAnswer:
		answer.ActionView = actionsWithoutText([]operations.ActionView{answer.ActionView})[0]
		for i := range answer.History {
			answer.History[i].Error = hiddenIf(answer.History[i].Error)
		}
		answer.Pick = nil // its record may name the contact
		return answer, nil
	}
	return nil, fmt.Errorf("nobody said what to hide in %T", answer)
}

// actionsWithoutText hides what actions send, and what Intercom said of it, which may repeat it.
func actionsWithoutText(list []operations.ActionView) []operations.ActionView {
	for i := range list {
		a := &list[i]
		a.Summary, a.Params = a.Kind, json.RawMessage(`"`+hiddenText+`"`)
		a.Error, a.Detail = hiddenIf(a.Error), hiddenIf(a.Detail)
	}
	return list
}

func hiddenIf(text string) string {
	if text == "" {
		return ""
	}
	return hiddenText
}
