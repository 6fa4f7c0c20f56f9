package diag

import (
	"fmt"
	"strings"
)

// longest is the longest name that Closest compares; longer ones are no slip of the finger.
const longest = 64

// Closest returns the known name that name was probably meant to be: the one with the
// fewest slips (a letter missing, added, wrong, or two swapped), if they are few compared
// with its length. Upper and lower case count as equal. Of several equally near names the
// first wins.
func Closest(name string, known []string) (string, bool) {
	folded := []rune(strings.ToLower(name))
	if len(folded) == 0 || len(folded) > longest {
		return "", false
	}
	best, least := "", longest
	for _, candidate := range known {
		other := []rune(strings.ToLower(candidate))
		if len(other) > longest || candidate == name {
			continue
		}
		limit := min(least, allowed(min(len(folded), len(other)))+1)
		if n := slips(folded, other, limit); n < limit {
			best, least = candidate, n
		}
	}
	return best, best != ""
}

// DidYouMean is a hint with the name that was probably meant; empty when none is near.
func DidYouMean(name string, known []string) string {
	if right, ok := Closest(name, known); ok {
		return fmt.Sprintf("did you mean %q?", right)
	}
	return ""
}

// allowed is how many slips in a name of this length still look like that name.
func allowed(length int) int {
	switch {
	case length <= 2:
		return 0 // only another case
	case length <= 5:
		return 1
	case length <= 9:
		return 2
	}
	return 3
}

// slips is the edit distance of a and b, where swapping two neighbours counts once. It
// returns limit as soon as the distance is known to be at least limit.
func slips(a, b []rune, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least >= limit {
			return limit
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
