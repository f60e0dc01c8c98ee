package otcfake

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

func (c *Cloud) routeVBS() {
	c.serve("POST /vbs/v2/{project}/cloudbackups", c.vbsCreate)
	c.serve("POST /vbs/v2/{project}/cloudbackups/{id}", c.vbsDelete)
	c.serve("POST /vbs/v2/{project}/cloudbackups/{id}/restore", c.vbsRestore)
	c.serve("GET /vbs/v2/{project}/cloudbackups/quota", c.vbsQuota)
	c.serve("GET /vbs/v1/{project}/jobs/{id}", c.showJob("vbs"))
	versions := []string{"v2"}
	if c.o.Dialect == OTC {
		versions = append(versions, "v3")
	}
	for _, version := range versions {
		root := "/vbs/" + version + "/{project}/backups"
		c.serve("POST "+root, c.nativeCreate)
		c.serve("GET "+root, c.nativeList(version, false))
		c.serve("GET "+root+"/detail", c.nativeList(version, true))
		c.serve("GET "+root+"/{id}", c.nativeShow(version))
		c.serve("DELETE "+root+"/{id}", c.nativeDelete)
		c.serve("POST "+root+"/{id}/restore", c.nativeRestore)
	}
}

var (
	nameForm   = regexp.MustCompile(`^[0-9A-Za-z_-]+$`)
	tagRefused = regexp.MustCompile("[\x00-\x1f=*<>\\\\,|/]")
	autoBegin  = regexp.MustCompile(`(?i)^auto`)
)

// describable reports whether text can be a description of up to most characters.
func describable(text string, most int) bool {
	return utf8.RuneCountInString(text) <= most && !strings.ContainsAny(text, "<>")
}

// nameProblem returns the code for a backup's name that is not valid, "" if it is.
func nameProblem(name string) string {
	switch {
	case name == "":
		return "VolumeBackup.0007"
	case utf8.RuneCountInString(name) > 64:
		return "VolumeBackup.0003"
	case !nameForm.MatchString(name):
		return "VolumeBackup.0004"
	case autoBegin.MatchString(name):
		return "VolumeBackup.0005"
	}
	return ""
}

// The limits of VBS's own create.
const (
	vbsDescription        = 64
	vbsTags               = 10
	vbsTagKey, vbsTagText = 36, 43
)

type tag struct{ Key, Value string }

func tagProblem(tags []tag) string {
	if len(tags) > vbsTags {
		return "VolumeBackup.0050"
	}
	for _, t := range tags {
		if t.Key == "" || utf8.RuneCountInString(t.Key) > vbsTagKey || utf8.RuneCountInString(t.Value) > vbsTagText ||
			tagRefused.MatchString(t.Key+t.Value) {
			return "VolumeBackup.0049"
		}
	}
	return ""
}

// vbsCreate is VBS's own create, which answers with a job. It accepts volumes in use.
func (c *Cloud) vbsCreate(k *call) answer {
	var body struct {
		Backup *struct {
			VolumeID    string  `json:"volume_id"`
			SnapshotID  *string `json:"snapshot_id"`
			Name        string  `json:"name"`
			Description string  `json:"description"`
			Tags        []tag   `json:"tags"`
			ExtendParam *struct {
				FullBackup *string
			} `json:"extend_param"`
		} `json:"backup"`
	}
	if !k.read(&body) || body.Backup == nil {
		return refuse("VolumeBackup.0002")
	}
	given := body.Backup
	full := false
	if given.ExtendParam != nil {
		flag := given.ExtendParam.FullBackup
		if c.o.Dialect != OTC || flag == nil || *flag != "true" && *flag != "false" {
			return refuse("VolumeBackup.0002")
		}
		full = *flag == "true"
	}
	if problem := nameProblem(given.Name); problem != "" {
		return refuse(problem)
	}
	if !describable(given.Description, vbsDescription) {
		return refuse("VolumeBackup.0006")
	}
	if problem := tagProblem(given.Tags); problem != "" {
		return refuse(problem)
	}
	v, problem := c.backable(k.project, given.VolumeID)
	if problem != "" {
		return refuse(problem)
	}
	var snapshot *Snapshot
	if given.SnapshotID != nil && *given.SnapshotID != "" {
		if snapshot = own(c.snapshots, k.project, *given.SnapshotID); snapshot == nil || snapshot.VolumeID != v.ID {
			return refuse("VolumeBackup.0002")
		}
	}
	b := c.newVBSBackup(k.project, v, given.Name, given.Description, snapshot, !full)
	for _, t := range given.Tags {
		if b.Tags == nil {
			b.Tags = map[string]string{}
		}
		b.Tags[t.Key] = t.Value
	}
	j := c.newJob(k.project, "vbs", "bksCreateBackup", "backup_id", map[string]any{
		"bks_create_volume_name": "autobk_volume_" + b.ID[:8], "backup_id": b.ID, "volume_id": v.ID, "snapshot_id": b.SnapshotID,
	})
	c.backUp(v, b, j, func(*Failure) {})
	if snapshot != nil {
		b.Content = snapshot.Content
	}
	return ok(object{"job_id": j.id})
}

