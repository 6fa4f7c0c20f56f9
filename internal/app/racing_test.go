//go:build race

package app_test

// racing tells that the race detector makes everything ten times slower: then what is many is less.
const racing = true
