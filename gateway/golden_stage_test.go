package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/gateway"
	"cindergate/internal/meta"
)

// Names and ids in the transcripts.
const (
	project      = "cf1fc86742f34103910146a3e01fb40a"
	altProject   = "5a800e58784441d28da0a0789f4ee218"
	adminProject = "5848b80bca18440c916f12bf1a73ee7d"
	memberUser   = "8fe513cbf5014d76aa898dbe4205f454"
	readerUser   = "739f1af0f3674f16ae01052fc3a88cda"

	defaultType = "20366b9c-b422-4edd-a874-c7ede439cc9a"
	vol1        = "abe25858-5088-45b1-97b4-e31747b5bbd2"
	vol2        = "f7bdc38c-05c2-4475-aeae-e6c1d8188c12"
	snap2       = "29d75d08-8715-4646-b552-52b04f7d0205"
	backup1     = "9ae1a3c1-6286-491b-94df-67fa0fc29527"
	backupByR   = "f6839188-7f9b-44ba-b667-c725c0a555e2"
	backupFull2 = "08c70c37-23a9-474c-ac4b-6cc40467c7fc"
	backupIncr  = "513abfe2-c782-456a-8f2a-04e84b3375ae"
	backupSnap  = "311bfd5f-0ef8-40b6-9f68-b465cd4b6009"
	backupBadAZ = "ba612d85-95bb-4d58-b1b2-15beada1bd07"
	failedVol   = "f97118d9-21cd-43f1-9b40-5130ad316eb3"
)

// roles are the recorded callers. The token of each is its name. "setup" made the changes
// that the transcript's caller may not make here.
var roles = tokens{
	"member": {ProjectID: project, UserID: memberUser, Role: driver.Member},
	"reader": {ProjectID: project, UserID: readerUser, Role: driver.Reader},
	"padmin": {ProjectID: project, UserID: "padmin", Role: driver.Admin},
	"alt":    {ProjectID: altProject, UserID: "alt", Role: driver.Member},
	"admin":  {ProjectID: adminProject, UserID: "admin", Role: driver.Admin},
	"setup":  {ProjectID: project, UserID: readerUser, Role: driver.Member},
}

// tokens authenticates callers from a fixed list.
type tokens map[string]driver.Caller

func (t tokens) Authenticate(_ context.Context, token string) (driver.Caller, error) {
	caller, ok := t[token]
	if !ok {
		return driver.Caller{}, driver.Errorf(driver.Unauthorized, "no such token")
	}
	return caller, nil
}

func (tokens) Challenge(base string) string { return `Keystone uri="` + base + `"` }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clock advances one second each time it is read, so that no two rows have the same time.
type clock struct {
	clockwork.Clock // waits use the system's clock

	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(time.Second)
	return c.t
}

// stage is a gateway with the embedded backend. Tests run its jobs explicitly, and choose
// the id of the next resource.
type stage struct {
	t      *testing.T
	dir    string
	clock  *clock
	driver *embedded.Driver
	server *httptest.Server
	client *http.Client
	nextID string
	known  map[string]bool
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir(), known: map[string]bool{"00000000-0000-0000-0000-00000000dead": true}}
	s.clock = &clock{Clock: clockwork.NewRealClock(), t: time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)}
	s.server = httptest.NewServer(nil)
	t.Cleanup(s.server.Close)
	s.next(defaultType)
	s.open()
	t.Cleanup(func() { must(t, s.driver.Close()) })
	s.client = s.server.Client()
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	s.createVolume1()
	s.create(backup1, "member", "/backups", `{"backup": {"volume_id": "`+vol1+`", "name": "b1"}}`)
	s.settle()
	return s
}

func (s *stage) open() {
	s.t.Helper()
	var err error
	s.driver, err = embedded.Open(s.t.Context(), embedded.Options{
		DataDir: s.dir, Host: "oracle", Clock: s.clock, NewID: s.newID,
	})
	must(s.t, err)
	s.server.Config.Handler = gateway.New(gateway.Options{
		Backends: map[string]driver.Driver{"embedded": s.driver}, Auth: roles, Log: zap.NewNop(), Metrics: gateway.NewMetrics(),
	})
}

