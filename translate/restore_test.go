package translate

import (
	"strings"
	"testing"

	"cindergate/driver"
)

func TestRestoreTarget(t *testing.T) {
	const id = `"` + someID + `"`
	undashed := strings.ReplaceAll(someID, "-", "")
	unnamed, named, empty := driver.RestoreTarget{}, driver.ToNewVolume("n"), driver.ToNewVolume("")
	existing := driver.ToVolume(someID)
	for body, want := range map[string]driver.RestoreTarget{
		`{"restore": {"volume_id": ` + id + `}}`:                    driver.ToVolume(someID),
		`{"restore": {"volume_id": ` + id + `, "name": "n"}}`:       existing, // the name is ignored
		`{"restore": {"volume_id": ` + id + `, "name": null}}`:      existing,
		`{"restore": {"volume_id": "` + undashed + `"}}`:            driver.ToVolume(undashed),
		`{"restore": {"volume_id": null, "name": "n"}}`:             named,
		`{"restore": {"name": "n"}}`:                                named,
		`{"restore": {"name": ""}}`:                                 empty, // "" is a name
		`{"restore": {"volume_id": null, "name": null}}`:            unnamed,
		`{"restore": {"volume_id": null}}`:                          unnamed,
		`{"restore": {"name": null}}`:                               unnamed,
		`{"restore": {}}`:                                           unnamed,
		`{"restore": {"name": "` + strings.Repeat("n", 255) + `"}}`: driver.ToNewVolume(strings.Repeat("n", 255)),
	} {
		got, err := restoreTarget(Request{Body: []byte(body)})
		if err != nil || !equalTargets(got, want) {
			t.Errorf("%s: got %+v, %v", body, got, err)
		}
	}
}

func equalTargets(a, b driver.RestoreTarget) bool {
	aID, aOld := a.VolumeID()
	bID, bOld := b.VolumeID()
	aName, aNamed := a.NewName()
	bName, bNamed := b.NewName()
	return aID == bID && aOld == bOld && aName == bName && aNamed == bNamed
}

func TestRestoreTargetRefused(t *testing.T) {
	for body, message := range map[string]string{
		``:                                  "A request body is required.",
		`{`:                                 "Malformed request body",
		`{"restore": {}} x`:                 "Malformed request body",
		`null`:                              "None is not of type 'object'",
		`[]`:                                "[] is not of type 'object'",
		`{}`:                                "'restore' is a required property",
		`{"restore": null}`:                 "Invalid input for field/attribute restore. Value: None. None is not of type 'object'",
		`{"restore": []}`:                   "Invalid input for field/attribute restore. Value: []. [] is not of type 'object', 'null'",
		`{"restore": {"volume_id": ""}}`:    "Invalid input for field/attribute volume_id. Value: . '' is not valid under any of the given schemas",
		`{"restore": {"volume_id": "abc"}}`: "Invalid input for field/attribute volume_id. Value: abc. 'abc' is not valid under any of the given schemas",
		`{"restore": {"volume_id": 1}}`:     "Invalid input for field/attribute volume_id. Value: 1. 1 is not valid under any of the given schemas",
		`{"restore": {"volume_id": "", "name": "n"}}`:               "Invalid input for field/attribute volume_id. Value: . '' is not valid under any of the given schemas",
		`{"restore": {"name": 1}}`:                                  "Invalid input for field/attribute name. Value: 1. 1 is not of type 'string', 'null'",
		`{"restore": {"foo": 1}}`:                                   "Invalid input for field/attribute restore. Value: {'foo': 1}. Additional properties are not allowed ('foo' was unexpected)",
		`{"restore": {}, "x": 1}`:                                   "Additional properties are not allowed ('x' was unexpected)",
		`{"restore": {"name": "` + strings.Repeat("n", 256) + `"}}`: "is too long",
	} {
		_, err := restoreTarget(Request{Body: []byte(body)})
		if err == nil || FaultOf(err).Status != 400 || !strings.Contains(FaultOf(err).Message, message) {
			t.Errorf("%s: got %v, want 400 %s", body, err, message)
		}
	}
}
