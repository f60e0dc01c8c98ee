package identity

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// maxPassword is the longest password that a hash is made of, in bytes (Keystone's
// default of max_password_length).
const maxPassword = 4096

// Cost of new hashes: what OWASP's password storage cheat sheet recommends for
// argon2id, 19 MiB of memory in two passes.
const (
	hashMemory  = 19 << 10 // KiB
	hashTime    = 2
	hashThreads = 1
	hashLength  = 32
	saltLength  = 16
)

// HashPassword makes an argon2id hash that [ParseHash] reads. The password has 1 to
// 4096 bytes.
func HashPassword(password string) (string, error) {
	if password == "" || len(password) > maxPassword {
		return "", fmt.Errorf("the password has %d bytes, not 1 to %d", len(password), maxPassword)
	}
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // never fails
	sum := argon2.IDKey([]byte(password), salt, hashTime, hashMemory, hashThreads, hashLength)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads, b64(salt), b64(sum)), nil
}
