package intercom

// closest finds the known name that a misspelt one is most likely meant to be, or "".
func closest(name string, known []string) string {
	want := []rune(fold(name))
	best, bestDistance := "", len(want)/3+2
	for _, k := range known {
		have := []rune(fold(k))
		if len(have) == 0 || abs(len(have)-len(want)) >= bestDistance {
			continue
		}
		if d := distance(want, have); d < bestDistance && d < len(have) {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is how many letters have to be changed, added or left out.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			cost := diagonal
			if x != y {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
