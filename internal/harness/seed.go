package harness

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	mathrand "math/rand/v2"
	"sync"

	"github.com/google/uuid"
)

// streams are the sources of ids. Each part of the cloud has its own, so that what one part does
// at the same time does not change the ids of another.
const (
	driverStream = iota
	gatewayStream
	identityStream
	streamCount
)

// source gives out ids and tokens that the seed determines. It is safe for concurrent use.
type source struct {
	mu      sync.Mutex
	seed    uint64
	streams [streamCount]*mathrand.ChaCha8
}

// NewSeed returns a random seed that JSON numbers can hold.
func NewSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:]) >> 12
}

// set begins all streams anew.
func (s *source) set(seed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seed = seed
	for n := range s.streams {
		var key [32]byte
		binary.BigEndian.PutUint64(key[:], seed)
		key[31] = byte(n)
		s.streams[n] = mathrand.NewChaCha8(key)
	}
}

func (s *source) value() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seed
}

// sourceState is where the streams are.
type sourceState struct {
	Seed    uint64
	Streams [streamCount][]byte
}

func (s *source) save() sourceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	saved := sourceState{Seed: s.seed}
	for n, stream := range s.streams {
		saved.Streams[n], _ = stream.MarshalBinary() // never fails
	}
	return saved
}

func (s *source) restore(saved sourceState) error {
	s.set(saved.Seed)
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, state := range saved.Streams {
		if err := s.streams[n].UnmarshalBinary(state); err != nil {
			return err
		}
	}
	return nil
}

// IDs returns a source of UUIDs that a seed determines, for a fake.
func IDs(seed uint64) func() string {
	s := &source{}
	s.set(seed)
	return stream{s, driverStream}.newID
}

// stream is one part's source of random bytes.
type stream struct {
	of *source
	n  int
}

// Read implements io.Reader. It never fails.
func (s stream) Read(p []byte) (int, error) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	return s.of.streams[s.n].Read(p)
}

// newID returns the stream's next UUID.
func (s stream) newID() string {
	id, _ := uuid.NewRandomFromReader(s)
	return id.String()
}

var _ io.Reader = stream{}
