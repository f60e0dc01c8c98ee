package vbs

import (
	"github.com/google/uuid"

	"cindergate/translate"
	"cindergate/translate/schema"
)

// readBody reads a body of the form {root: {…}}. code is the code of the error for any
// other body.
func readBody(r translate.Request, root, code string) (*schema.Object, error) {
	body, err := schema.Parse(r.Body)
	if err != nil {
		return nil, refusef(code, "The request body is not JSON.")
	}
	o, _ := body.(*schema.Object)
	if o != nil {
		content, _ := o.Get(root)
		o, _ = content.(*schema.Object)
	}
	if o == nil {
		return nil, refusef(code, "The request body must be an object with the object %q.", root)
	}
	return o, nil
}

// uuidLength is the length of a UUID, in bytes.
const uuidLength = 36

// isUUID reports whether a text is an id in the one form that these services write. They do
// not accept the other forms of a UUID.
func isUUID(s string) bool { return len(s) == uuidLength && uuid.Validate(s) == nil }
