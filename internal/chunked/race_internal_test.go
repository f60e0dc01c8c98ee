//go:build race

package chunked

const raced = true
