package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// The pages about facts and functions, and the schema, are what the program prints. UPDATE=1 writes them anew.
func TestDocs_pages(t *testing.T) {
	for page, args := range map[string][]string{
		"facts.md":          {"docs", "facts", "--format", "markdown"},
		"functions.md":      {"docs", "functions", "--format", "markdown"},
		"rules.schema.json": {"docs", "schema"},
		"tests.schema.json": {"docs", "schema", "--of", "tests"},
	} {
		var out, errs bytes.Buffer
		if code := run(context.Background(), args, streams{nil, &out, &errs}); code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
		}
		path := filepath.Join("..", "..", "docs", page)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, out.Bytes()) {
			t.Errorf("%s is not what \"switchboard\" prints with %v: run this test with UPDATE=1", path, args)
		}
	}
}
