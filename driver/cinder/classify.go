package cinder

import (
	"errors"
	"strings"

	"cindergate/driver"
)

// stateTexts begin what Cinder says of a resource in the wrong state: 400, as for
// bad input (cinder/exception.py InvalidBackup and the like).
var stateTexts = []string{"Invalid backup: ", "Invalid volume: ", "Invalid snapshot: "}

// unreadable is the error for an answer without what it must have. It is never taken for
// an answer that there is nothing.
func (d *Driver) unreadable(lacks string) error {
	return driver.Errorf(driver.Unavailable, "Backend %s gave an answer that cannot be read: it has no %s.", d.o.Name, lacks)
}

// classify tells Cinder's two kinds of 400 apart; the rest is the transport's.
func (d *Driver) classify(err error) error {
	err = d.http.Classify(err)
	var e *driver.Error
	if !errors.As(err, &e) || e.Kind != driver.InvalidInput {
		return err
	}
	for _, text := range stateTexts {
		if strings.HasPrefix(e.Message, text) {
			state := *e
			state.Kind = driver.InvalidState
			return &state
		}
	}
	return err
}
