package workspace

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// docs/snapshot.md explains every code, no others, and every list of the file.
func TestDocumented(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page, source := read("../../docs/snapshot.md"), read("check.go")
	code := regexp.MustCompile(`names/[a-z-]+`)
	for _, c := range code.FindAllString(source, -1) {
		if !strings.Contains(page, "`"+c+"`") {
			t.Errorf("docs/snapshot.md does not explain %s", c)
		}
	}
	for _, c := range code.FindAllString(page, -1) {
		if !strings.Contains(source, `"`+c+`"`) {
			t.Errorf("docs/snapshot.md has the code %s, which there is not", c)
		}
	}
	for _, kind := range []reflect.Type{
		reflect.TypeFor[Snapshot](), reflect.TypeFor[Workspace](), reflect.TypeFor[Admin](), reflect.TypeFor[TicketType](),
		reflect.TypeFor[TicketAttribute](), reflect.TypeFor[TicketState](), reflect.TypeFor[Attribute](),
	} {
		for i := range kind.NumField() {
			key, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(page, "`"+key+"`") {
				t.Errorf("docs/snapshot.md does not explain %s of %s", key, kind.Name())
			}
		}
	}
}
