package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// The pages about facts and functions are what the program prints. UPDATE=1 writes them anew.
func TestDocs_pages(t *testing.T) {
	for _, page := range []string{"facts", "functions"} {
		var out, errs bytes.Buffer
		if code := run(context.Background(), []string{"docs", page, "--format", "markdown"}, streams{nil, &out, &errs}); code != exitOK {
			t.Fatalf("docs %s: exit code %d: %s", page, code, errs.String())
		}
		path := filepath.Join("..", "..", "docs", page+".md")
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
			t.Errorf("%s is not what \"switchboard docs %s --format markdown\" prints: run this test with UPDATE=1", path, page)
		}
	}
}
