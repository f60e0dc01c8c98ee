//go:build !race

package cindertest_test

const raced = false
