package schema

// Text returns the string of a member; "" if it is null or absent.
func (o *Object) Text(name string) string {
	s, _ := o.values[name].(string)
	return s
}

// NullText returns the string of a member; nil if it is null or absent.
func (o *Object) NullText(name string) *string {
	if s, ok := o.values[name].(string); ok {
		return &s
	}
	return nil
}

// TextList returns the strings in an array member. It is empty if the member is null or
// absent.
func (o *Object) TextList(name string) []string {
	items, _ := o.values[name].([]any)
	list := make([]string, 0, len(items))
	for _, item := range items {
		if s, ok := item.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

// StringMap returns the string members of an object member; nil if it is null or absent.
func (o *Object) StringMap(name string) map[string]string {
	if m, ok := o.values[name].(*Object); ok {
		return m.Strings()
	}
	return nil
}

// Object returns an object member; nil if it is anything else.
func (o *Object) Object(name string) *Object {
	m, _ := o.values[name].(*Object)
	return m
}

// Flag returns a boolean member in any of Cinder's forms; false if it is null or absent.
func (o *Object) Flag(name string) bool { return True(o.values[name]) }

// Integer returns a member that is a number or a string of digits; 0 if it is null, absent
// or beyond 64 bits.
func (o *Object) Integer(name string) int {
	n, ok := Integer(o.values[name])
	if !ok || !n.IsInt64() {
		return 0
	}
	return int(n.Int64())
}
