package replay_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cindergate/internal/transcript"
	"cindergate/internal/verify"
	"cindergate/internal/verify/replay"
)

// Ids of what a transcript makes, of its project and its server stand for those of the endpoint.
func TestIDsAreThoseOfTheEndpoint(t *testing.T) {
	e := newEndpoint(t, makes(map[string]string{
		"GET /volumes/" + ownVolume + "/x": `200 {"volume": {"id": "` + ownVolume + `", "links": [{"href": "BASE/v3/` + ownProject + `/volumes/` + ownVolume + `"}], "created_at": "2027-01-01T00:00:00.000000", "user_id": "u2"}}`,
	}))
	all := append(made(), recorded("member GET /volumes/"+recordedVolume+"/x", `200 {"volume": {"id": "`+recordedVolume+`", "links": [{"href": "`+recordedURL+`/v3/`+recordedProject+`/volumes/`+recordedVolume+
		`"}], "created_at": "2026-01-01T00:00:00.000000", "user_id": "u1"}}`))
	r, verdicts := e.replay(replay.Options{Write: true}, all...)
	if verdicts != "same, same, same" || !strings.Contains(e.asked(), `POST /backups {"backup": {"volume_id": "`+ownVolume+`"}}`) {
		t.Errorf("%s\n%s", verdicts, e.asked())
	}
	if want := []string{"backup " + ownBackup, "volume " + ownVolume}; !slices.Equal(r.Left, want) {
		t.Errorf("left: %v", r.Left)
	}
}

// Without leave to write nothing is sent that changes something, nor what would need it.
func TestReadsOnly(t *testing.T) {
	e := newEndpoint(t, makes(map[string]string{"GET /volumes": "200 {}", "GET /backups/" + existing: "200 {}", "HEAD /volumes": "200"}))
	all := append(made(), recorded("member GET /volumes/"+recordedVolume, "200 "+volume(recordedVolume, "available")), recorded("member GET /volumes", "200 {}"),
		recorded("member PUT /backups/"+existing+` {"backup": {"name": "m"}}`, "200 {}"), recorded("member GET /backups/"+existing, `200 {"x": 1}`),
		recorded("member DELETE /backups/"+recordedBackup, "404 {}"), recorded("member HEAD /volumes", "200"))
	r, verdicts := e.replay(replay.Options{}, all...)
	if verdicts != "not sent, not sent, not sent, same, not sent, not sent, not sent, same" || e.asked() != "GET /volumes\nHEAD /volumes" {
		t.Errorf("%s\n%s", verdicts, e.asked())
	}
	if got := r.Results[2].Reason; got != "it needs what is not as recorded: f:1 was not sent" {
		t.Error(got)
	}
	if r.Untried() != 6 {
		t.Errorf("%d were not tried", r.Untried())
	}
}

// A transcript of a stranger changes and deletes nothing but what its replay has made, in whatever way it
// names that.
func TestOnlyWhatTheReplayMadeIsChanged(t *testing.T) {
	for _, request := range []string{
		"DELETE /backups/" + existing, "DELETE /volumes/" + existing + "?cascade=True", "PUT /volumes/" + existing + ` {"volume": {"name": "m"}}`, "DELETE /volumes/" + existing + "/metadata/k",
		"POST /volumes/" + existing + `/action {"os-force_delete": {}}`, "POST /backups/" + recordedBackup + `/restore {"restore": {"volume_id": "` + existing + `"}}`,
		"POST /backups/" + recordedBackup + `/restore {"restore": {"volume_id": "55555555-5555\u002d4555-8555-555555555555"}}`, "POST /backups/" + recordedBackup + `/restore {"restore": {"volume_id": "short"}}`,
		"POST /backups/" + recordedBackup + `/restore {"x": "` + existing + `"}`, "POST /backups/" + recordedBackup + `/restore no JSON, but ` + existing,
		"POST /backups/" + existing + `/restore {"restore": {}}`, "PUT /os-quota-sets/" + recordedProject + ` {"quota_set": {"backups": 0}}`, `PUT /os-services/disable {"host": "h", "binary": "cinder-backup"}`,
		`POST /types {"volume_type": {"name": "n"}}`, "DELETE /types/" + recordedVolume, "DELETE /group_snapshots/" + recordedBackup, "DELETE /backups/BACKUPS", "POST /backups/import_record {}",
		"POST /volumes/" + recordedVolume + `/action {"os-attach": {"instance_uuid": "` + existing + `"}}`, "PATCH /volumes/" + existing + " {}", "POST /os-volume-transfer " + `{"transfer": {"volume_id": "` + recordedVolume + `"}}`,
	} {
		e := newEndpoint(t, makes(nil))
		all := append(made(), recorded("member "+request, "202 {}"))
		r, verdicts := e.replay(replay.Options{Write: true}, all...)
		if verdicts != "same, same, not sent" || !strings.Contains(r.Results[2].Reason, "--write-existing") {
			t.Errorf("%s: %s, %s\n%s", request, verdicts, r.Results[2].Reason, e.asked())
		}
		if _, verdicts = e.replay(replay.Options{WriteExisting: true}, all...); verdicts != "same, same, differs" {
			t.Errorf("%s with leave: %s", request, verdicts)
		}
	}
}

