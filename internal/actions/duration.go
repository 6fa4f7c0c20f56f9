package actions

import (
	"strconv"
	"time"
)

// DurationHint says how durations are written.
const DurationHint = "write a duration such as 30m, 2h, 1d or 1w"

// ParseDuration reads 30m, 2h, 1d, 1w and sums of these such as 1d12h.
func ParseDuration(s string) (time.Duration, bool) {
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
	}
	var total time.Duration
	for rest := s; rest != ""; {
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		if digits == 0 || digits > 9 || digits == len(rest) {
			return 0, false
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		unit, known := units[rest[digits]]
		if err != nil || !known {
			return 0, false
		}
		const most = 100 * 365 * 24 * time.Hour // far beyond what is allowed, and no overflow
		if n > int64((most-total)/unit) {
			return most, true
		}
		total += time.Duration(n) * unit
		rest = rest[digits+1:]
	}
	return total, s != ""
}
