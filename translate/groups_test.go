package translate

import (
	"errors"
	"testing"

	"cindergate/driver"
)

// The texts are those that real Cinder 21.3.1 answered, except where noted.
func TestGroupTexts(t *testing.T) {
	const valid = "('error', 'available', 'creating', 'deleting', 'deleted', 'updating', "
	both := `{'source_group_id': '` + someID + `', 'group_snapshot_id': '` + someID + `'}`
	operations := operations(newTranslator(&backend{}))
	for _, c := range []struct{ operation, body, text string }{
		{"CreateGroup", `{"group": {"group_type": "t", "volume_types": []}}`,
			"Invalid input for field/attribute volume_types. Value: []. [] is too short"},
		{"CreateGroup", `{"group": {"group_type": "t", "volume_types": ["a", "a"]}}`,
			"Invalid input for field/attribute volume_types. Value: ['a', 'a']. ['a', 'a'] has non-unique elements"},
		{"ActOnGroups", `{"create-from-src": {"source_group_id": "` + someID + `", "group_snapshot_id": "` + someID + `"}}`,
			"Invalid input for field/attribute create-from-src. Value: " + both + ". " + both +
				" is valid under each of {'required': ['source_group_id']}, {'required': ['group_snapshot_id']}"},
		{"ActOnGroup", `{"reset_status": {"status": "zz"}}`,
			"Invalid Group Status: Group status: zz is invalid, valid status are: " + valid + "'in-use', 'error_deleting')."},
		{"ActOnGroup", `{"reset_status": {"status": "in-use"}}`,
			"Invalid Group Status: Group status: in-use is invalid, valid status are: " + valid + "'in-use', 'error_deleting')."},
		{"ActOnGroupSnapshot", `{"reset_status": {"status": "zz"}}`,
			"Invalid GroupSnapshot Status: Group snapshot status: zz is invalid, valid statuses are: " + valid + "'error_deleting')."},
		{"UpdateGroupType", `{"group_type": {}}`, "Specify group type name, description or a combination thereof."},
		{"UpdateGroupType", `{"group_type": {"name": "  "}}`, "Group type name can not be empty."},
		{"SetGroupSpec", `{"b": "c"}`, "Request body and URI mismatch"},
		{"CreateQoSSpecs", `{"qos_specs": {"name": "q", "a": 1}}`,
			`Invalid input received: Value for key "a" is not a string or unicode`},
		{"CreateQoSSpecs", `{"qos_specs": {"name": ""}}`,
			"An invalid 'name' value was provided. The 'name' can not be None."},
		{"UpdateQoSSpecs", `{"qos_specs": {"consumer": "zzz"}}`, // Cinder shows Python's repr of a class
			"Invalid qos specs: Valid consumer of QoS specs are: ('back-end', 'front-end', 'both')"},
		{"CreateTypeEncryption", `{"encryption": {"provider": "luks", "control_location": "front", "key_size": "x"}}`,
			"Invalid input received: key_size must be an integer."},
		{"UpdateAttachment", `{"attachment": {"connector": {}}}`,
			"Invalid input for field/attribute connector. Value: {}. {} does not have enough properties"},
		{"UpdateService", `{"binary": "x"}`, "Invalid input received: Host field is missing."},
		{"UpdateService", `{"host": "x"}`, "{'host': 'x'} is not valid under any of the given schemas"},
	} {
		r := request(c.operation, root, newest)
		r.Body = []byte(c.body)
		_, err := operations[c.operation](t.Context(), r)
		if got := FaultOf(err); err == nil || got.Status != 400 || got.Message != c.text {
			t.Errorf("%s %s:\n got %d %s\nwant 400 %s", c.operation, c.body, got.Status, got.Message, c.text)
		}
	}
}

// Each resource exists from its microversion on. Before, it is 404.
func TestGroupMicroversions(t *testing.T) {
	operations := operations(newTranslator(&backend{}))
	for name, since := range map[string]int{
		"ListGroupTypes": 11, "ListGroups": 13, "ActOnGroups": 14, "ListGroupSnapshots": 14, "ActOnGroupSnapshot": 19,
		"ListAttachments": 27, "ActOnAttachment": 44, "ListDefaultTypes": 62,
	} {
		for minor, known := range map[int]bool{since - 1: false, since: true} {
			_, err := operations[name](t.Context(), request(name, root, Version{3, minor}))
			if (err == nil) != known || err != nil && driver.KindOf(err) != driver.NotFound {
				t.Errorf("%s at 3.%d: %v", name, minor, err)
			}
		}
	}
}

func TestFreezeOfUnknownHost(t *testing.T) {
	tr := newTranslator(&backend{err: driver.ServiceNotFound("h", "cinder-volume")})
	for _, action := range []string{"freeze", "thaw", "failover_host", "failover"} {
		r := request("UpdateService", root, newest)
		r.ID, r.Body = action, []byte(`{"host": "h"}`)
		_, err := tr.UpdateService(t.Context(), r)
		var e *driver.Error
		if !errors.As(err, &e) || e.Kind != driver.InvalidInput || e.Message != "No service found with host=h" {
			t.Errorf("%s: %v", action, err)
		}
	}
}