func TestWhatTheReplayMadeIsChanged(t *testing.T) {
	for _, request := range []string{
		"DELETE /backups/" + recordedBackup, "PUT /volumes/" + recordedVolume + ` {"volume": {"name": "m"}}`, "POST /volumes/" + recordedVolume + `/action {"os-extend": {"new_size": 2}}`,
		"POST /backups/" + recordedBackup + `/restore {"restore": {"volume_id": "` + recordedVolume + `"}}`, "POST /backups/" + recordedBackup + `/restore {"restore": {"volume_id": null}}`,
		`POST /snapshots {"snapshot": {"volume_id": "` + existing + `"}}`,
	} {
		words := strings.SplitN(request, " ", 3)
		asked := words[0] + " " + strings.NewReplacer(recordedVolume, ownVolume, recordedBackup, ownBackup).Replace(words[1])
		e := newEndpoint(t, makes(map[string]string{asked: "202 {}"}))
		if r, verdicts := e.replay(replay.Options{Write: true}, append(made(), recorded("member "+request, "202 {}"))...); verdicts != "same, same, same" {
			t.Errorf("%s: %s %s", request, verdicts, r.Results[2].Reason)
		}
	}
}

// What could not be made is a difference, and what needs it is not sent: it would only differ as well.
func TestWhatNeedsAFailureIsNotSent(t *testing.T) {
	for answer, want := range map[string]string{"500 {}": "differs, not sent, not sent", "no": "no answer, not sent, not sent"} {
		e := newEndpoint(t, makes(map[string]string{"POST /volumes": answer}))
		r, verdicts := e.replay(replay.Options{Write: true}, append(made(), recorded("member GET /backups/"+recordedBackup, "200 {}"))...)
		if verdicts != want || !strings.HasPrefix(r.Results[1].Reason, "it needs what is not as recorded: f:1 ") || len(r.Left) > 0 {
			t.Errorf("%s: %s, %s", answer, verdicts, r.Results[1].Reason)
		}
	}
}

// A request goes out with the login of the role that sent it, or not at all.
func TestRoles(t *testing.T) {
	other := func(x transcript.Exchange) transcript.Exchange { x.Project = otherProject; return x }
	third := func(x transcript.Exchange) transcript.Exchange { x.Project = strings.Repeat("d", 32); return x }
	get := func(role string) transcript.Exchange { return recorded(role+" GET /volumes", "200 {}") }
	all := []transcript.Exchange{get("member"), get("reader"), recorded(`reader POST /volumes {}`, "403 {}"), other(get("member")), third(get("member")), get("padmin"), get("nobody"), other(get("admin"))}
	second, boss := login(otherProject, "member"), login(strings.Repeat("e", 32), "admin")
	for _, test := range []struct {
		name   string
		change func(*endpoint)
		want   string
	}{
		{"a member", func(*endpoint) {}, "same, same, not sent, not sent, not sent, not sent, same, not sent"},
		{"a reader", func(e *endpoint) { e.logins.Tester = login(ownProject, "reader") }, "same, same, same, not sent, not sent, not sent, same, not sent"},
		{"an admin", func(e *endpoint) { e.admin = true }, "not sent, not sent, not sent, not sent, not sent, not sent, same, same"},
		{"three logins", func(e *endpoint) { e.logins.Second, e.logins.Boss = &second, &boss }, "same, same, not sent, same, not sent, not sent, same, not sent"},
	} {
		e := newEndpoint(t, map[string][]string{"GET /volumes": {"200 {}"}, "POST /volumes": {"403 {}"}})
		test.change(e)
		if r, verdicts := e.replay(replay.Options{Write: true}, slices.Clone(all)...); verdicts != test.want {
			t.Errorf("%s: %s\n%+v", test.name, verdicts, r.Results)
		}
	}
	// An admin whose project no member has.
	x := get("admin")
	e := newEndpoint(t, map[string][]string{"GET /volumes": {"200 {}"}})
	own := login(ownProject, "admin")
	e.logins.Boss = &own
	if _, verdicts := e.replay(replay.Options{}, x); verdicts != "same" {
		t.Error(verdicts)
	}
}