// backable returns a volume that VBS can back up now, or the code of the refusal.
func (c *Cloud) backable(projectID, volumeID string) (*Volume, string) {
	if volumeID == "" {
		return nil, "VolumeBackup.0010"
	}
	if !wellFormed(volumeID) {
		return nil, "VolumeBackup.0011"
	}
	v := own(c.volumes, projectID, volumeID)
	if v == nil {
		return nil, "VolumeBackup.0021"
	}
	if v.Status == "backing-up" {
		return nil, "VolumeBackup.0013"
	}
	if v.Status != "available" && v.Status != "in-use" {
		return nil, "VolumeBackup.0012"
	}
	count := 0
	for _, b := range c.backups {
		if b.VolumeID == v.ID && b.Service == "vbs" {
			count++
		}
	}
	if count >= c.o.BackupsPerVolume {
		return nil, "VolumeBackup.0040"
	}
	return v, c.backupQuota(projectID, v)
}

func (c *Cloud) newVBSBackup(projectID string, v *Volume, name, description string, s *Snapshot, incremental bool) *Backup {
	b := c.addBackup(projectID, Backup{
		Name: name, Description: description, Service: "vbs", VolumeID: v.ID, Incremental: incremental, SnapshotID: c.newID(),
	})
	if s != nil {
		b.SnapshotID = s.ID
	}
	if c.o.VBSInVault {
		vault := c.vaultOf(v.ID)
		if vault == nil {
			vault = c.addVault(projectID, Vault{Name: "default-volume-vault", VolumeIDs: []string{v.ID}})
		}
		b.VaultID = vault.ID
	}
	return b
}

// vbsRestore is VBS's own restore. It accepts volume_id only.
func (c *Cloud) vbsRestore(k *call) answer {
	var body struct {
		Restore *struct {
			VolumeID string `json:"volume_id"`
		} `json:"restore"`
	}
	if !k.read(&body) || body.Restore == nil {
		return refuse("VolumeBackup.0210")
	}
	b, v, problem := c.restorable(k, body.Restore.VolumeID)
	if problem != "" {
		return refuse(problem)
	}
	j := c.newJob(k.project, "vbs", "bksRestoreBackup", "", map[string]any{"backup_id": b.ID, "volume_id": v.ID})
	c.writeBack(b, v, j, func(*Failure) {})
	return ok(object{"job_id": j.id})
}

// restorable returns a backup and the volume to which VBS can restore it now, or the code
// of the refusal.
func (c *Cloud) restorable(k *call, volumeID string) (*Backup, *Volume, string) {
	if !wellFormed(k.id()) {
		return nil, nil, "VolumeBackup.0203"
	}
	if !wellFormed(volumeID) {
		return nil, nil, "VolumeBackup.0204"
	}
	b, v := c.vbsBackup(k.project, k.id()), own(c.volumes, k.project, volumeID)
	switch {
	case b == nil:
		return nil, nil, "VolumeBackup.0207"
	case v == nil:
		return nil, nil, "VolumeBackup.0111"
	case b.Status != "available":
		return nil, nil, "VolumeBackup.0089"
	case v.Status == "backing-up":
		return nil, nil, "VolumeBackup.0206"
	case strings.HasPrefix(v.Status, "error"):
		return nil, nil, "VolumeBackup.0202"
	case v.Status != "available":
		return nil, nil, "VolumeBackup.0205"
	case v.SizeGiB < b.SizeGiB:
		return nil, nil, "VolumeBackup.0209"
	}
	return b, v, ""
}

// vbsBackup returns a backup that VBS shows, nil if there is none.
func (c *Cloud) vbsBackup(projectID, id string) *Backup {
	if b := own(c.backups, projectID, id); b != nil && c.inVBS(b) {
		return b
	}
	return nil
}

