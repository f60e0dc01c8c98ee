//go:build race

package cindertest_test

// raced says that the race detector is at work, which takes several times as long.
const raced = true