// A status that passes by itself is no difference; an error is.
func TestStatusesSettle(t *testing.T) {
	show := "GET /volumes/" + ownVolume
	for _, test := range []struct{ recorded, here, want string }{
		{"200 " + volume(recordedVolume, "available"), "200 " + volume(ownVolume, "creating") + "|200 " + volume(ownVolume, "creating") + "|200 " + volume(ownVolume, "available"), "same"},
		{"200 " + volume(recordedVolume, "available"), "200 " + volume(ownVolume, "creating") + "|200 " + volume(ownVolume, "error"), "differs"},
		{"200 " + volume(recordedVolume, "creating"), "200 " + volume(ownVolume, "available"), "same"},
		{"200 " + volume(recordedVolume, "restoring-backup"), "200 " + volume(ownVolume, "creating"), "same"},
		{"200 " + volume(recordedVolume, "creating"), "200 " + volume(ownVolume, "error"), "differs"},
		{"200 " + volume(recordedVolume, "creating"), "404 {}", "differs"},
		{"200 " + volume(recordedVolume, "creating"), `200 {"volume": {"id": "` + ownVolume + `", "status": "creating", "size": 1}}|200 {"volume": {"id": "` + ownVolume + `", "status": "available", "size": 1}}`, "differs"},
		{"200 " + volume(recordedVolume, "error"), "200 " + volume(ownVolume, "available"), "differs"},
	} {
		e := newEndpoint(t, makes(map[string]string{show: test.here}))
		_, verdicts := e.replay(replay.Options{Write: true}, made()[0], recorded("member GET /volumes/"+recordedVolume, test.recorded))
		if verdicts != "same, "+test.want {
			t.Errorf("%+v: %s", test, verdicts)
		}
	}
}

// A deletion that goes on is awaited, and one that ended earlier than when it was recorded is no difference.
func TestDeletionsSettle(t *testing.T) {
	show := "GET /volumes/" + ownVolume
	deleted := func(last transcript.Exchange) []transcript.Exchange {
		return []transcript.Exchange{made()[0], recorded("member DELETE /volumes/"+recordedVolume, "202"), last}
	}
	available, deleting := "200 "+volume(ownVolume, "available"), "200 "+volume(ownVolume, "deleting")
	for _, test := range []struct {
		asked, recorded, here, list, want string
	}{
		{"/volumes/" + recordedVolume, "404 {}", available + "|" + available + "|" + deleting + "|404 {}", "", "same"},
		{"/volumes/" + recordedVolume, "200 " + volume(recordedVolume, "deleting"), available + "|404 {}", "", "same"},
		{"/volumes/" + recordedVolume, "404 {}", available + "|200 " + volume(ownVolume, "error_deleting"), "", "differs"},
		{"/volumes", `200 {"volumes": []}`, available + "|" + deleting + "|404 {}", `200 {"volumes": [{"id": "` + ownVolume + `"}]}|200 {"volumes": []}`, "same"},
		{"/volumes", `200 {"volumes": [{"id": "` + recordedVolume + `"}]}`, available + "|404 {}", `200 {"volumes": []}`, "same"},
	} {
		e := newEndpoint(t, makes(map[string]string{show: test.here, "DELETE /volumes/" + ownVolume: "202", "GET /volumes": test.list}))
		if r, verdicts := e.replay(replay.Options{Write: true}, deleted(recorded("member GET "+test.asked, test.recorded))...); verdicts != "same, same, "+test.want || len(r.Left) > 0 {
			t.Errorf("%+v: %s, left %v\n%s", test, verdicts, r.Left, e.asked())
		}
	}
}

