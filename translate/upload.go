package translate

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// backupUpload is the policy of backups of content that a client sends, which Cinder does
// not take.
var backupUpload = Policy{"cindergate:backup:upload", driver.Member}

// Content is the body of a request of bytes, and what its headers say of it.
type Content struct {
	Body   io.Reader // nil: none
	Range  string    // Content-Range
	Digest string    // Content-Digest (RFC 9530)
}

// Bodies of uploads.
var (
	uploadedVolumeBody = schema.Members(
		schema.Property{Name: "name", Schema: schema.NullText},
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "metadata", Schema: schema.NullMetadata},
		schema.Property{Name: "bootable", Schema: schema.NullBoolean},
		schema.Property{Name: "volume_image_metadata", Schema: schema.NullMetadata},
	).Nullable()
	startUploadBody = schema.Body("upload", schema.Members(
		schema.Property{Name: "size", Schema: schema.NullSize},
		schema.Property{Name: "parent_id", Schema: schema.NullUUID},
		schema.Property{Name: "volume_id", Schema: schema.NullUUID},
		schema.Property{Name: "name", Schema: schema.NullText},
		schema.Property{Name: "description", Schema: schema.Description},
		schema.Property{Name: "metadata", Schema: schema.NullMetadata},
		schema.Property{Name: "container", Schema: schema.NullText},
		schema.Property{Name: "data_timestamp", Schema: schema.NullText},
		schema.Property{Name: "volume", Schema: uploadedVolumeBody},
	))
	commitUploadBody = schema.Body("commit", schema.Members(
		schema.Property{Name: "received", Schema: byteCount},
	).Require("received"))
)

// byteCount is a number of bytes.
var byteCount = func() schema.Schema {
	least, most := int64(0), int64(1)<<53
	return schema.Schema{Types: []string{"integer"}, Minimum: &least, Maximum: &most}
}()

// uploadView is the state of an upload. Ranges are bytes [from, to), in order.
type uploadView struct {
	BackupID    string      `json:"backup_id"`
	Size        int64       `json:"size"`        // bytes
	Granularity int64       `json:"granularity"` // bytes; ranges begin and end at its multiples
	MaxPiece    int64       `json:"max_piece"`   // bytes in one request
	Received    int64       `json:"received"`    // bytes
	Committed   bool        `json:"committed"`
	ExpiresAt   string      `json:"expires_at"`
	Ranges      *[][2]int64 `json:"ranges,omitempty"`
	Next        *int64      `json:"next,omitempty"` // offset to ask for the rest
}

func viewUpload(id string, u *driver.Upload) uploadView {
	return uploadView{BackupID: id, Size: u.Size, Granularity: u.Granularity, MaxPiece: u.MaxPiece, Received: u.Received, Committed: u.Committed,
		ExpiresAt: u.ExpiresAt.UTC().Format(time.RFC3339)}
}

func (t *Translator) contentWriter() (driver.ContentWriter, error) {
	return Capability[driver.ContentWriter](t.driver, "backups of content that a client sends")
}

// StartUpload serves POST /backups/upload. It makes a backup whose content follows.
func (t *Translator) StartUpload(ctx context.Context, r Request) (Response, error) {
	writer, err := t.contentWriter()
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(backupUpload); err != nil {
		return Response{}, err
	}
	body, err := decode(r, "upload", startUploadBody)
	if err != nil {
		return Response{}, err
	}
	spec, err := uploadSpec(body)
	if err != nil {
		return Response{}, err
	}
	b, u, err := writer.StartUpload(ctx, r.Caller, spec)
	if err != nil {
		return Response{}, err
	}
	return accepted(struct {
		Backup any        `json:"backup"`
		Upload uploadView `json:"upload"`
	}{r.backupSummary(&b), viewUpload(b.ID, &u)})
}

func uploadSpec(body *schema.Object) (driver.UploadSpec, error) {
	spec := driver.UploadSpec{
		ParentID: body.Text("parent_id"), VolumeID: body.Text("volume_id"),
		Name: optionalText(body, "name").Value, Description: optionalText(body, "description").Value,
		Metadata: body.StringMap("metadata"), Container: body.Text("container"),
	}
	if v, _ := body.Get("size"); v != nil {
		spec.Size = body.Integer("size")
	}
	if spec.Size == 0 && spec.ParentID == "" {
		return spec, driver.Errorf(driver.InvalidInput, "Invalid input received: size or parent_id is required.")
	}
	if text := body.Text("data_timestamp"); text != "" {
		at, valid := driver.ParseISOTime(text)
		if !valid {
			return spec, driver.Errorf(driver.InvalidInput, "Invalid input received: data_timestamp is not a time of ISO 8601.")
		}
		spec.DataTimestamp = at
	}
	if v := body.Object("volume"); v != nil {
		spec.Volume = &driver.UploadVolume{
			Name: optionalText(v, "name").Value, Description: optionalText(v, "description").Value, Bootable: v.Flag("bootable"),
			Metadata: v.StringMap("metadata"), ImageMetadata: v.StringMap("volume_image_metadata"),
		}
	}
	return spec, nil
}

