package store

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"switchboard/internal/event"
)

func segmentOf(events ...event.Event) []byte {
	puts := make([]*put, len(events))
	for i, ev := range events {
		puts[i] = &put{ev: ev}
	}
	data, _ := encodeSegment(nil, nil, puts)
	return data
}

func TestSegment(t *testing.T) {
	at := time.UnixMicro(1_764_000_000_000_001).UTC()
	want := []event.Event{
		{ID: "notif_1", Workspace: "ws", Topic: "conversation.user.created", Subject: "conversation/1", Part: "9", CreatedAt: at, ReceivedAt: at, Payload: []byte(`{"a":1}`)},
		{ID: "notif_2", Payload: []byte{}},
		{ID: "notif_3", Topic: "é\x00", Payload: bytes.Repeat([]byte("again "), 10_000)},
	}
	data := segmentOf(want...)
	got, err := decodeSegment(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("decodeSegment = %v, %v", got, err)
	}
	if len(data) > 6000 {
		t.Errorf("60 KB that repeat take %d bytes", len(data))
	}
	for n := range data {
		if events, err := decodeSegment(data[:n]); err == nil && len(events) == len(want) {
			t.Errorf("%d of %d bytes decode to all events", n, len(data))
		}
	}
}

// FuzzDecodeSegment feeds what a damaged file may hold: an error is right, a panic is not.
func FuzzDecodeSegment(f *testing.F) {
	f.Add(segmentOf(event.Event{ID: "n", Payload: []byte("{}")}))
	f.Add([]byte{})
	f.Add([]byte("\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := decodeSegment(data)
		if err != nil && events != nil {
			t.Error("events and an error")
		}
	})
}
