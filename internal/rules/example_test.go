package rules

import (
	"os"
	"slices"
	"testing"
	"time"
)

// The file that new users start from, and what it does on a few messages.
func TestExample(t *testing.T) {
	text, err := os.ReadFile("../../rules.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rs := mustParse(t, string(text))
	if n := len(rs.Rules()); n < 5 || n > 8 {
		t.Errorf("%d rules", n)
	}
	tests := []struct {
		name, payload, body string
		ran, shadow         []string
	}{
		{"a refund", conversationCreated, "<p>Hi, I would like my money back</p>", []string{"refunds-to-finance"}, nil},
		{"thanks", conversationReplied, "<p>Okay, thank you!</p>", []string{"thank-you-closes"}, nil},
		{"thanks, but", conversationReplied, "<p>Thanks! And my refund?</p>", []string{"refunds-to-finance"}, nil},
		{"a bug", conversationReplied, "<p>The page won&#39;t load, error 502</p>", []string{"bug-reports"}, nil},
		{"a password", conversationCreated, "<p>I forgot my password</p>", []string{"password-reset"}, nil},
		{"angry", conversationReplied, "<p>This is RIDICULOUS.</p>", []string{"angry-customers"}, nil},
		{"pricing", conversationCreated, "<p>What is the price?</p>", nil, []string{"pricing-questions"}},
		{"nothing", conversationReplied, "<p>Where is my parcel?</p>", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ev := edited(t, tt.payload, func(_, item object) {
				if parts := item["conversation_parts"].(object)["conversation_parts"].([]any); tt.payload == conversationReplied {
					parts[0].(object)["body"] = tt.body
				}
				item["source"].(object)["body"] = tt.body
			})
			d, err := rs.Evaluate(t.Context(), Input{
				Event: ev, Now: time.Unix(1768032600, 0), Lookup: fixedLookup{contact: contactObject},
			})
			if err != nil {
				t.Fatal(err)
			}
			var ran, shadow []string
			for _, o := range d.Rules {
				switch {
				case o.Verdict == Ran:
					ran = append(ran, o.Rule)
				case o.HeldBy == HeldByShadow:
					shadow = append(shadow, o.Rule)
				case o.Verdict == Failed:
					t.Errorf("%s failed: %s", o.Rule, o.Reason)
				}
			}
			if !slices.Equal(ran, tt.ran) || !slices.Equal(shadow, tt.shadow) {
				t.Errorf("ran %v, shadow %v; want %v and %v", ran, shadow, tt.ran, tt.shadow)
			}
		})
	}
}

func TestExample_vips(t *testing.T) {
	text, err := os.ReadFile("../../rules.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rs := mustParse(t, string(text))
	for plan, want := range map[string]bool{"enterprise": true, "pro": false} {
		l := fixedLookup{contact: `{"id":"6a1b2c3d4e5f60718293a4b5","email":"jo@other.test","custom_attributes":{"plan":"` + plan + `"}}`}
		d, err := rs.Evaluate(t.Context(), Input{Event: mustEvent(t, conversationCreated), Now: time.Unix(1768032600, 0), Lookup: l})
		if err != nil {
			t.Fatal(err)
		}
		if got := outcome(t, d, "vips-first").Verdict == Ran; got != want {
			t.Errorf("plan %s: ran %v", plan, got)
		}
	}
}
