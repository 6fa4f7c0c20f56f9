//go:build race

package chaos_test

// racing tells that the race detector is on.
const racing = true