// edit changes the database directly, where no API can.
func (s *stage) edit(change func(*meta.Tx) error) {
	s.t.Helper()
	must(s.t, s.driver.Close())
	db, err := meta.Open(s.t.Context(), meta.Options{Database: filepath.Join(s.dir, "cindergate.db"), Now: s.clock.Now})
	must(s.t, err)
	must(s.t, db.Write(s.t.Context(), change))
	must(s.t, db.Close())
	s.open()
}

// next sets the id of the next resource.
func (s *stage) next(id string) { s.nextID, s.known[id] = id, true }

func (s *stage) newID() string {
	if id := s.nextID; id != "" {
		s.nextID = ""
		return id
	}
	return uuid.NewString()
}

// settle runs all jobs.
func (s *stage) settle() {
	s.t.Helper()
	for {
		ran, err := s.driver.RunOne(s.t.Context())
		must(s.t, err)
		if !ran {
			return
		}
	}
}

func (s *stage) request(method, path string, body *string) *http.Request {
	s.t.Helper()
	var content io.Reader
	if body != nil {
		content = strings.NewReader(*body)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, content)
	must(s.t, err)
	return r
}

func (s *stage) do(r *http.Request) *http.Response {
	s.t.Helper()
	answer, err := s.client.Do(r)
	must(s.t, err)
	return answer
}

// api sends a request of the preparation, which must succeed.
func (s *stage) api(role, method, path, body string) []byte {
	s.t.Helper()
	r := s.request(method, "/v3/"+roles[role].ProjectID+path, &body)
	if body == "" {
		r = s.request(method, "/v3/"+roles[role].ProjectID+path, nil)
	}
	r.Header.Set("X-Auth-Token", role)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("OpenStack-API-Version", "volume 3.70")
	answer := s.do(r)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	must(s.t, err)
	if answer.StatusCode >= http.StatusBadRequest {
		s.t.Fatalf("prepare: %s %s: %d %s", method, path, answer.StatusCode, content)
	}
	return content
}

// create creates a resource with a known id.
func (s *stage) create(id, role, path, body string) {
	s.t.Helper()
	s.next(id)
	s.api(role, http.MethodPost, path, body)
}

// status sets a volume's or snapshot's status.
func (s *stage) status(collection, id, status string) {
	s.t.Helper()
	s.api("admin", http.MethodPost, "/"+collection+"/"+id+"/action", `{"os-reset_status": {"status": "`+status+`"}}`)
}

func (s *stage) remove(collection, id string) {
	s.t.Helper()
	s.api("padmin", http.MethodDelete, "/"+collection+"/"+id, "")
	s.settle()
}

func (s *stage) createVolume1() {
	s.t.Helper()
	s.create(vol1, "member", "/volumes", `{"volume": {"size": 1, "name": "vol1"}}`)
}

// before maps requests to the changes that were made before them during the recording.
func (s *stage) before() map[string]func() {
	volume1 := func(status string) func() { return func() { s.status("volumes", vol1, status) } }
	volume2 := func(status string) func() { return func() { s.status("volumes", vol2, status) } }
	id := func(id string) func() { return func() { s.next(id) } }
	return map[string]func(){
		"g2#38": func() { s.inUse(vol1) },
		"g2#39": volume1("error"),
		"g2#40": volume1("backing-up"),
		"g2#41": volume1("restoring-backup"),
		"g2#42": volume1("error_restoring"),
		"g2#43": func() { volume1("available")(); s.api("member", http.MethodDelete, "/volumes/"+vol1, "") },
		"g2#44": func() { s.settle(); s.createVolume1(); s.next(vol2) },
		"g2#46": id(snap2),
		"g2#47": s.settle,
		"g2#48": func() { s.status("snapshots", snap2, "error") },
		"g2#49": func() { s.status("snapshots", snap2, "available") },
		"g2#54": id(backupFull2),
		"g2#61": func() { s.settle(); s.inUse(vol1); s.next(backupIncr) },
		"g2#62": s.settle,
		"g2#63": id(backupSnap),
		"g2#65": id(backupBadAZ),
		"g2#66": s.settle,

		"g3#159": func() { s.inUse(vol2) },
		"g3#160": volume2("error"),
		"g3#161": volume2("backing-up"),
		"g3#162": func() { volume2("available")(); s.backupSize(2) },
		"g3#163": func() { s.backupSize(1) },

		"g5#1":  s.volumesOfG5,
		"g5#38": s.run,
	}
}

