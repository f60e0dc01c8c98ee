package translate

import (
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// decode reads a body of the form {root: {…}}, checks it against rules, and returns the
// object under root. The object is nil if it is null and the rules allow that.
func decode(r Request, root string, rules *schema.Schema) (*schema.Object, error) {
	body, err := parseBody(r.Body)
	if err != nil {
		return nil, err
	}
	return content(body, root, rules)
}

// content checks a parsed body against rules and returns the object under root.
func content(body any, root string, rules *schema.Schema) (*schema.Object, error) {
	if err := rules.Check(body); err != nil {
		return nil, err
	}
	return body.(*schema.Object).Object(root), nil
}

// parseBody parses any JSON. A missing body has an error of its own; Cinder fails with 500
// there.
func parseBody(body []byte) (any, error) {
	if len(body) == 0 {
		return nil, driver.Errorf(driver.InvalidInput, "A request body is required.")
	}
	v, err := schema.Parse(body)
	if err != nil {
		return nil, driver.Errorf(driver.InvalidInput, "Malformed request body")
	}
	return v, nil
}

// nullRoot returns the error for a null root that the schema allows but the operation
// cannot use.
func nullRoot(root string) error {
	return driver.Errorf(driver.InvalidInput,
		"Invalid input for field/attribute %s. Value: None. None is not of type 'object'", root)
}

// optionalText returns a name or description without surrounding spaces. Null differs from
// absent (validate_name_and_description of cinder/api/openstack/wsgi.py).
func optionalText(o *schema.Object, name string) driver.Optional[*string] {
	v, ok := o.Get(name)
	if !ok {
		return driver.Optional[*string]{}
	}
	s, isText := v.(string)
	if !isText {
		return driver.Some[*string](nil)
	}
	s = strings.TrimSpace(s)
	return driver.Some(&s)
}

// firstText returns the first of the named members that is present.
func firstText(o *schema.Object, names ...string) driver.Optional[*string] {
	for _, name := range names {
		if v := optionalText(o, name); v.Set {
			return v
		}
	}
	return driver.Optional[*string]{}
}

// action is the body of POST …/action: an object with exactly one member, named after the
// action.
type action struct {
	name string
	body *schema.Object
}

// readAction parses the body of POST …/action.
func readAction(r Request) (action, error) {
	if len(r.Body) == 0 {
		return action{}, noSuchAction("None")
	}
	v, err := parseBody(r.Body)
	if err != nil {
		return action{}, err
	}
	o, isObject := v.(*schema.Object)
	if !isObject || o.Len() != 1 {
		return action{}, driver.Errorf(driver.InvalidInput, "Malformed request body")
	}
	return action{o.Keys()[0], o}, nil
}

// decode checks the whole body against rules and returns the object under the action's
// name. The object is nil if it is null and the rules allow that.
func (a action) decode(rules *schema.Schema) (*schema.Object, error) {
	return content(a.body, a.name, rules)
}

func noSuchAction(name string) error {
	return driver.Errorf(driver.InvalidInput,
		"There is no such action: %s. Verify the request body and Content-Type header and try again.", name)
}
