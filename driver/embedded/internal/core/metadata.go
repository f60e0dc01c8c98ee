package core

import "cindergate/driver"

// Changed applies a metadata change to a copy of old.
func Changed(old map[string]string, c driver.MetadataChange, missing func(key string) error) (map[string]string, error) {
	next := make(map[string]string, len(old)+len(c.Set))
	if !c.Replace {
		for k, v := range old {
			next[k] = v
		}
	}
	for _, k := range c.Remove {
		if _, ok := next[k]; !ok {
			return nil, missing(k)
		}
		delete(next, k)
	}
	for k, v := range c.Set {
		next[k] = v
	}
	return next, nil
}

// With returns a copy of m with key set to value.
func With(m map[string]string, key, value string) map[string]string {
	next, _ := Changed(m, driver.MetadataChange{Set: map[string]string{key: value}}, nil)
	return next
}

// Without returns a copy of m without key.
func Without(m map[string]string, key string) map[string]string {
	next, _ := Changed(m, driver.MetadataChange{}, nil)
	delete(next, key)
	return next
}
