package driver

// Optional is a value that may be absent from a request; absent differs from null.
type Optional[T any] struct {
	Value T
	Set   bool
}

// Some is a present value.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, Set: true} }
