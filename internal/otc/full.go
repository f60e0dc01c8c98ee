package otc

// FullBackup says when backups are full ones.
type FullBackup string

// The values of FullBackup; "" is FullOnRequest.
const (
	FullAlways    FullBackup = "always"     // incremental is passed over
	FullOnRequest FullBackup = "on-request" // unless the client asked for incremental, as in Cinder
	FullNever     FullBackup = "never"      // the service decides, which is incremental after the first
)

// Asks tells what to ask the service for when the client asks for an incremental backup
// or not; nil leaves it to the service.
func (f FullBackup) Asks(incremental bool) (asked *bool) {
	switch f {
	case FullNever:
		return nil
	case FullAlways:
		incremental = false
	}
	return &incremental
}
