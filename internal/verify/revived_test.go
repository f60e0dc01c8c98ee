package verify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cindergate/internal/verify"
)

// piece is the length of what Cinder looks at for zeroes (chunkeddriver.py:_write_nonzero).
const piece = 1 << 20

// leaky is an endpoint whose restores to new volumes do what those of Cinder from 23.0.0 on do:
// each level of a chain leaves out pieces of zeroes, so that what a level below wrote stays.
// Restores to volumes that exist are right. The gateway behind it does all else. A command
// writes and reads the bytes of volumes, which leaky keeps.
type leaky struct {
	*httptest.Server
	target  string
	wrong   string // "": as Cinder from 23.0.0 on; "order": levels are applied the wrong way round
	t       *testing.T
	dir     string // with a file for each volume that was written to
	mu      sync.Mutex
	backups map[string][]byte // what the volume held
	parents map[string]string // of incremental backups
	last    map[string]string // the last backup of a volume
}

func newLeaky(t *testing.T, wrong string) *leaky {
	l := &leaky{target: serve(t, newEmbedded(t), false).URL, wrong: wrong, t: t, dir: t.TempDir(),
		backups: map[string][]byte{}, parents: map[string]string{}, last: map[string]string{}}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

// known is how many bytes leaky keeps of a volume.
const known = 8 << 20

func (l *leaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := &proxy{target: l.target, client: http.DefaultClient, on: everything, in: everything, mutant: &mutant{answer: l.watch}}
	if strings.HasSuffix(r.URL.Path, "/data") {
		http.NotFound(w, r) // no Cinder gives out the bytes of backups
		return
	}
	p.ServeHTTP(w, r)
}

// of returns the known bytes of a volume, which are in a file.
func (l *leaky) of(id string) []byte {
	content := make([]byte, known)
	f, err := os.Open(filepath.Join(l.dir, id))
	if err != nil {
		return content // it was never written to
	}
	defer f.Close()
	_, _ = io.ReadFull(f, content)
	return content
}

func (l *leaky) put(id string, content []byte) {
	name := filepath.Join(l.dir, id)
	if err := errors.Join(os.WriteFile(name, content, 0o600), os.Truncate(name, 1<<30)); err != nil {
		l.t.Error(err)
	}
}

// watch does to the bytes what the gateway does to its own volumes.
func (l *leaky) watch(a *reply) {
	if a.request.Method != http.MethodPost || a.status != http.StatusAccepted {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var asked, made map[string]map[string]any
	_ = json.Unmarshal([]byte(a.asked), &asked)
	_ = json.Unmarshal(a.body, &made)
	switch path := a.request.URL.Path; {
	case strings.HasSuffix(path, "/backups"):
		id, volume := made["backup"]["id"].(string), asked["backup"]["volume_id"].(string)
		l.backups[id] = l.of(volume)
		if asked["backup"]["incremental"] == true {
			l.parents[id] = l.last[volume]
		}
		l.last[volume] = id
	case strings.HasSuffix(path, "/restore"):
		volume := made["restore"]["volume_id"].(string)
		if asked["restore"]["volume_id"] != nil {
			l.put(volume, l.backups[made["restore"]["backup_id"].(string)])
		} else {
			l.put(volume, l.restored(made["restore"]["backup_id"].(string)))
		}
	}
}

// restored applies the levels of a chain to a new volume.
func (l *leaky) restored(id string) []byte {
	var chain []string
	for at := id; at != ""; at = l.parents[at] {
		chain = append([]string{at}, chain...)
	}
	if l.wrong == "order" {
		for i, j := 0, len(chain)-1; i < j; i, j = i+1, j-1 {
			chain[i], chain[j] = chain[j], chain[i]
		}
	}
	out := make([]byte, known)
	for _, level := range chain {
		content := l.backups[level]
		below := make([]byte, known)
		if p := l.parents[level]; p != "" {
			below = l.backups[p]
		}
		for at := 0; at < known; at += piece {
			is, was := content[at:at+piece], below[at:at+piece]
			if l.parents[level] != "" && bytes.Equal(is, was) {
				continue // not in an incremental backup
			}
			if l.wrong == "" && len(bytes.Trim(is, "\x00")) == 0 {
				continue // "nothing to write"
			}
			copy(out[at:], is)
		}
	}
	return out
}

// The level data finds the zeroes that Cinder from 23.0.0 on loses, and a chain whose levels
// are applied in the wrong order, by commands alone.
func TestDataFindsCorruption(t *testing.T) {
	for wrong, broken := range map[string][]string{
		"":      {"data-zeroed"},
		"order": {"data-chain"},
	} {
		t.Run("wrong "+wrong, func(t *testing.T) {
			t.Parallel()
			l := newLeaky(t, wrong)
			o := options(t, l.URL, verify.Data)
			o.WriteVolume = fmt.Sprintf(`cat >'%[1]s/'"$VOLUME_ID" && truncate -s 1G '%[1]s/'"$VOLUME_ID"`, l.dir)
			o.ReadVolume = fmt.Sprintf(`cat '%s/'"$VOLUME_ID"`, l.dir)
			o.Select = only(broken...)
			report, err := verify.Run(t.Context(), o)
			must(t, err)
			held(t, report, func() declared {
				known := declared{}
				for _, b := range broken {
					known[b] = "the endpoint is wrong"
				}
				return known
			}())
			for i := range report.Results {
				if d := report.Results[i].Deviation; d != nil && !strings.Contains(d.Got, "what an older backup has is back") {
					t.Errorf("%s: %s", report.Results[i].Case.Name, d.Got)
				}
			}
			if report.Risks() != len(broken) || !strings.Contains(report.Line(), "1 DATA RISK") {
				t.Errorf("%s", report.Line())
			}
			if signs := strings.Join(report.Release.Signs, "; "); wrong == "" && !strings.Contains(signs, "23.0.0") {
				t.Errorf("signs: %s", signs)
			}
		})
	}
}
