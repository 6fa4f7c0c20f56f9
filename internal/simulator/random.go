package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/google/uuid"
)

// random is a stream of randomness that the seed and a purpose determine. Each purpose has
// its own, so that drawing for one (say, faults) does not move another (say, ids). It is
// not safe for concurrent use.
type random struct {
	*rand.Rand
	source *rand.ChaCha8
}

func newRandom(seed uint64, purpose string) *random {
	source := rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d/%s", seed, purpose)))
	return &random{Rand: rand.New(source), source: source}
}

// uuid returns a random UUID in text form.
func (r *random) uuid() string {
	id, err := uuid.NewRandomFromReader(r.source)
	if err != nil {
		panic(err) // ChaCha8 never fails to read
	}
	return id.String()
}

// hex returns random lower-case hex digits, two for each byte.
func (r *random) hex(bytes int) string {
	b := make([]byte, bytes)
	r.source.Read(b) //nolint:errcheck // ChaCha8 never fails to read
	return hex.EncodeToString(b)
}

// idSource makes ids that look like Intercom's: growing numbers with gaps for conversations,
// parts, messages, admins, teams and tags, 24 hex digits for contacts and companies.
type idSource struct {
	r                                       *random
	lastConversation, lastPart, lastMessage uint64
	lastAdmin, lastTeam, lastTag            uint64
	lastNote, lastTicket, lastArticle       uint64
}

func newIDSource(seed uint64) *idSource {
	r := newRandom(seed, "ids")
	return &idSource{
		r:                r,
		lastConversation: 215_472_000_000_000 + r.Uint64N(600_000_000),
		lastPart:         37_358_000_000 + r.Uint64N(900_000_000),
		lastMessage:      3_381_000_000 + r.Uint64N(90_000_000),
		lastAdmin:        9_600_000 + r.Uint64N(90_000),
		lastTeam:         5_000_000 + r.Uint64N(90_000),
		lastTag:          12_900_000 + r.Uint64N(90_000),
		lastNote:         2_310_000 + r.Uint64N(90_000),
		lastTicket:       66_040_000 + r.Uint64N(90_000),
		lastArticle:      9_120_000 + r.Uint64N(90_000),
	}
}

func (s *idSource) next(last *uint64, gap uint64) string {
	*last += 1 + s.r.Uint64N(gap)
	return strconv.FormatUint(*last, 10)
}

func (s *idSource) conversation() string { return s.next(&s.lastConversation, 997) }
func (s *idSource) part() string         { return s.next(&s.lastPart, 97) }
func (s *idSource) message() string      { return s.next(&s.lastMessage, 97) }
func (s *idSource) admin() string        { return s.next(&s.lastAdmin, 97) }
func (s *idSource) team() string         { return s.next(&s.lastTeam, 97) }
func (s *idSource) tag() string          { return s.next(&s.lastTag, 97) }
func (s *idSource) note() string         { return s.next(&s.lastNote, 7) }
func (s *idSource) ticket() string       { return s.next(&s.lastTicket, 3) }
func (s *idSource) article() string      { return s.next(&s.lastArticle, 7) }
func (s *idSource) object() string       { return s.r.hex(12) }
func (s *idSource) notification() string { return "notif_" + s.r.uuid() }
