package rules

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
)

var jsonSamples = []string{
	`null`, `true`, ` false `, `0`, `-0`, `1`, `-12`, `1.5`, `1e3`, `1E+2`, `1e-2`, `0.0`, `9007199254740993`, `9223372036854775807`,
	`18446744073709551615`, `99999999999999999999`, `1e400`, `""`, `"a"`, `"\""`, `"\\\/\b\f\n\r\t"`, `"\u00e9\u212A"`, `"\ud83d\ude00"`,
	`"\ud83d"`, `"\ud83dx"`, `"\ude00\ud83d"`, `"\ud83d\ud83d\ude00"`, `"日本"`, "\"\xff\"", `[]`, `[ ]`, `[1, 2]`, `{}`, `{ }`,
	`{"a":1,"b":[{"c":null}]}`, `{"a":1,"a":2}`, `{"":""}`, `[[[[]]]]`, "\t[\n1\r]",
	``, ` `, `nul`, `nulll`, `truefalse`, `01`, `-`, `+1`, `.5`, `1.`, `1e`, `1e+`, `"`, `"\x"`, `"\u12"`, `"\u+123"`, "\"\n\"", `"a`, `[`, `]`, `[1`, `[1,`, `[1,]`,
	`[,1]`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{1:1}`, `{"a" 1}`, `1 2`, `{}{}`, `'a'`, `NaN`, `Infinity`, "\ufeff1",
}

// decodeJSON reads what encoding/json reads, and refuses what it refuses.
func TestDecodeJSON(t *testing.T) {
	for _, s := range jsonSamples {
		sameJSON(t, s)
	}
	for _, name := range []string{conversationReplied, conversationRepliedOld, "ticket_contact_replied.json"} {
		sameJSON(t, string(payload(t, name)))
	}
	if _, err := decodeJSON(strings.Repeat("[", maxJSONDepth+10) + strings.Repeat("]", maxJSONDepth+10)); err == nil {
		t.Error("deeper than allowed was taken")
	}
	if _, err := decodeJSON(strings.Repeat(`{"a":`, 1_000_000)); err == nil {
		t.Error("a million open objects were taken")
	}
}

func FuzzDecodeJSON(f *testing.F) {
	for _, s := range jsonSamples {
		f.Add(s)
	}
	f.Fuzz(sameJSON)
}

func sameJSON(t *testing.T, s string) {
	got, err := decodeJSON(s)
	d := json.NewDecoder(bytes.NewReader([]byte(s)))
	d.UseNumber()
	var want any
	wantErr := d.Decode(&want)
	if wantErr == nil {
		if _, err := d.Token(); err != io.EOF {
			wantErr = errNotJSON
		}
	}
	if strings.Count(s, "[")+strings.Count(s, "{") > maxJSONDepth {
		return
	}
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q: %v, encoding/json says %v", s, err, wantErr)
	}
	if err == nil && !reflect.DeepEqual(got, withPlainNumbers(want)) {
		t.Errorf("%q: %#v, encoding/json says %#v", s, got, want)
	}
}

func withPlainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return plainNumber(string(v))
	case []any:
		for i := range v {
			v[i] = withPlainNumbers(v[i])
		}
	case object:
		for key := range v {
			v[key] = withPlainNumbers(v[key])
		}
	}
	return v
}
