package embedded

// Small makes a driver's volumes small, for tests in other packages.
func Small(o Options) Options {
	o.unit, o.rehearse = small, true
	return o
}
