package translate

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"cindergate/driver"
)

// Appender is a body that writes its own JSON. Clients poll lists of backups; writing them
// without reflection is five times as fast.
type Appender interface {
	AppendJSON(dst []byte) []byte
}

// AppendJSON writes {"backup": …}.
func (v backupBody) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"backup":`...)
	dst = v.r.appendBackup(dst, v.b)
	return append(dst, '}')
}

// backupBody is one backup with details.
type backupBody struct {
	r Request
	b *driver.Backup
}

// backupsBody is a page of backups with details.
type backupsBody struct {
	r     Request
	items []driver.Backup
	next  []link
	count *int
}

// AppendJSON writes {"backups": […], "backups_links": …, "count": …}.
func (v backupsBody) AppendJSON(dst []byte) []byte {
	// A backup with its links takes some 800 bytes.
	dst = slices.Grow(dst, 1000*len(v.items)+100)
	dst = append(dst, `{"backups":[`...)
	for i := range v.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = v.r.appendBackup(dst, &v.items[i])
	}
	dst = append(dst, ']')
	if len(v.next) > 0 {
		dst = append(dst, `,"backups_links":`...)
		dst = appendLinks(dst, v.next)
	}
	if v.count != nil {
		dst = append(dst, `,"count":`...)
		dst = appendInt(dst, *v.count)
	}
	return append(dst, '}')
}

// appendBackup writes a backup in Cinder's order of members
// (cinder/api/views/backups.py detail, cinder/api/v3/backups.py show).
func (r Request) appendBackup(dst []byte, b *driver.Backup) []byte {
	dst = appendString(append(dst, `{"id":`...), b.ID)
	dst = appendString(append(dst, `,"status":`...), string(b.Status))
	dst = appendInt(append(dst, `,"size":`...), b.Size)
	dst = appendInt(append(dst, `,"object_count":`...), b.ObjectCount)
	dst = appendNonEmpty(append(dst, `,"availability_zone":`...), b.AvailabilityZone)
	dst = appendNonEmpty(append(dst, `,"container":`...), b.Container)
	dst = appendTime(append(dst, `,"created_at":`...), b.CreatedAt)
	dst = appendTime(append(dst, `,"updated_at":`...), b.UpdatedAt)
	dst = appendPointer(append(dst, `,"name":`...), b.Name)
	dst = appendPointer(append(dst, `,"description":`...), b.Description)
	dst = appendNonEmpty(append(dst, `,"fail_reason":`...), b.FailReason)
	dst = appendString(append(dst, `,"volume_id":`...), b.VolumeID)
	dst = r.appendOwnLinks(append(dst, `,"links":`...), "backups/", b.ID)
	dst = appendBool(append(dst, `,"is_incremental":`...), b.IsIncremental)
	dst = appendBool(append(dst, `,"has_dependent_backups":`...), b.HasDependents)
	dst = appendNonEmpty(append(dst, `,"snapshot_id":`...), b.SnapshotID)
	dst = appendTime(append(dst, `,"data_timestamp":`...), b.DataTimestamp)
	if r.Version.AtLeast(driver.MVBackupMetadata) {
		dst = appendMap(append(dst, `,"metadata":`...), b.Metadata)
	}
	if r.Version.AtLeast(driver.MVEncryptionKeyID) && b.EncryptionKeyID != "" {
		dst = appendString(append(dst, `,"encryption_key_id":`...), b.EncryptionKeyID)
	}
	if r.VBS && r.Version.V2() {
		dst = appendVBSMembers(dst, b)
	}
	// The policy backup:backup_project_attribute, for admins only, gates both members.
	if r.Caller.IsAdmin() && r.Version.AtLeast(driver.MVBackupProject) {
		dst = appendString(append(dst, `,"os-backup-project-attr:project_id":`...), b.ProjectID)
	}
	if r.Caller.IsAdmin() && r.Version.AtLeast(driver.MVBackupUser) {
		dst = appendString(append(dst, `,"user_id":`...), b.UserID)
	}
	return append(dst, '}')
}

// appendVBSMembers writes the further members that Volume Backup Service's native v2 shows
// to its clients (VBS API reference, Querying Details About a VBS Backup). service_metadata
// is a JSON text whose Type is 0 for a full backup and 1 for an incremental one.
func appendVBSMembers(dst []byte, b *driver.Backup) []byte {
	dst = appendString(append(dst, `,"os-bak-tenant-attr:tenant_id":`...), b.ProjectID)
	metadata := []byte(`{"Type":0`)
	if b.IsIncremental {
		metadata = []byte(`{"Type":1`)
	}
	if b.EncryptionKeyID != "" {
		metadata = appendString(append(metadata, `,"CMKID":`...), b.EncryptionKeyID)
	}
	return appendString(append(dst, `,"service_metadata":`...), string(append(metadata, '}')))
}

func (r Request) appendOwnLinks(dst []byte, collection, id string) []byte {
	project := ""
	if r.ProjectInURL {
		project = r.Caller.ProjectID + "/"
	}
	dst = append(dst, `[{"rel":"self","href":`...)
	dst = appendParts(dst, r.Base, r.Version.path(), project, collection, id)
	dst = append(dst, `},{"rel":"bookmark","href":`...)
	dst = appendParts(dst, r.Base, "/", project, collection, id)
	return append(dst, `}]`...)
}

func appendLinks(dst []byte, links []link) []byte {
	dst = append(dst, '[')
	for i, l := range links {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, `{"rel":`...), l.Rel)
		dst = appendString(append(dst, `,"href":`...), l.Href)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendParts(dst []byte, parts ...string) []byte {
	dst = append(dst, '"')
	for _, part := range parts {
		dst = appendText(dst, part)
	}
	return append(dst, '"')
}

func appendString(dst []byte, s string) []byte {
	return append(appendText(append(dst, '"'), s), '"')
}

// appendText writes s as the content of a JSON string, without the quotes.
func appendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return appendEscaped(dst, s)
		}
	}
	return append(dst, s...)
}

// appendEscaped uses the standard library for text beyond plain ASCII.
func appendEscaped(dst []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		return dst
	}
	return append(dst, quoted[1:len(quoted)-1]...)
}

func appendNonEmpty(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return appendString(dst, s)
}

func appendPointer(dst []byte, s *string) []byte {
	if s == nil {
		return append(dst, "null"...)
	}
	return appendString(dst, *s)
}

func appendInt(dst []byte, n int) []byte {
	return strconv.AppendInt(dst, int64(n), 10)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, "null"...)
	}
	return t.UTC().AppendFormat(dst, `"`+timeLayout+`"`)
}

func appendMap(dst []byte, m map[string]string) []byte {
	if len(m) == 0 {
		return append(dst, "{}"...)
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, k)
		dst = appendString(append(dst, ':'), m[k])
	}
	return append(dst, '}')
}
