package embedded

// Small makes the volumes of a driver small, for the tests outside of this package.
func Small(o Options) Options {
	o.unit, o.rehearse = small, true
	return o
}
