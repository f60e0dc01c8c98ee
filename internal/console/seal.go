package console

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"cindergate/driver"
	"cindergate/internal/console/sessions"
)

// kept is what the console knows of a session at all gateways. It is kept sealed: whoever reads the store
// has neither the token nor anything to take a session over with, for the key is made of the id that only
// the browser has.
type kept struct {
	Token     string      `json:"token"`
	UserID    string      `json:"user_id"`
	ProjectID string      `json:"project_id"`
	Role      driver.Role `json:"role"`
	User      string      `json:"user"` // names
	Project   string      `json:"project"`
	Owned     bool        `json:"owned"`   // the console has made the token, and may revoke it
	Form      string      `json:"form"`    // token of forms
	Narrow    bool        `json:"narrow"`  // an admin looks at one project only
	Flashes   []flash     `json:"flashes"` // that the next page shows
	Actions   int         `json:"actions"` // how many there were; what was read before the last one is old
}

// sealing is what the keys are for. Another form of kept needs another name.
const sealing = "cindergate console session 1"

// sealerOf returns the cipher of the session with an id.
func sealerOf(id string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(id), nil, sealing, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// bound ties what is sealed to its row: it opens in no other one, and in none with another user or end.
func bound(row *sessions.Session) []byte {
	return fmt.Appendf(nil, "%x %x %d", row.Key, row.User, row.Ends.UnixMicro())
}

// sealKept seals what is kept in a row.
func sealKept(sealer cipher.AEAD, row *sessions.Session, st *kept) ([]byte, error) {
	text, err := json.Marshal(st)
	if err != nil {
		return nil, err
	}
	sealed := sealer.Seal(nil, nil, text, bound(row)) //nolint:gosec // the cipher makes the nonce, at random
	if len(sealed) > sessions.MaxSealed {
		return nil, fmt.Errorf("a session of %d bytes is longer than %d", len(sealed), sessions.MaxSealed)
	}
	return sealed, nil
}

// openKept opens what a row has sealed. A row that was changed, cut or written by somebody else is an error.
func openKept(sealer cipher.AEAD, row *sessions.Session) (*kept, error) {
	text, err := sealer.Open(nil, nil, row.Sealed, bound(row))
	if err != nil {
		return nil, err
	}
	st := &kept{}
	return st, json.Unmarshal(text, st)
}
