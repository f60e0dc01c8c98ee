package driver

// Optional is a value that a request may leave out. An absent value differs from null.
type Optional[T any] struct {
	Value T
	Set   bool
}

// Some returns an Optional that is set to v.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Set: true} }
