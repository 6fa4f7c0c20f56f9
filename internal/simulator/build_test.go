package simulator

import (
	"bytes"
	"fmt"
	"testing"

	"switchboard/internal/webhook"
)

func TestBuildNotification_is_what_a_workspace_sends(t *testing.T) {
	b := &bench{T: t}
	for topic := range sampleEffects {
		for _, old := range []bool{false, true} {
			body := BuildNotification(Sample{Topic: topic, Conversation: "77", Part: "88", Text: "a refund", Old: old})
			ev, v := b.parse(body)
			if ev.Topic != topic || ev.Subject != "conversation/77" || ev.Part != "88" || ev.Workspace != DefaultAppID {
				t.Errorf("%s: event %q %q %q", topic, ev.Subject, ev.Part, ev.Workspace)
			}
			if !old {
				sameKeys(t, topic, get(v, "data.item").(map[string]any), newShapeKeys)
				if len(body) < 2800 || len(body) > 4500 {
					t.Errorf("%s has %d bytes", topic, len(body))
				}
			}
		}
	}
	ev, v := b.parse(BuildNotification(Sample{Text: "a refund"}))
	b.expect(v, "topic", "conversation.user.created", "data.item.source.body", "<p>a refund</p>",
		"data.item.conversation_parts.total_count", "0")
	if ev.Part != "" || ev.ID == "" {
		t.Errorf("part %q, id %q", ev.Part, ev.ID)
	}
}

func TestBuildNotification_is_repeatable_and_tells_samples_apart(t *testing.T) {
	b := &bench{T: t}
	ids := map[string]bool{}
	for i := range 100 {
		s := Sample{Topic: "conversation.user.replied", Conversation: fmt.Sprint(i / 5), Part: fmt.Sprint(1000 + i)}
		body := BuildNotification(s)
		if !bytes.Equal(body, BuildNotification(s)) {
			t.Fatal("one sample gives different bytes")
		}
		ev, _ := b.parse(body)
		ids[ev.ID] = true
	}
	if len(ids) != 100 {
		t.Errorf("%d ids for 100 samples", len(ids))
	}
	_, v := b.parse(BuildNotification(Sample{NoID: true}))
	b.expect(v, "id", nil)
}

func BenchmarkBuildNotification(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		body := BuildNotification(Sample{Topic: "conversation.user.replied", Conversation: fmt.Sprint(i)})
		_ = webhook.Sign("secret", body)
		b.SetBytes(int64(len(body)))
	}
}

func BenchmarkCall(b *testing.B) {
	s := New(Options{Token: testToken, RateLimit: 1 << 30, JournalCap: 1000})
	id, err := s.CustomerStarts(s.AddContact(Contact{Name: "x"}), "hello")
	if err != nil {
		b.Fatal(err)
	}
	l := NewPipeListener()
	server := newServer(s.Handler())
	go server.Serve(l)
	defer server.Close()
	client := l.Client()
	for b.Loop() {
		req := newRequest(b, "GET", "http://x/conversations/"+id)
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		drain(resp)
	}
}
