package chunktest_test

import (
	"errors"
	"syscall"
	"testing"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
)

func TestMemory(t *testing.T) {
	chunktest.Run(t, func(*testing.T) chunk.Store { return chunktest.NewMemory() })
}

func TestFaults(t *testing.T) {
	m := chunktest.NewMemory()
	put := func(key string) error { return m.Put(t.Context(), key, chunktest.Bytes(nil), 0) }
	m.Inject(chunktest.Fault{Op: chunktest.Put, Nth: 2, Key: "p-", Err: syscall.ENOSPC})
	for i, key := range []string{"c/p-1", "c/other", "c/p-2", "c/p-2"} {
		if err := put(key); errors.Is(err, syscall.ENOSPC) != (i == 2) {
			t.Errorf("Put %d: %v", i, err)
		}
	}
	block, hit, done := make(chan struct{}), make(chan struct{}), make(chan error)
	m.Inject(chunktest.Fault{Op: chunktest.Put, Block: block, Hit: hit})
	go func() { done <- put("c/late") }()
	<-hit
	if m.Objects()["c/late"] != nil {
		t.Error("not blocked")
	}
	close(block)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
