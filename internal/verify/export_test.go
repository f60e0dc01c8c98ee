package verify

// Shared has runs of a test use the same volumes and backups.
type Shared struct {
	things *things
	id     string
}

func NewShared() *Shared { return &Shared{newThings(), "shared00"} }

// Share has a run use them.
func (s *Shared) Share(o *Options) { o.shared, o.sharedID = s.things, s.id }