// ShowUpload serves GET /backups/{id}/upload: what has been received, from the query
// "offset" on.
func (t *Translator) ShowUpload(ctx context.Context, r Request) (Response, error) {
	writer, err := t.contentWriter()
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(backupUpload, func() error { return t.backupExists(ctx, r) }); err != nil {
		return Response{}, err
	}
	offset, err := r.dataOffset()
	if err != nil {
		return Response{}, err
	}
	u, err := writer.ShowUpload(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	v := viewUpload(r.ID, &u)
	ranges := [][2]int64{}
	for one, err := range u.Ranges(ctx, offset) {
		if err != nil {
			return Response{}, err
		}
		if len(ranges) == maxRanges {
			v.Next = &one[0]
			break
		}
		ranges = append(ranges, [2]int64{max(one[0], offset), one[1]})
	}
	v.Ranges = &ranges
	return ok(envelope("upload", v))
}

// PutBackupData serves PUT /backups/{id}/data: the bytes of Content-Range. With the query
// "zeroes" there is no body, and the range is zeroes.
func (t *Translator) PutBackupData(ctx context.Context, r Request) (Response, error) {
	writer, err := t.contentWriter()
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(backupUpload, func() error { return t.backupExists(ctx, r) }); err != nil {
		return Response{}, err
	}
	piece, err := r.piece()
	if err != nil {
		return Response{}, err
	}
	if err := writer.PutContent(ctx, r.Caller, r.ID, piece); err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusNoContent}, nil
}

func (r Request) piece() (driver.Piece, error) {
	p := driver.Piece{Body: r.Content.Body}
	from, to, err := parseContentRange(r.Content.Range)
	if err != nil {
		return p, err
	}
	p.From, p.To = from, to
	_, zeroes := r.Query.Get("zeroes")
	switch {
	case zeroes && p.Body != nil:
		return p, driver.Errorf(driver.InvalidInput, "Invalid input received: a range of zeroes has no body.")
	case !zeroes && p.Body == nil:
		return p, driver.Errorf(driver.InvalidInput, "Invalid input received: the body is empty. For zeroes, say so in the query.")
	}
	p.SHA256, err = parseContentDigest(r.Content.Digest)
	return p, err
}

// parseContentRange reads "bytes FIRST-LAST/SIZE" (RFC 9110, section 14.4). The size may be
// "*"; it is not compared.
func parseContentRange(text string) (from, to int64, err error) {
	bad := driver.Errorf(driver.InvalidInput, `Invalid input received: Content-Range must be of the form "bytes FIRST-LAST/*".`)
	rest, found := strings.CutPrefix(text, "bytes ")
	positions, size, slash := strings.Cut(rest, "/")
	first, last, dash := strings.Cut(positions, "-")
	if !found || !slash || !dash || size != "*" && !isCount(size) || !isCount(first) || !isCount(last) {
		return 0, 0, bad
	}
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	if err1 != nil || err2 != nil || to < from || to+1 < 0 {
		return 0, 0, bad
	}
	return from, to + 1, nil
}

func isCount(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// parseContentDigest returns the SHA-256 of a header such as "sha-256=:BASE64:" as
// hexadecimal; "" if the header has none (RFC 9530).
func parseContentDigest(text string) (string, error) {
	for member := range strings.SplitSeq(text, ",") {
		value, found := strings.CutPrefix(strings.TrimSpace(member), "sha-256=")
		if !found {
			continue
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(strings.TrimPrefix(value, ":"), ":"))
		if err != nil || len(raw) != 32 || len(value) != 46 {
			return "", driver.Errorf(driver.InvalidInput, "Invalid input received: sha-256 in Content-Digest must be 32 bytes as base64 between colons.")
		}
		return hex.EncodeToString(raw), nil
	}
	return "", nil
}

// CommitUpload serves POST /backups/{id}/upload. The body says how many bytes were sent.
func (t *Translator) CommitUpload(ctx context.Context, r Request) (Response, error) {
	writer, err := t.contentWriter()
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(backupUpload, func() error { return t.backupExists(ctx, r) }); err != nil {
		return Response{}, err
	}
	body, err := decode(r, "commit", commitUploadBody)
	if err != nil {
		return Response{}, err
	}
	received, _ := body.Get("received")
	n, _ := schema.Integer(received)
	return finish(writer.CommitUpload(ctx, r.Caller, r.ID, n.Int64()))
}

// AbortUpload serves DELETE /backups/{id}/upload.
func (t *Translator) AbortUpload(ctx context.Context, r Request) (Response, error) {
	writer, err := t.contentWriter()
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(backupUpload, func() error { return t.backupExists(ctx, r) }); err != nil {
		return Response{}, err
	}
	return finish(writer.AbortUpload(ctx, r.Caller, r.ID))
}
