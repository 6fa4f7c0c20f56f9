package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// typicalTopics are ten topics that rules listen to.
var typicalTopics = []string{
	"conversation.user.created", "conversation.user.replied", "conversation.admin.replied",
	"conversation.admin.assigned", "conversation.admin.closed", "conversation.admin.noted",
	"conversation.rating.added", "conversation.admin.snoozed", "conversation.admin.opened", "conversation.read",
}

// typicalRules writes n rules as teams write them: words in the message, regular
// expressions, attributes, lists. None matches the event of the benchmarks.
func typicalRules(n int, topic func(i int) string) string {
	var b strings.Builder
	b.WriteString("version: 1\nlists:\n  vip_domains: [acme.test, globex.test, initech.test]\n  plans: [pro, enterprise]\nrules:\n")
	for i := range n {
		condition := []string{
			`message.text contains "order number %d"`,
			`message.text matches "(?i)refund|chargeback|case %d"`,
			`message.text matches "(?i)\\b(cancel|close)\\b.*\\baccount %d\\b"`,
			`message.text matches "invoice [0-9]+ of %d"`,
			`contact.custom_attributes.plan == "plan-%d"`,
			`domain(contact.email) in lists.vip_domains and conversation.priority == "priority-%d"`,
			`conversation.custom_attributes.seats > 100 + %d and contact.custom_attributes.plan in lists.plans`,
			`"tag-%d" in conversation.tags or has_tag("urgent", "vip")`,
			`minutes_since(conversation.created_at) > 100000 + %d`,
			`conversation.state == "closed" and contact.external_id != "%d"`,
		}[i%10]
		fmt.Fprintf(&b, "  - name: rule-%d\n    when: %s\n    if: '%s'\n    then: [{tag: T}]\n",
			i, topic(i), strings.ReplaceAll(fmt.Sprintf(condition, i), "'", "''"))
	}
	return b.String()
}

func benchmarkRules(b *testing.B, text string) {
	rs := mustParse(b, text)
	in := Input{
		Event: mustEvent(b, conversationReplied), Now: time.Unix(1768032600, 0),
		Lookup: fixedLookup{contact: contactObject},
	}
	d, err := rs.Evaluate(b.Context(), in)
	if err != nil {
		b.Fatal(err)
	}
	for _, o := range d.Rules {
		if o.Verdict != DidNotMatch {
			b.Fatalf("%s: %s %s", o.Rule, o.Verdict, o.Reason)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rs.Evaluate(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(max(1, d.Considered)), "ns/rule")
}

// 1,000 rules over ten topics, one event: at most 250 µs.
func BenchmarkEvaluate_1000RulesOverTenTopics(b *testing.B) {
	benchmarkRules(b, typicalRules(1000, func(i int) string { return typicalTopics[i/10%10] }))
}

// 1,000 rules that all listen to the event's topic: at most 2.5 ms.
func BenchmarkEvaluate_1000RulesOnOneTopic(b *testing.B) {
	benchmarkRules(b, typicalRules(1000, func(int) string { return "conversation.user.replied" }))
}

// What an event costs that one rule listens to: mostly decoding the payload.
func BenchmarkEvaluate_1Rule(b *testing.B) {
	benchmarkRules(b, typicalRules(1, func(int) string { return "conversation.user.replied" }))
}

func BenchmarkParse_1000Rules(b *testing.B) {
	text := []byte(typicalRules(1000, func(i int) string { return typicalTopics[i/10%10] }))
	for b.Loop() {
		if rs, problems := Parse([]Source{{"rules.yaml", text}}); rs == nil {
			b.Fatal(problems)
		}
	}
}

// 1,000 rules that all have to do with each other: the bounds on what is looked at keep this below 500 ms.
func BenchmarkParse_1000RulesBesideEachOther(b *testing.B) {
	var rules strings.Builder
	rules.WriteString("version: 1\nrules:\n")
	for i := range 1000 {
		condition := []string{
			`contact.custom_attributes.plan == "plan-%d" or contact.role == "lead"`,
			`conversation.custom_attributes.seats > %d and has_tag("VIP") and conversation.title != "x"`,
			`contact.name contains "%d" and conversation.read and contact.custom_attributes.plan in ["a", "b"]`,
			`message.text matches "case %d" and conversation.read`,
		}[i%4]
		fmt.Fprintf(&rules, "  - name: rule-%d\n    when: conversation.user.replied\n    if: '%s'\n    stop: %v\n    then: [{assign: {team: T%d}}]\n",
			i, fmt.Sprintf(condition, i), i%3 == 0, i)
	}
	text := []byte(rules.String())
	for b.Loop() {
		if rs, problems := Parse([]Source{{"rules.yaml", text}}); rs == nil {
			b.Fatal(problems)
		}
	}
}
