package otc

// FullBackup says when a backup is a full one.
type FullBackup string

// The values of FullBackup. "" means FullOnRequest.
const (
	FullAlways    FullBackup = "always"     // ignores the client's incremental
	FullOnRequest FullBackup = "on-request" // full unless the client requests incremental, as in Cinder
	FullNever     FullBackup = "never"      // the service decides: incremental after the first
)

// Asks returns the incremental flag to send to the service for the client's incremental
// flag. nil leaves the choice to the service.
func (f FullBackup) Asks(incremental bool) (asked *bool) {
	switch f {
	case FullNever:
		return nil
	case FullAlways:
		incremental = false
	}
	return &incremental
}
