package event

import (
	"bytes"
	"encoding/json"
	"testing"
)

// BenchmarkParse reads a notification of 3.6 KB as Intercom sends it, without white space.
func BenchmarkParse(b *testing.B) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, fixture(b, "testdata/conversation_user_replied.json")); err != nil {
		b.Fatal(err)
	}
	body := compact.Bytes()
	b.Run("Parse", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Parse(body, received); err != nil {
				b.Fatal(err)
			}
		}
	})
	// The same outline by encoding/json, with none of the leniency.
	b.Run("encoding_json", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var n struct {
				ID        string `json:"id"`
				Topic     string `json:"topic"`
				AppID     string `json:"app_id"`
				CreatedAt int64  `json:"created_at"`
				Data      struct {
					Item struct {
						Type  string `json:"type"`
						ID    string `json:"id"`
						Parts struct {
							List []struct {
								ID string `json:"id"`
							} `json:"conversation_parts"`
						} `json:"conversation_parts"`
					} `json:"item"`
				} `json:"data"`
			}
			if err := json.Unmarshal(body, &n); err != nil || n.Data.Item.ID == "" {
				b.Fatal(err)
			}
		}
	})
}
