//go:build race

package schedule_test

// raced says that the race detector is at work, which takes several times as long.
const raced = true
