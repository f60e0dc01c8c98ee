package direct

import (
	"context"
	"sync"
)

// Pool lends a fixed number of aligned buffers, and so bounds the memory of
// whatever needs one to proceed.
type Pool struct {
	size   int
	tokens chan struct{}

	mu   sync.Mutex
	free [][]byte
}

// NewPool makes a pool of n buffers of size bytes, allocated when first needed.
func NewPool(n, size int) *Pool {
	return &Pool{size: size, tokens: make(chan struct{}, n)}
}

// Get waits for a buffer. Its contents are anything.
func (p *Pool) Get(ctx context.Context) ([]byte, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case p.tokens <- struct{}{}:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		return b, nil
	}
	b, err := Alloc(p.size)
	if err != nil {
		<-p.tokens
	}
	return b, err
}

// Put takes back a buffer that Get returned, whatever its length is now.
func (p *Pool) Put(b []byte) {
	p.mu.Lock()
	p.free = append(p.free, b[:p.size])
	p.mu.Unlock()
	<-p.tokens
}

// Close frees the buffers. All of them must have been put back.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.free {
		Free(b)
	}
	p.free = nil
}
