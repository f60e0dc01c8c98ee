package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// Secret checks a password against its hash. It prints as [redacted].
type Secret struct {
	check func(password string) bool
	slow  bool // a check takes long, so that few must run at once
	stamp string
}

// stampOf tells one hash of a password from another. Tokens have it, so that they end when a
// password of the configuration changes.
func stampOf(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:8])
}

func (Secret) String() string   { return "[redacted]" }
func (Secret) GoString() string { return "[redacted]" }

// Matches reports whether the password is the right one.
func (s Secret) Matches(password string) bool { return s.check != nil && s.check(password) }

// Generated is the secret of a random password: it has more entropy than can be
// searched, so that one round of SHA-256 is enough, and login is fast.
func Generated(password string) Secret {
	want := sha256.Sum256([]byte(password))
	return Secret{stamp: stampOf("generated " + password), check: func(given string) bool {
		got := sha256.Sum256([]byte(given))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1
	}}
}

// maxBcrypt is how many bytes of a password bcrypt looks at.
const maxBcrypt = 72

// maxBcryptCost is the highest cost: a check takes some seconds then.
const maxBcryptCost = 16

var bcryptHash = regexp.MustCompile(`^\$2[aby]\$[0-9]{2}\$[./0-9A-Za-z]{53}$`)

// ParseHash reads a password hash from the configuration: bcrypt ($2a$, $2b$,
// $2y$) or argon2id ($argon2id$v=19$m=…,t=…,p=…$salt$hash).
func ParseHash(hash string) (Secret, error) {
	switch {
	case strings.HasPrefix(hash, "$2"):
		cost, err := bcrypt.Cost([]byte(hash))
		switch {
		case err != nil || !bcryptHash.MatchString(hash):
			return Secret{}, errors.New("not a bcrypt hash")
		case cost < bcrypt.MinCost || cost > maxBcryptCost:
			return Secret{}, fmt.Errorf("the cost of the bcrypt hash is not between %d and %d", bcrypt.MinCost, maxBcryptCost)
		}
		return Secret{slow: true, stamp: stampOf(hash), check: func(given string) bool {
			// bcrypt looks at so many bytes only: more would match whatever follows. The
			// comparison is made all the same, for its time tells nothing then.
			compared := given[:min(len(given), maxBcrypt)]
			return bcrypt.CompareHashAndPassword([]byte(hash), []byte(compared)) == nil && len(given) <= maxBcrypt
		}}, nil
	case strings.HasPrefix(hash, "$argon2id$"):
		return parseArgon2(hash)
	}
	return Secret{}, errors.New("neither a bcrypt nor an argon2id hash")
}

// Bounds of what an argon2id hash may ask of this process.
const (
	maxArgonMemory = 1 << 20 // KiB
	maxArgonTime   = 64
)

func parseArgon2(hash string) (Secret, error) {
	parts := strings.Split(hash, "$")
	var memory, time uint32
	var threads uint8
	if len(parts) != 6 || parts[2] != "v=19" {
		return Secret{}, errors.New("not an argon2id hash of version 19")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil {
		return Secret{}, errors.New("argon2id parameters are not m=…,t=…,p=…")
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	switch {
	case err1 != nil || err2 != nil || len(want) < 16:
		return Secret{}, errors.New("argon2id salt or hash is not base64 of 16 bytes or more")
	case memory == 0 || memory > maxArgonMemory || time == 0 || time > maxArgonTime || threads == 0:
		return Secret{}, errors.New("argon2id parameters are out of range")
	}
	return Secret{slow: true, stamp: stampOf(hash), check: func(given string) bool {
		got := argon2.IDKey([]byte(given), salt, time, memory, threads, uint32(len(want))) // #nosec G115 -- a few bytes
		return subtle.ConstantTimeCompare(got, want) == 1
	}}, nil
}
