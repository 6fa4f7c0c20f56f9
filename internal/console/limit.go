package console

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// How many wrong tokens are listened to: at once and then one by one, from an address and in all.
const (
	wrongFromOne, everyFromOne = 10, 6 * time.Second
	wrongInAll, everyInAll     = 100, time.Second
	// mostAddresses bounds the memory. Whoever has more addresses meets the limit for all.
	mostAddresses = 4096
)

// limits slow down who guesses tokens.
type limits struct {
	mu   sync.Mutex // held while a token is looked at, so that many at once are not more
	each *lru.Cache[netip.Prefix, *rate.Limiter]
	all  *rate.Limiter
}

func newLimits() (*limits, error) {
	each, err := lru.New[netip.Prefix, *rate.Limiter](mostAddresses)
	return &limits{each: each, all: rate.NewLimiter(rate.Every(everyInAll), wrongInAll)}, err
}

// try has a token looked at, if the address may still try. With strict nobody may while too many are wrong
// in all. wait is how long to wait when it was not looked at, or was one too many.
func (l *limits) try(from netip.Addr, strict bool, right func() bool) (ok bool, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, now := neighbours(from), time.Now()
	mine, known := l.each.Get(key)
	if known && mine.TokensAt(now) < 1 {
		return false, everyFromOne
	}
	spent := l.all.TokensAt(now) < 1
	if strict && spent {
		return false, everyInAll
	}
	if right() {
		return true, 0
	}
	if !known {
		mine = rate.NewLimiter(rate.Every(everyFromOne), wrongFromOne)
		l.each.Add(key, mine)
	}
	mine.AllowN(now, 1)
	l.all.AllowN(now, 1)
	if spent {
		return false, everyInAll
	}
	return false, 0
}

// neighbours are the addresses that one person has: with IPv6 a whole network.
func neighbours(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // no address at all is one, too
	return p
}