// A thing that never settles ends the wait, once.
func TestWaitsAreBounded(t *testing.T) {
	e := newEndpoint(t, makes(map[string]string{"GET /volumes/" + ownVolume: "200 " + volume(ownVolume, "creating")}))
	show := recorded("member GET /volumes/"+recordedVolume, "200 "+volume(recordedVolume, "available"))
	if _, verdicts := e.replay(replay.Options{Write: true, Settle: 20 * time.Millisecond}, made()[0], show, show); verdicts != "same, differs, differs" {
		t.Error(verdicts)
	}
	if r, verdicts := e.replay(replay.Options{Write: true, Timeout: time.Nanosecond}, made()[0], show); verdicts != "not sent, not sent" || !strings.Contains(r.Results[0].Reason, "the time for the replay, 1ns, ended") {
		t.Errorf("%s, %s", verdicts, r.Results[0].Reason)
	}
}

// Of lists, what the transcript made and what both sides have is compared; of a page, what both have.
func TestLists(t *testing.T) {
	list := func(ids ...string) string {
		text := ""
		for _, id := range ids {
			text += `{"id": "` + id + `", "name": "n"}, `
		}
		return `"volumes": [` + strings.TrimSuffix(text, ", ") + `]`
	}
	const stranger = "66666666-6666-4666-8666-666666666666"
	for _, test := range []struct{ query, recorded, here, want, note string }{
		{"", "{" + list(recordedVolume) + "}", "{" + list(ownVolume) + "}", "same", ""},
		{"", "{" + list(recordedVolume) + "}", "{" + list(existing, ownVolume) + "}", "same", "volumes: 0 recorded and 1 here"},
		{"", "{" + list(recordedVolume, existing) + "}", "{" + list(ownVolume, existing, stranger) + "}", "same", "volumes: 0 recorded and 1 here"},
		{"", "{" + list(existing, recordedVolume) + "}", "{" + list(ownVolume, existing) + "}", "differs", ""},
		{"", "{" + list(recordedVolume, stranger) + "}", "{" + list() + "}", "differs", "volumes: 1 recorded and 0 here"},
		{"", "{" + list(stranger) + "}", "{" + list(ownVolume) + "}", "differs", "volumes: 1 recorded and 0 here"},
		{"", "{" + list(recordedVolume) + "}", "{" + list(recordedVolume, ownVolume) + "}", "same", "volumes: 0 recorded and 1 here"}, // the server that was recorded
		{"?limit=1", "{" + list(recordedVolume) + "}", "{" + list(existing) + "}", "same", "one page"},
		{"?limit=1", "{" + list(recordedVolume) + "}", "{" + list() + "}", "differs", ""},
		{"", "{" + list(recordedVolume) + `, "count": 1}`, "{" + list(ownVolume, existing) + `, "count": 2}`, "same", "1 here"},
		{"", "{" + list(recordedVolume) + `, "count": 1}`, "{" + list(ownVolume) + `, "count": 2}`, "differs", ""},
		{"", "{" + list(recordedVolume) + "}", "{" + list(existing) + `, "volumes_links": [{"href": "x"}]}`, "same", "one page"},
		{"", "{" + list(recordedVolume) + "}", "{" + list(ownVolume) + `, "volumes_links": [{"href": "x"}]}`, "differs", ""},
	} {
		e := newEndpoint(t, makes(map[string]string{"GET /volumes" + test.query: "200 " + test.here}))
		r, verdicts := e.replay(replay.Options{Write: true}, made()[0], recorded("member GET /volumes"+test.query, "200 "+test.recorded))
		if verdicts != "same, "+test.want || !strings.Contains(strings.Join(r.Results[1].Notes, "\n"), test.note) {
			t.Errorf("%+v: %s %v %v", test, verdicts, r.Results[1].Differences, r.Results[1].Notes)
		}
	}
}