func (c *Cloud) inVBS(b *Backup) bool { return b.Service == "vbs" || c.o.VBSInVault && !b.Server }

// vbsDelete is VBS's own delete, a POST without a body.
func (c *Cloud) vbsDelete(k *call) answer {
	b := c.vbsBackup(k.project, k.id())
	switch {
	case b == nil:
		return refuse("VolumeBackup.0110")
	case !c.deletable(b):
		return refuse("VolumeBackup.0105")
	}
	j := c.newJob(k.project, "vbs", "bksDeleteBackup", "", map[string]any{"backup_id": b.ID, "volume_id": b.VolumeID})
	c.erase(b, j, func() {})
	return ok(object{"job_id": j.id})
}

// deletable reports whether VBS may delete a backup. It refuses a backup in progress, a
// server's, and CBR's own.
func (c *Cloud) deletable(b *Backup) bool {
	return b.Service == "vbs" && !b.Server && slices.Contains([]string{"available", "error", "error_restoring"}, b.Status)
}

// vbsQuota writes one type with a blank in it, as documented.
func (c *Cloud) vbsQuota(k *call) answer {
	count, gigabytes := c.backupUse(k.project)
	return ok(object{"quotas": object{"resources": []object{
		{"type": "backups", "used": count, "quota": c.o.limit("backups"), "max": -1, "min": 0},
		{"type": "backup_ gigabytes", "used": gigabytes, "quota": c.o.limit("backup_gigabytes"), "max": -1, "min": 0},
	}}})
}

const nativeDescription = 255

// nativeCreate is the create of the native APIs, which requires a snapshot.
func (c *Cloud) nativeCreate(k *call) answer {
	var body struct {
		Backup *struct {
			VolumeID    string `json:"volume_id"`
			SnapshotID  string `json:"snapshot_id"`
			Name        string
			Description string
			Force       bool
		}
	}
	if !k.readSome(&body) || body.Backup == nil {
		return native(badRequest, "The request body is not valid.")
	}
	given := body.Backup
	if given.Name != "" && nameProblem(given.Name) != "" {
		return native(badRequest, code(nameProblem(given.Name)).Text)
	}
	if !describable(given.Description, nativeDescription) {
		return native(badRequest, code("VolumeBackup.0006").Text)
	}
	if given.SnapshotID == "" {
		return native(badRequest, "snapshot_id is required.")
	}
	v, problem := c.backable(k.project, given.VolumeID)
	if problem != "" {
		return native(code(problem).Status, code(problem).Text)
	}
	s := own(c.snapshots, k.project, given.SnapshotID)
	switch {
	case s == nil:
		return native(notFound, "The snapshot does not exist.")
	case s.VolumeID != v.ID || s.Status != "available":
		return native(badRequest, "The snapshot is not available or of another volume.")
	case v.Status == "in-use" && !given.Force:
		return native(badRequest, "The volume is in use, and force was not given.")
	}
	b := c.newVBSBackup(k.project, v, given.Name, given.Description, s, true)
	s.Status = "backing-up"
	c.backUp(v, b, nil, func(*Failure) { s.Status = "available" })
	b.Content = s.Content
	return answer{status: http.StatusAccepted, body: object{"backup": object{"id": b.ID, "name": b.Name, "links": internalLinks(k, b.ID)}}}
}

func (c *Cloud) nativeDelete(k *call) answer {
	b := c.vbsBackup(k.project, k.id())
	switch {
	case b == nil:
		return native(notFound, "The backup does not exist.")
	case !c.deletable(b):
		return native(badRequest, "The backup cannot be deleted now, or not by VBS.")
	}
	c.erase(b, nil, func() {})
	return accepted(nil)
}

func (c *Cloud) nativeRestore(k *call) answer {
	var body struct {
		Restore *struct {
			VolumeID string `json:"volume_id"`
		} `json:"restore"`
	}
	if !k.read(&body) || body.Restore == nil {
		return native(badRequest, "The request body is not valid.")
	}
	b, v, problem := c.restorable(k, body.Restore.VolumeID)
	if problem != "" {
		return native(code(problem).Status, code(problem).Text)
	}
	c.writeBack(b, v, nil, func(*Failure) {})
	return accepted(object{"restore": object{"backup_id": b.ID, "volume_id": v.ID, "volume_name": v.Name}})
}
