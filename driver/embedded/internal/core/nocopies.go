package core

import (
	"context"
	"crypto/rand"

	"cindergate/driver"
)

// NoCopies is the copier of a driver that has none: no backend takes copies.
type NoCopies struct{}

// Check implements [driver.Copier].
func (NoCopies) Check(string) error {
	return driver.Errorf(driver.InvalidInput, "Invalid input received: metadata %s: no backend takes copies.", driver.CopyTo)
}

// NewID implements [driver.Copier]: a volume of another time may still ask for copies, whose
// rows need ids.
func (NoCopies) NewID() string { return rand.Text() }

// Copy implements [driver.Copier].
func (n NoCopies) Copy(context.Context, driver.Copy) (driver.Copied, error) {
	return driver.Copied{}, n.Check("")
}

// Abort implements [driver.Copier].
func (n NoCopies) Abort(context.Context, string, string) error { return n.Check("") }

// Forget implements [driver.Copier].
func (NoCopies) Forget(string) {}
