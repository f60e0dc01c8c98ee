package translate

import (
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// decode reads a body of the form {root: {…}} that must follow rules, and returns
// the object under root. It is nil where the rules allow null.
func decode(r Request, root string, rules *schema.Schema) (*schema.Object, error) {
	body, err := parseBody(r.Body)
	if err != nil {
		return nil, err
	}
	return content(body, root, rules)
}

// content checks a parsed body against rules, and returns the object under root.
func content(body any, root string, rules *schema.Schema) (*schema.Object, error) {
	if err := rules.Check(body); err != nil {
		return nil, err
	}
	return body.(*schema.Object).Object(root), nil
}

// parseBody reads any JSON. A missing body is an error of its own: Cinder fails
// with 500 there.
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

// nullRoot refuses null where the schema, but not the operation, allows it.
func nullRoot(root string) error {
	return driver.Errorf(driver.InvalidInput,
		"Invalid input for field/attribute %s. Value: None. None is not of type 'object'", root)
}

// optionalText is a name or description: stripped, null kept apart from absent
// (validate_name_and_description of cinder/api/openstack/wsgi.py).
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

// firstText is the first of the members names that is there.
func firstText(o *schema.Object, names ...string) driver.Optional[*string] {
	for _, name := range names {
		if v := optionalText(o, name); v.Set {
			return v
		}
	}
	return driver.Optional[*string]{}
}

// action is a body of POST …/action: an object with exactly one member, its name.
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

// decode checks the whole body against rules, and returns the object under the action's
// name. It is nil where the rules allow null.
func (a action) decode(rules *schema.Schema) (*schema.Object, error) {
	return content(a.body, a.name, rules)
}

func noSuchAction(name string) error {
	return driver.Errorf(driver.InvalidInput,
		"There is no such action: %s. Verify the request body and Content-Type header and try again.", name)
}
