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

// blockHasher computes the digests of a volume's blocks. It knows those of zeroes.
type blockHasher struct {
	size, volume int64
	zero         digest // of size zeroes
	lastZero     digest // of as many zeroes as the last block is long
}

// newBlockHasher returns a hasher of blocks of size bytes, in a volume of volume bytes.
func newBlockHasher(size, volume int64) *blockHasher {
	h := &blockHasher{size: size, volume: volume, zero: zeroDigest(int(size))}
	h.lastZero = h.zero
	if last := volume % size; last != 0 {
		h.lastZero = zeroDigest(int(last))
	}
	return h
}

// block returns the range of the n-th block.
func (h *blockHasher) block(n int64) span { return span{n * h.size, min((n+1)*h.size, h.volume)} }

// zeroBlock returns the digest of the n-th block if it holds zeroes.
func (h *blockHasher) zeroBlock(n int64) digest {
	if (n+1)*h.size > h.volume {
		return h.lastZero
	}
	return h.zero
}

// sum returns the digest of one block. Only the last block of a volume may be short.
func (h *blockHasher) sum(block []byte) digest {
	if int64(len(block)) == h.size && isZero(block) {
		return h.zero
	}
	return sha256.Sum256(block)
}

// md5From is the length from which the shared hash server is faster, in bytes.
const md5From = 128 << 10

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
