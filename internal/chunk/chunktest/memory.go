package chunktest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/layout"
)

// Op is a method of chunk.Store.
type Op string

// The operations a [Fault] can hit.
const (
	Put    Op = "put"
	Get    Op = "get"
	Read   Op = "read" // a read from a reader of Get
	Delete Op = "delete"
	List   Op = "list"
	Check  Op = "check"
	Copy   Op = "copy" // by the new key
)

// Fault makes one operation of a [Memory] fail or block, once.
type Fault struct {
	Op  Op
	Nth int    // the n-th matching operation from now on; 0 is 1
	Key string // only keys that contain this

	// Err is the error to return, such as syscall.ENOSPC; the operation then has no effect.
	// If Err is nil, the operation continues after Block.
	Err error
	// Hit, if set, is closed when the fault strikes.
	Hit chan struct{}
	// Block, if set, holds the operation until it is closed or ctx is done.
	Block <-chan struct{}
	// Do, if set, is called when the fault strikes, before Block.
	Do func()
}

// Memory is a chunk.Store in memory. Tests can make it fail.
type Memory struct {
	// Names is the store's layout; nil is Posix.
	Names layout.Layout

	mu      sync.Mutex
	objects map[string][]byte
	faults  []*Fault
	puts    []string
}

var _ chunk.Copier = (*Memory)(nil)

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{objects: map[string][]byte{}} }

// Inject adds a fault.
func (m *Memory) Inject(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f.Nth = max(f.Nth, 1)
	m.faults = append(m.faults, &f)
}

// Heal removes the faults that have not struck.
func (m *Memory) Heal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = nil
}

// Objects returns the keys and contents. Callers must not change the contents.
func (m *Memory) Objects() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.objects)
}

// Set stores an object and ignores faults; nil removes it.
func (m *Memory) Set(key string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if data == nil {
		delete(m.objects, key)
		return
	}
	m.objects[key] = data
}

// Puts returns the stored keys, in the order in which they became visible.
func (m *Memory) Puts() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.puts)
}

// strike applies the first fault that is due.
func (m *Memory) strike(ctx context.Context, op Op, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	due := m.due(op, key)
	if due == nil {
		return nil
	}
	if due.Hit != nil {
		close(due.Hit)
	}
	if due.Do != nil {
		due.Do()
	}
	if due.Block != nil {
		select {
		case <-due.Block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if due.Err != nil {
		return fmt.Errorf("chunktest: %s %s: %w", op, key, due.Err)
	}
	return ctx.Err()
}

// due counts the operation and removes and returns the fault that is due.
func (m *Memory) due(op Op, key string) *Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	var hit *Fault
	m.faults = slices.DeleteFunc(m.faults, func(f *Fault) bool {
		if hit != nil || f.Op != op || !strings.Contains(key, f.Key) {
			return false
		}
		f.Nth--
		if f.Nth > 0 {
			return false
		}
		hit = f
		return true
	})
	return hit
}

// Put stores an object. It reads the body twice, like a store that sends it again, and
// fails if the bytes differ.
func (m *Memory) Put(ctx context.Context, key string, body chunk.Body, size int64) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := m.strike(ctx, Put, key); err != nil {
		return err
	}
	content, err := read(body, size)
	if err != nil {
		return err
	}
	again, err := read(body, size)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, content) {
		return fmt.Errorf("chunktest: the body of %q is another when it is sent again", key)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[key] = content
	m.puts = append(m.puts, key)
	return nil
}

func checkKey(key string) error {
	if key == "." || !fs.ValidPath(key) || strings.Contains(key, "\x00") || strings.HasPrefix(path.Base(key), ".") {
		return fmt.Errorf("chunktest: %q is no object key", key)
	}
	return nil
}

// read reads a body of size bytes.
func read(body chunk.Body, size int64) ([]byte, error) {
	r, err := body()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("chunktest: object has %d bytes, not %d: %w", n, size, io.ErrUnexpectedEOF)
	}
	return b.Bytes(), err
}

// Get opens an object.
func (m *Memory) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := m.strike(ctx, Get, key); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.objects[key]
	if !ok {
		return nil, fmt.Errorf("chunktest: object %q: %w", key, fs.ErrNotExist)
	}
	return &memoryReader{m, ctx, key, bytes.NewReader(b)}, nil
}

type memoryReader struct {
	m   *Memory
	ctx context.Context
	key string
	r   *bytes.Reader
}

func (r *memoryReader) Read(p []byte) (int, error) {
	if err := r.m.strike(r.ctx, Read, r.key); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func (r *memoryReader) Close() error { return nil }

// Delete removes objects.
func (m *Memory) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := m.strike(ctx, Delete, key); err != nil {
			return err
		}
		m.Set(key, nil)
	}
	return nil
}

// Copy copies objects.
func (m *Memory) Copy(ctx context.Context, pairs ...chunk.Pair) error {
	for _, p := range pairs {
		if err := checkKey(p.To); err != nil {
			return err
		}
		if err := m.strike(ctx, Copy, p.To); err != nil {
			return err
		}
		m.mu.Lock()
		b, ok := m.objects[p.From]
		if ok {
			m.objects[p.To] = b
		}
		m.mu.Unlock()
		if !ok {
			return fmt.Errorf("chunktest: object %q: %w", p.From, fs.ErrNotExist)
		}
	}
	return nil
}

// Layout returns m.Names, or that of Cinder's posix driver.
func (m *Memory) Layout() layout.Layout {
	if m.Names == nil {
		return layout.Posix{}
	}
	return m.Names
}

// Check succeeds, unless a fault strikes.
func (m *Memory) Check(ctx context.Context) error { return m.strike(ctx, Check, "") }

// List yields the keys that begin with prefix.
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := m.strike(ctx, List, prefix); err != nil {
			yield("", err)
			return
		}
		for key := range m.Objects() {
			if strings.HasPrefix(key, prefix) && !yield(key, nil) {
				return
			}
		}
	}
}
