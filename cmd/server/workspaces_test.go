package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDocumentedWorkspaces reads the file that the documents show.
func TestDocumentedWorkspaces(t *testing.T) {
	m := yamlBlock.FindStringSubmatch(readFile(t, "../../docs/workspaces.md"))
	if m == nil {
		t.Fatal("docs/workspaces.md shows no file")
	}
	dir := t.TempDir()
	for _, name := range []string{"ACME_ACCESS_TOKEN", "ACME_HTTP_SECRET", "GLOBEX_ACCESS_TOKEN", "GLOBEX_CLIENT_SECRET"} {
		t.Setenv(name, name+"-value")
	}
	secret := writeFile(t, dir, "acme", "one,two\n")
	for _, folder := range []string{"rules/acme", "rules/globex"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Replace(m[1], "/run/secrets/acme", secret, 1)
	list, problems := readWorkspaces(writeFile(t, dir, "workspaces.yaml", text))
	complain(t, problems)
	if len(list) != 2 {
		t.Fatalf("%d workspaces", len(list))
	}
	acme, globex := list[0], list[1]
	if acme.ID != "abc12345" || acme.Name != "acme" || acme.Token != "ACME_ACCESS_TOKEN-value" || !slices.Equal(acme.Secrets, []string{"one", "two"}) ||
		acme.BaseURL != "https://api.eu.intercom.io" || acme.Share != 0.8 || acme.HTTPSecret == "" || !slices.Equal(acme.Rules, []string{filepath.Join(dir, "rules/acme")}) {
		t.Errorf("%+v", acme)
	}
	if globex.BaseURL != "https://api.intercom.io" || globex.Share != 0 || globex.HTTPSecret != "" {
		t.Errorf("%+v", globex)
	}
}
