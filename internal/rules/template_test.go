package rules

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func compileTemplate(t testing.TB, source string, html bool) (*template, *loader) {
	t.Helper()
	p := testLoader(source)
	return p.template(source, html, func(from, to int) span { return span{1, from + 1, to + 1} }), p
}

func TestTemplate(t *testing.T) {
	contact := `{"id":"x","name":null,"email":"<jo@globex.test>","custom_attributes":{"plan":"<b>\"pro\"&'x'</b>","seats":12,"ratio":0.126,"big":1e21,"yes":true,"list":["a",1,null],"nested":[[1]],"object":{}}}`
	tests := []struct{ source, text, html string }{
		{"no expression", "no expression", "no expression"},
		{"Hi {{ contact.custom_attributes.none ?? 'there' }}!", "Hi there!", "Hi there!"},
		{"{{contact.custom_attributes.seats}}", "12", "12"},
		{"{{ contact.custom_attributes.none }}", "", ""},
		{"{{ contact.custom_attributes.plan }}", `<b>"pro"&'x'</b>`, "&lt;b&gt;&#34;pro&#34;&amp;&#39;x&#39;&lt;/b&gt;"},
		{"<b>{{ 'a' }}</b> & more", "<b>a</b> & more", "<b>a</b> & more"},
		{"{{ contact.custom_attributes.ratio }} {{ contact.custom_attributes.big }} {{ 2.0 }} {{ 1 / 3 }}", "0.13 1000000000000000000000 2 0.33", "0.13 1000000000000000000000 2 0.33"},
		{"{{ contact.custom_attributes.yes }} {{ nil }}", "true ", "true "},
		{"{{ contact.custom_attributes.list }}", "a, 1, ", "a, 1, "},
		{"{{ conversation.tags }}", "Billing, Straße", "Billing, Straße"},
		{"{{ conversation.created_at }}", "2026-01-10 07:56 UTC", "2026-01-10 07:56 UTC"},
		{"{{ now() - conversation.created_at }}", "13m31s", "13m31s"},
		{"{{ duration('25h') }} {{ duration('90m') }} {{ duration('2m') }} {{ duration('50s') }}", "25h 1h30m 2m 50s", "25h 1h30m 2m 50s"},
		{"{{ minutes_since(conversation.created_at) }}", "13.52", "13.52"},
		{"a {{ '{{' }} b {{ \"}}\" }} c }} d", "a {{ b }} c }} d", "a {{ b }} c }} d"},
		{"{{ {a: {b: 'x'}}.a.b }}{{ `}}` }}{{ 'it\\'s }}' }}", "x}}it's }}", "x}}it&#39;s }}"},
		{"日本 {{ rule.name }} 語", "日本 test 語", "日本 test 語"},
		{"{{ message.text }}", "Hi, I would like a REFUND please", "Hi, I would like a REFUND please"},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			for _, html := range []bool{false, true} {
				want := tt.text
				if html {
					want = tt.html
				}
				tmpl, p := compileTemplate(t, tt.source, html)
				if tmpl == nil {
					t.Fatal(drawn(t, p.problems))
				}
				if got, err := render(t, tmpl, contact); err != nil || got != want {
					t.Errorf("html %v: got %q and %v, want %q", html, got, err, want)
				}
				if tmpl.Source() != tt.source {
					t.Errorf("source %q", tmpl.Source())
				}
				if text, constant := tmpl.Constant(); constant != !strings.Contains(tt.source, "{{") || constant && text != tt.source {
					t.Errorf("constant %v %q", constant, text)
				}
			}
		})
	}
	for _, source := range []string{
		"{{ contact.custom_attributes.nested }}", "{{ contact.custom_attributes.object }}", "{{ contact.custom_attributes.plan > 5 }}",
		"{{ 1 % 0 }}", strings.Repeat("{{ '"+strings.Repeat("x", 9000)+"' }}", 9) + "{{ join(map(1..1000, '" + strings.Repeat("y", 1000) + "')) }}",
	} {
		tmpl, p := compileTemplate(t, source, true)
		if tmpl == nil {
			t.Fatal(drawn(t, p.problems))
		}
		if got, err := render(t, tmpl, contact); err == nil || strings.Contains(err.Error(), "pro") {
			t.Errorf("%.60s: got %.60q and %v", source, got, err)
		}
	}
}

func render(t testing.TB, tmpl *template, contact string) (string, error) {
	t.Helper()
	in := Input{Event: mustEvent(t, conversationCreated), Now: unix(1768032600), Lookup: fixedLookup{contact: contact}}
	e, err := newEvaluation(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	e.begin(&rule{name: "test", boxedName: "test"})
	return tmpl.Render(e)
}

func TestTemplate_foreign_facts(t *testing.T) {
	tmpl, _ := compileTemplate(t, "x {{ rule.name }}", false)
	if _, err := tmpl.Render("something else"); err == nil {
		t.Error("it rendered")
	}
}

// What a stranger wrote never becomes a tag, whatever it is.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"", "{{", "}}", "{{ }}", "{{ message.text }}", "{{ '}}' }}", "{{ {a: 1} }}", "a {{ rule.name }} b {{ 1 + }}", "{{{{", "{{ ` }}", "{{ \"\\\" }} }}",
		"{{ nil }}{{ 5 }}", "{{/* }} */ 5 }}", "{{ 'é' }}日本{{ contact.emial }}", "{{ # }}", "{{ .x }}", "{{ let x = 1; x }}", "{{ $env }}",
	} {
		f.Add(s, "<p>&lt;script&gt;alert(1)&lt;/script&gt; \"x\" 'y'</p>")
	}
	f.Fuzz(func(t *testing.T, source, body string) {
		if len(source) > 2000 || len(body) > 5000 {
			t.Skip()
		}
		tmpl, p := compileTemplate(t, source, true)
		if (tmpl == nil) != (len(p.problems) > 0) {
			t.Fatalf("a template: %v, %d problems", tmpl != nil, len(p.problems))
		}
		for _, problem := range p.problems {
			if n := utf8.RuneCountInString(source); problem.Column < 1 || problem.Column > n+1 || problem.Message == "" {
				t.Errorf("%+v of %d characters", problem, n)
			}
		}
		if tmpl != nil {
			if got, err := render(t, tmpl, contactObject); err == nil && !strings.Contains(source, "<") && strings.Contains(got, "<") {
				t.Errorf("%q gave %q", source, got)
			}
		}
		escaped, _ := compileTemplate(t, "{{ message.text }}|{{ message.html }}", true)
		ev := edited(t, conversationCreated, func(_, item object) { item["source"].(object)["body"] = body })
		in := Input{Event: ev, Now: unix(1768032600)}
		e, err := newEvaluation(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := escaped.Render(e); err != nil || strings.ContainsAny(got, `<>"'`) {
			t.Errorf("%q became %q (%v)", body, got, err)
		}
	})
}
