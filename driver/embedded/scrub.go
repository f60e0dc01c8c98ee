package embedded

import (
	"context"

	"cindergate/driver/embedded/internal/backups"
)

type (
	// Scrubbed is what a scrub found out about one backup.
	Scrubbed = backups.Scrubbed
	// ScrubOptions tune [Driver.Scrub].
	ScrubOptions = backups.ScrubOptions
)

// ScrubResults are the values of Scrubbed.Result.
var ScrubResults = backups.ScrubResults

// ScrubOK is the result of a backup without damage.
const ScrubOK = backups.ScrubOK

// ScrubGood are the results of backups that can be restored.
var ScrubGood = []string{backups.ScrubOK, backups.ScrubRepaired}

// Scrub reads the stored backups of all projects and records what it finds. It deletes
// nothing. See [backups.Backups.Scrub].
func (d *Driver) Scrub(ctx context.Context, o ScrubOptions) error { return d.backups.Scrub(ctx, o) }
