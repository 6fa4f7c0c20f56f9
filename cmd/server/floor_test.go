package main

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Intercom signs with HMAC-SHA1
	"encoding/hex"
	"io"
	"log"
	"net/http"
	"os"
)

// floorMain is the least that a webhook receiver can do and still promise that what it
// acknowledged is on disk: verify the signature, append the body to a file, and share an
// fsync with the requests that came in the meantime. BenchmarkIntake measures switchboard
// against it, as a process of its own like switchboard.
//
// FLOOR_LISTEN is its address, FLOOR_FILE where it writes.
func floorMain() {
	f, err := os.Create(os.Getenv("FLOOR_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	appends := &sharedAppend{file: f, requests: make(chan floorRequest, 256)}
	go appends.loop()
	http.HandleFunc("POST /webhooks/intercom", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "bad body", http.StatusBadRequest)
			return
		}
		mac := hmac.New(sha1.New, []byte(testSecret))
		mac.Write(body)
		given, err := hex.DecodeString(r.Header.Get("X-Hub-Signature")[len("sha1="):])
		if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
			http.Error(w, "bad signature", http.StatusUnauthorized)
			return
		}
		if err := appends.write(body); err != nil {
			http.Error(w, "busy", http.StatusTooManyRequests)
		}
	})
	log.Fatal(http.ListenAndServe(os.Getenv("FLOOR_LISTEN"), nil)) //nolint:gosec // loopback only
}

type floorRequest struct {
	body []byte
	done chan error
}

// sharedAppend writes bodies to a file; those that wait share the next fsync.
type sharedAppend struct {
	file     *os.File
	requests chan floorRequest
}

func (s *sharedAppend) write(body []byte) error {
	r := floorRequest{body, make(chan error, 1)}
	s.requests <- r
	return <-r.done
}

func (s *sharedAppend) loop() {
	var batch []floorRequest
	for first := range s.requests {
		batch = append(batch[:0], first)
	more:
		for {
			select {
			case r := <-s.requests:
				batch = append(batch, r)
			default:
				break more
			}
		}
		var err error
		for _, r := range batch {
			if _, werr := s.file.Write(r.body); werr != nil {
				err = werr
			}
		}
		if serr := s.file.Sync(); serr != nil {
			err = serr
		}
		for _, r := range batch {
			r.done <- err
		}
	}
}