// What was not recorded is not compared, and said; what was recorded is.
func TestWhatIsCompared(t *testing.T) {
	for _, test := range []struct{ recorded, here, want string }{
		{`200 {"volume": {"size": 1}}`, `200 {"volume": {"size": 2}}`, "/body/volume/size"},
		{`200 {"volume": {"size": 1}}`, `200 {"volume": {"size": 1, "more": null}}`, "/body/volume/more"},
		{`200 {"volume": {"size": 1, "more": "(removed)"}}`, `200 {"volume": {"size": 1, "more": "hush"}}`, ""},
		{`200 {"volume": {"more": "(removed)"}}`, `200 {"volume": {}}`, "/body/volume/more"},
		{`200 {"volume": {"metadata": {"k": "(removed)"}}}`, `200 {"volume": {"metadata": {}}}`, "/body/volume/metadata/k"},
		{`200 {"volume": {"metadata": {"k": "v"}}}`, `200 {"volume": {"metadata": {"k": "w"}}}`, ""},
		{`200 {"x": {}}`, `203 {"x": {}}`, "/status"},
		{`200 {"x": {}}`, `200 no JSON`, "/body"},
		{`200 "[longer than 65536 bytes]"`, `200 {"x": 1}`, ""},
		{`404 {"itemNotFound": {"code": 404, "message": "Backup ` + existing + ` could not be found."}}`, `404 {"itemNotFound": {"code": 404, "message": "Backup ` + recordedBackup + ` could not be found."}}`, "/body/itemNotFound/message"},
		{`413 {"overLimit": {"message": "quota is 10G and 2G has been consumed."}}`, `413 {"overLimit": {"message": "quota is 10G and 3G has been consumed."}}`, ""},
		{`413 {"overLimit": {"message": "quota is 10G and 2G has been consumed."}}`, `413 {"overLimit": {"message": "quota is 11G and 2G has been consumed."}}`, "/body/overLimit/message"},
	} {
		e := newEndpoint(t, map[string][]string{"GET /volumes/" + existing: {test.here}})
		r, _ := e.replay(replay.Options{}, recorded("member GET /volumes/"+existing, test.recorded))
		got := ""
		for _, d := range r.Results[0].Differences {
			got += d.Path
		}
		if got != test.want {
			t.Errorf("%+v: %v", test, r.Results[0].Differences)
		}
	}
	e := newEndpoint(t, map[string][]string{"GET /volumes/" + existing: {"200 {}"}})
	x := recorded("member GET /volumes/"+existing, "200 {}")
	x.Resp.Headers[0][1] = "text/plain"
	if r, _ := e.replay(replay.Options{}, x); len(r.Results[0].Differences) != 1 || r.Results[0].Differences[0].Path != "/headers/Content-Type" {
		t.Errorf("%v", r.Results[0].Differences)
	}
	x.Resp.Headers, x.Resp.Body, x.Resp.Size = nil, "", 7
	if r, verdicts := e.replay(replay.Options{}, x); verdicts != "same" || len(r.Results[0].Notes) != 2 {
		t.Errorf("%s %v", verdicts, r.Results[0].Notes)
	}
	x.Resp.Status = 499
	if _, verdicts := e.replay(replay.Options{}, x); verdicts != "not sent" {
		t.Error(verdicts)
	}
}

// Who says which thing is meant here has it asked for; who does not is told how.
func TestIDsThatAreGiven(t *testing.T) {
	e := newEndpoint(t, map[string][]string{"GET /volumes/" + ownVolume: {"200 " + volume(ownVolume, "available")}})
	x := recorded("member GET /volumes/"+existing, "200 "+volume(existing, "available"))
	if _, verdicts := e.replay(replay.Options{IDs: map[string]string{existing: ownVolume}}, x); verdicts != "same" {
		t.Error(verdicts)
	}
	if r, verdicts := e.replay(replay.Options{}, x); verdicts != "differs" || !strings.Contains(strings.Join(r.Results[0].Notes, ""), "--id "+existing+"=ID") {
		t.Errorf("%s %v", verdicts, r.Results[0].Notes)
	}
	// It is not one that the replay made.
	remove := recorded("member DELETE /volumes/"+existing, "202")
	if _, verdicts := e.replay(replay.Options{Write: true, IDs: map[string]string{existing: ownVolume}}, remove); verdicts != "not sent" {
		t.Error(verdicts)
	}
}

// Paths with a project need one.
func TestEndpointWithoutProject(t *testing.T) {
	e := newEndpoint(t, nil)
	e.logins.Tester.ProjectID = ""
	met, err := verify.Meet(t.Context(), e.logins)
	if err != nil {
		t.Fatal(err)
	}
	_, err = replay.Run(t.Context(), met, replay.Options{Exchanges: made()})
	if err == nil || !strings.Contains(err.Error(), "must have the project") {
		t.Error(err)
	}
}

