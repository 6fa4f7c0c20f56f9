package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed static
var staticFiles embed.FS

// staticAddress is where a file of static is served. The hash of its content stands there, so that browsers
// can keep it until it changes.
func staticAddress(name string) (string, error) {
	content, err := fs.ReadFile(staticFiles, "static/"+name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return "/static/" + name + "?v=" + hex.EncodeToString(sum[:6]), nil
}

// static serves the files of static.
func (c *Console) static(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(r.URL.Path, "/static/")
	address, err := staticAddress(name)
	if err != nil {
		http.NotFound(w, r)
		return nil //nolint:nilerr // no such file is an answer
	}
	if r.URL.RequestURI() == address {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	http.ServeFileFS(w, r, staticFiles, "static/"+name)
	return nil
}
