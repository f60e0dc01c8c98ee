package chunked

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"sync"

	md5simd "github.com/minio/md5-simd"
)

// digest is the SHA-256 of one block.
type digest = [sha256.Size]byte

// zeroes is compared with, and never written.
var zeroes [64 << 10]byte

// isZero reports whether p holds only zeroes. It stops at the first that is not.
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

// blockHasher digests blocks of one size. It knows the answer for zeroes.
type blockHasher struct {
	size int
	zero digest
}

func newBlockHasher(size int) *blockHasher {
	return &blockHasher{size: size, zero: zeroDigest(size)}
}

// sum digests one block, which is short only at the end of the volume.
func (h *blockHasher) sum(block []byte) digest {
	if len(block) == h.size && isZero(block) {
		return h.zero
	}
	return sha256.Sum256(block)
}

// md5From is the length in bytes from which handing the bytes to the common
// hash server pays.
const md5From = 128 << 10

// md5Server computes several MD5s side by side, in the lanes of the CPU's
// vector registers: one alone is slower than the disks. Without such registers
// it is crypto/md5.
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
