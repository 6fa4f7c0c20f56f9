package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"

	"switchboard/internal/event"
)

// A segment is the notifications of one commit, one after the other as they came in, in one
// compressed value. Storing them is a single append: what a database does for a row (finding
// its place in every index, a page of its own for each) is done later, by file, when nobody
// waits for an answer. Notifications resemble each other, so together they shrink to about a
// quarter.
//
// The uncompressed form is a version and then, for each event, its fields in a fixed order:
// texts and the payload with their length before them, times as microseconds.

const (
	segmentVersion = 1
	// mostSegment is how many bytes go into a segment, unless one event alone is larger:
	// reading one event reads its whole segment.
	mostSegment = 256 << 10
	// largestSegment bounds what a damaged length can make us allocate.
	largestSegment = 64 << 20
)

var errSegment = errors.New("the segment is damaged")

// encodeSegment appends the compressed form of the events to dst; scratch is for the form
// before that, and returned to be used again.
func encodeSegment(dst, scratch []byte, puts []*put) (segment, again []byte) {
	b := scratch[:0]
	b = append(b, segmentVersion)
	for _, p := range puts {
		ev := &p.ev
		for _, text := range []string{ev.Workspace, ev.ID, ev.Topic, ev.Subject, ev.Part} {
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		}
		b = binary.AppendVarint(b, micros(ev.CreatedAt))
		b = binary.AppendVarint(b, micros(ev.ReceivedAt))
		b = binary.AppendUvarint(b, uint64(len(ev.Payload)))
		b = append(b, ev.Payload...)
	}
	if most := s2.MaxEncodedLen(len(b)); cap(dst) < most {
		dst = make([]byte, most)
	}
	return s2.Encode(dst[:cap(dst)], b), b
}

// decodeSegment is the reverse. The events have no Seq; their payloads share one array.
func decodeSegment(data []byte) ([]event.Event, error) {
	switch n, err := s2.DecodedLen(data); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errSegment, err)
	case n > largestSegment:
		return nil, fmt.Errorf("%w: %d bytes", errSegment, n)
	}
	b, err := s2.Decode(nil, data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSegment, err)
	}
	if len(b) == 0 || b[0] != segmentVersion {
		return nil, fmt.Errorf("%w: unknown version", errSegment)
	}
	r := segmentReader{rest: b[1:]}
	var events []event.Event
	for len(r.rest) > 0 && !r.failed {
		events = append(events, event.Event{
			Workspace: r.text(), ID: r.text(), Topic: r.text(), Subject: r.text(), Part: r.text(),
			CreatedAt: fromMicros(r.number()), ReceivedAt: fromMicros(r.number()), Payload: r.bytes(),
		})
	}
	if r.failed {
		return nil, errSegment
	}
	return events, nil
}

// segmentReader reads field after field; once one is not there, all that follow are empty.
type segmentReader struct {
	rest   []byte
	failed bool
}

func (r *segmentReader) number() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *segmentReader) bytes() []byte {
	length, n := binary.Uvarint(r.rest)
	if n <= 0 || length > uint64(len(r.rest)-n) {
		r.fail()
		return nil
	}
	end := n + int(length)
	b := r.rest[n:end:end]
	r.rest = r.rest[end:]
	return b
}

func (r *segmentReader) text() string { return string(r.bytes()) }

func (r *segmentReader) fail() { r.rest, r.failed = nil, true }
