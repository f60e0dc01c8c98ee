package chunked

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding"
	"sync"

	md5simd "github.com/minio/md5-simd"
)

// digest is the SHA-256 of one block.
type digest = [sha256.Size]byte

// zeroes is only compared with, never written to.
var zeroes [64 << 10]byte

// isZero reports whether p holds only zeroes. It stops at the first other byte.
func isZero(p []byte) bool {
	for len(p) > len(zeroes) {
		if !bytes.Equal(p[:len(zeroes)], zeroes[:]) {
			return false
		}
		p = p[len(zeroes):]
	}
	return bytes.Equal(p, zeroes[:len(p)])
}

// zeroDigest returns the SHA-256 of n zeroes.
func zeroDigest(n int) digest {
	h := sha256.New()
	for ; n > len(zeroes); n -= len(zeroes) {
		h.Write(zeroes[:])
	}
	h.Write(zeroes[:n])
	return digest(h.Sum(nil))
}

// blockHasher computes the digests of a volume's blocks. It knows those of zeroes, and the
// state of the hash after the zeroes that a block may begin with.
type blockHasher struct {
	size, volume int64
	zero         digest // of size zeroes
	lastZero     digest // of as many zeroes as the last block is long

	after [][]byte // states of the hash after 0, 1, 2 … times hashStep zeroes
}

// hashStep is the distance of the states that a blockHasher knows, in bytes.
const hashStep = 32 << 10

// newBlockHasher returns a hasher of blocks of size bytes, in a volume of volume bytes.
func newBlockHasher(size, volume int64) *blockHasher {
	b := &blockHasher{size: size, volume: volume}
	h := sha256.New()
	for left := size; left > 0; left -= hashStep {
		if state, err := h.(encoding.BinaryMarshaler).MarshalBinary(); err == nil { // it never fails
			b.after = append(b.after, state)
		}
		h.Write(zeroes[:min(left, hashStep)])
	}
	b.zero = digest(h.Sum(nil))
	b.lastZero = b.zero
	if last := volume % size; last != 0 {
		b.lastZero = zeroDigest(int(last))
	}
	return b
}

// block returns the range of the n-th block.
func (b *blockHasher) block(n int64) span { return span{n * b.size, min((n+1)*b.size, b.volume)} }

// zeroBlock returns the digest of the n-th block if it holds zeroes.
func (b *blockHasher) zeroBlock(n int64) digest {
	if (n+1)*b.size > b.volume {
		return b.lastZero
	}
	return b.zero
}

// sum returns the digest of one block. Only the last block of a volume may be short. The
// zeroes before the data of a block are not hashed; those behind it must be.
func (b *blockHasher) sum(block []byte) digest {
	steps := 0
	for left := block; len(left) >= hashStep && isZero(left[:hashStep]); left = left[hashStep:] {
		steps++
	}
	switch {
	case steps == 0:
		return sha256.Sum256(block)
	case int64(steps)*hashStep == b.size:
		return b.zero
	case steps >= len(b.after):
		return sha256.Sum256(block)
	}
	h := sha256.New()
	if h.(encoding.BinaryUnmarshaler).UnmarshalBinary(b.after[steps]) != nil {
		return sha256.Sum256(block)
	}
	h.Write(block[steps*hashStep:])
	return digest(h.Sum(nil))
}

// md5From is the length from which the shared hash server is faster, in bytes.
const md5From = 64 << 10

// md5Server computes several MD5s at once, in the lanes of the CPU's vector registers. A
// single MD5 is slower than the disks. On a CPU without such registers it uses crypto/md5.
type md5Server struct {
	server md5simd.Server
	idle   sync.Pool
	mu     sync.Mutex
	all    []md5simd.Hasher
}

func newMD5Server() *md5Server { return &md5Server{server: md5simd.NewServer()} }

// sum returns the MD5 of p. It is fast when many goroutines call it at once.
func (s *md5Server) sum(p []byte) [md5.Size]byte {
	if len(p) < md5From {
		return md5.Sum(p)
	}
	h, _ := s.idle.Get().(md5simd.Hasher)
	if h == nil {
		h = s.server.NewHash()
		s.mu.Lock()
		s.all = append(s.all, h)
		s.mu.Unlock()
	}
	_, _ = h.Write(p) // a hash never fails
	sum := [md5.Size]byte(h.Sum(nil))
	h.Reset()
	s.idle.Put(h)
	return sum
}

func (s *md5Server) close() {
	for _, h := range s.all {
		h.Close()
	}
	s.server.Close()
}
