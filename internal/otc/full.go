package otc

// FullBackup says when backups are full ones.
type FullBackup string

// The values of FullBackup; "" is FullOnRequest.
const (
	FullAlways    FullBackup = "always"     // ignores the client's incremental
	FullOnRequest FullBackup = "on-request" // unless the client asked for incremental, as in Cinder
	FullNever     FullBackup = "never"      // the service decides, which is incremental after the first
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