// What of a request was not recorded cannot be sent, and what it may have made cannot be asked for.
func TestIncompleteRequests(t *testing.T) {
	e := newEndpoint(t, makes(map[string]string{"GET /backups/" + existing: "404 {}"}))
	hidden := recorded("member POST /backups/import_record", "201")
	hidden.Incomplete, hidden.Resp.Size = true, 100
	all := append(made(), recorded(`member POST /backups {"backup": {"volume_id": "`+recordedVolume+`", "name": "(removed)"}}`, `202 {"backup": {"id": "`+existing+`"}}`),
		recorded("member GET /backups/"+recordedBackup, "200 {}"), recorded("member DELETE /backups/"+recordedBackup, "404 {}"), recorded("member GET /backups/"+existing, "200 {}"),
		recorded("member GET /backups/66666666-6666-4666-8666-666666666666", "404"), hidden, recorded("member GET /backups/77777777-7777-4777-8777-777777777777", "200 {}"),
		recorded("member GET /backups/77777777-7777-4777-8777-777777777777", "200 {}"))
	all[2].Incomplete = true
	// The other backup of the volume is not as recorded: it has no backup that builds on it.
	if r, verdicts := e.replay(replay.Options{Write: true}, all...); verdicts != "same, same, not sent, not sent, not sent, not sent, same, not sent, not sent, not sent" {
		t.Errorf("%s\n%s\n%+v", verdicts, e.asked(), r.Results)
	}
	// What the replay made is deleted all the same.
	all[4] = recorded("member DELETE /backups/"+recordedBackup, "202")
	e = newEndpoint(t, makes(map[string]string{"DELETE /backups/" + ownBackup: "202"}))
	if r, verdicts := e.replay(replay.Options{Write: true}, all[:5]...); verdicts != "same, same, not sent, not sent, same" || !slices.Equal(r.Left, []string{"volume " + ownVolume}) {
		t.Errorf("%s, left %v", verdicts, r.Left)
	}
}

// A refusal because of a status that passed is not sent: what is refused there may delete something here. One that
// was refused at rest is sent.
func TestRefusalsThatDependOnTime(t *testing.T) {
	refused := func(request string) transcript.Exchange {
		return recorded("member "+request, `400 {"badRequest": {"code": 400, "message": "Invalid volume: it has backups"}}`)
	}
	remove := refused("DELETE /volumes/" + recordedVolume)
	atRest := []transcript.Exchange{recorded("member GET /volumes/"+recordedVolume, "200 "+volume(recordedVolume, "available")),
		recorded("member GET /backups/"+recordedBackup, `200 {"backup": {"id": "`+recordedBackup+`", "status": "available"}}`)}
	e := newEndpoint(t, makes(map[string]string{"DELETE /volumes/" + ownVolume: `400 {"badRequest": {"code": 400, "message": "Invalid volume: it has backups"}}`}))
	if _, verdicts := e.replay(replay.Options{Write: true}, append(made(), remove)...); verdicts != "same, same, not sent" {
		t.Error(verdicts)
	}
	if _, verdicts := e.replay(replay.Options{Write: true}, append(append(made(), atRest...), remove)...); verdicts != "same, same, same, same, same" {
		t.Error(verdicts)
	}
	gone := []transcript.Exchange{recorded("member DELETE /backups/"+recordedBackup, "202"), remove}
	if _, verdicts := e.replay(replay.Options{Write: true}, append(append(made(), atRest...), gone...)...); !strings.HasSuffix(verdicts, "not sent") {
		t.Error(verdicts)
	}
}

// A request that was accepted waits for what is being deleted.
func TestAcceptedRequestsWait(t *testing.T) {
	e := newEndpoint(t, makes(map[string]string{"DELETE /backups/" + ownBackup: "202", "DELETE /volumes/" + ownVolume: "202",
		"GET /backups/" + ownBackup: `200 {"backup": {"status": "available"}}|200 {"backup": {"status": "deleting"}}|404 {}`}))
	_, verdicts := e.replay(replay.Options{Write: true}, append(made(), recorded("member DELETE /backups/"+recordedBackup, "202"), recorded("member DELETE /volumes/"+recordedVolume, "202"))...)
	asked := e.asked()
	if verdicts != "same, same, same, same" || strings.LastIndex(asked, "GET /backups/"+ownBackup) > strings.Index(asked, "DELETE /volumes/") || strings.Count(asked, "GET /backups/"+ownBackup) != 3 {
		t.Errorf("%s\n%s", verdicts, asked)
	}
}

func TestForcedDeletions(t *testing.T) {
	e := newEndpoint(t, makes(map[string]string{"POST /volumes/" + ownVolume + "/action": "202"}))
	if r, verdicts := e.replay(replay.Options{Write: true}, made()[0], recorded("member POST /volumes/"+recordedVolume+`/action {"os-force_delete": {}}`, "202")); verdicts != "same, same" || len(r.Left) > 0 {
		t.Errorf("%s, left %v", verdicts, r.Left)
	}
}
