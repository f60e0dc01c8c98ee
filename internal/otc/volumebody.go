package otc

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"cindergate/driver"
)

// volumeBody is the part of a POST /volumes body that a volume from a backup uses
// (cinder/api/schemas/volumes.py).
type volumeBody struct {
	BackupID         string            `json:"backup_id"`
	Name             string            `json:"name"`
	Description      string            `json:"description"`
	Size             Int               `json:"size"`
	VolumeType       string            `json:"volume_type"`
	AvailabilityZone string            `json:"availability_zone"`
	Metadata         map[string]string `json:"metadata"`
	Multiattach      Bool              `json:"multiattach"`
	// Other sources of a volume.
	SnapshotID     string `json:"snapshot_id"`
	SourceVolumeID string `json:"source_volid"`
	ImageRef       string `json:"imageRef"`
	ImageID        string `json:"image_id"`
}

// fromBackup makes the volume of a POST /volumes that names a backup. For any other body id
// is "", and r can be forwarded as if unread.
func (v *Volumes) fromBackup(r *http.Request, caller driver.Caller) (id string, err error) {
	if minor(r) < driver.MVVolumeFromBackup { // Cinder ignores members newer than the microversion
		return "", nil
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, driver.MaxRequestBody))
	if err != nil {
		return "", driver.UnreadBody(err)
	}
	r.Body = rest{io.MultiReader(bytes.NewReader(text), r.Body), r.Body}
	var body struct {
		Volume volumeBody `json:"volume"`
	}
	if json.Unmarshal(text, &body) != nil || body.Volume.BackupID == "" {
		return "", nil //nolint:nilerr // EVS says what is wrong with it
	}
	asked := body.Volume
	if asked.SnapshotID+asked.SourceVolumeID+asked.ImageRef+asked.ImageID != "" {
		return "", driver.Errorf(driver.InvalidInput, "A volume has one source: backup_id, snapshot_id, source_volid or imageRef.")
	}
	b, err := v.Backup(r.Context(), caller, asked.BackupID)
	switch {
	case err != nil:
		return "", err
	case b.Status != driver.BackupAvailable:
		return "", driver.InvalidBackup("Backup status must be available")
	}
	n := NewVolume{
		BackupID: asked.BackupID, SourceVolumeID: b.VolumeID, Name: asked.Name, Description: asked.Description, Size: int(asked.Size),
		VolumeType: asked.VolumeType, AvailabilityZone: asked.AvailabilityZone, Metadata: asked.Metadata, Multiattach: bool(asked.Multiattach),
	}
	if n.AvailabilityZone == "" {
		n.AvailabilityZone = b.AvailabilityZone
	}
	return v.FromBackup(r.Context(), caller, n)
}

// made answers for a volume that was made. It sends EVS's view of the volume or, if EVS
// does not show it yet, only its id and status.
func (v *Volumes) made(w http.ResponseWriter, r *http.Request, caller driver.Caller, base, id string) error {
	show := r.Clone(r.Context())
	show.Method, show.Body, show.ContentLength = http.MethodGet, http.NoBody, 0
	show.Header.Del("Content-Type")
	show.URL.RawQuery = ""
	asked, _ := v.split(r, caller)
	err := v.forward(acceptedWriter{w}, show, caller, base, asked, "volumes/"+id)
	if driver.KindOf(err) != driver.NotFound {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	return json.NewEncoder(w).Encode(map[string]any{"volume": map[string]any{"id": id, "status": driver.VolumeCreating}})
}

// acceptedWriter answers 202 where EVS answers 200.
type acceptedWriter struct{ http.ResponseWriter }

func (w acceptedWriter) WriteHeader(status int) {
	if status == http.StatusOK {
		status = http.StatusAccepted
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController access to the wrapped writer.
func (w acceptedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// minor returns the minor microversion of a v3 request, 0 for v2.
func minor(r *http.Request) int {
	if !strings.HasPrefix(r.URL.Path, "/v3/") {
		return 0
	}
	for _, header := range r.Header.Values("OpenStack-API-Version") {
		for item := range strings.SplitSeq(header, ",") {
			service, version, _ := strings.Cut(strings.TrimSpace(item), " ")
			switch {
			case service != "volume":
				continue
			case version == "latest":
				return driver.MVVolumeFromBackup
			}
			_, n, _ := strings.Cut(version, ".")
			m, _ := strconv.Atoi(n) // EVS does not get the header, so an invalid version counts as 0
			return m
		}
	}
	return 0
}