// after maps requests that are refused here to the changes that they made in Cinder.
func (s *stage) after() map[string]func() {
	return map[string]func(){
		"g2#36": func() {
			s.create(backupByR, "setup", "/backups", `{"backup": {"volume_id": "`+vol1+`"}}`)
			s.settle()
		},
		"g3#124": func() { s.api("setup", http.MethodPut, "/backups/"+backupSnap, `{"backup": {"name": "r"}}`) },
	}
}

// inUse and backupSize repeat changes that were made directly in Cinder's database.
func (s *stage) inUse(volumeID string) {
	s.edit(func(tx *meta.Tx) error {
		v, err := tx.Volume(volumeID)
		must(s.t, err)
		v.Status = "in-use"
		return tx.PutVolume(v)
	})
}

func (s *stage) backupSize(gib int) {
	s.edit(func(tx *meta.Tx) error {
		b, err := tx.Backup(backupSnap)
		must(s.t, err)
		b.Size = gib
		return tx.PutBackup(b)
	})
}

// volumesOfG5 creates the volumes left by requests between g3 and g5. Those requests were
// not recorded.
func (s *stage) volumesOfG5() {
	const restored = `{"volume": {"name": "%n", "backup_id": "` + backupSnap + `"}}`
	s.status("volumes", vol1, "available")
	s.remove("backups", backupIncr)
	s.backupsOfAdmin()
	blank := `{"volume": {"name": "%n", "size": 1}}`
	for _, v := range []struct{ id, name, body string }{
		{"922fae1f-0507-4ec9-9e14-f83261185769", "vol2", restored},
		{"68d5ef59-d682-4888-a9ac-e9c694d4b011", "named-restore", restored},
		{"c43e6ef9-c5e5-4ec4-af44-38c725823d3d", "vol2", restored},
		{failedVol, "FAILvol", ""},
		{"8d51f790-da2f-42ce-937b-b577871a3728", "SLOWvol", blank},
		{"af64ccf3-bf83-4f60-9d07-4238e00fef48", "readervol", blank},
		{"0fb48bbb-37ae-4045-a4bf-f4af31cb3390", "fb", blank},
		{"42bde412-7bae-4975-b351-1ed5bf45378a", "fb", restored},
	} {
		if v.id == failedVol {
			s.failVolume(v.id, v.name)
			continue
		}
		s.create(v.id, "member", "/volumes", strings.Replace(v.body, "%n", v.name, 1))
		s.settle()
	}
}

// backupsOfAdmin leaves two backups and no volume in the admin's project.
func (s *stage) backupsOfAdmin() {
	const volume = "22222222-2222-4222-8222-222222222222"
	s.create(volume, "admin", "/volumes", `{"volume": {"size": 1}}`)
	for range 2 {
		s.api("admin", http.MethodPost, "/backups", `{"backup": {"volume_id": "`+volume+`"}}`)
		s.settle()
	}
	s.remove("volumes", volume)
}

// failVolume makes the creation of a volume fail four times. Each failure leaves a message.
func (s *stage) failVolume(id, name string) {
	s.t.Helper()
	file := filepath.Join(s.dir, "snapshots", "snapshot-"+snap2)
	must(s.t, os.Rename(file, file+".away"))
	for i := range 4 {
		if i > 0 {
			s.remove("volumes", id)
		}
		s.create(id, "member", "/volumes", `{"volume": {"name": "`+name+`", "snapshot_id": "`+snap2+`"}}`)
		s.settle()
	}
	must(s.t, os.Rename(file+".away", file))
}

// run starts the workers permanently, because os-services reports whether they are running.
func (s *stage) run() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.driver.Run(ctx) }()
	s.t.Cleanup(func() { stop(); must(s.t, <-done) })
	for s.t.Context().Err() == nil {
		var now struct{ Services []struct{ State string } }
		must(s.t, json.Unmarshal(s.api("admin", http.MethodGet, "/os-services?binary=cinder-backup", ""), &now))
		if now.Services[0].State == "up" {
			return
		}
	}
}
