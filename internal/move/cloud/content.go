package cloud

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"

	"cindergate/internal/move"
)

// A Cindergate with the embedded backend gives out the bytes of backups and takes them
// (docs/api.md, "Content of backups"). No Cinder has these operations.

// GivesBytes finds out whether the cloud is such a Cindergate. It asks for the bytes of a
// backup that does not exist: the answer of a Cinder does not name the backup.
func (c *Cloud) GivesBytes(ctx context.Context) (bool, error) {
	id := uuid.NewString()
	_, err := c.content(ctx, id, 0)
	var e gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &e) && (e.Actual == http.StatusNotFound || e.Actual == http.StatusForbidden || e.Actual == http.StatusNotImplemented) {
		return e.Actual == http.StatusNotFound && strings.Contains(string(e.Body), id), nil
	}
	return false, explain(err)
}

// contentMap is the answer to ?map.
type contentMap struct {
	Size      int64      `json:"size"`
	ETag      string     `json:"etag"`
	Ranges    [][2]int64 `json:"ranges"`
	Next      *int64     `json:"next"`
	ParentID  *string    `json:"parent_id"`
	BlockSize int64      `json:"block_size"`
}

func (c *Cloud) content(ctx context.Context, backup string, offset int64) (contentMap, error) {
	var m struct {
		Map contentMap `json:"map"`
	}
	_, err := c.volume.Get(ctx, c.volume.ServiceURL("backups", backup, "data")+"?map&offset="+strconv.FormatInt(offset, 10), &m, nil)
	return m.Map, err
}

// Content is the content of a backup of a Cindergate, which has verified each byte that it
// sends.
type Content struct {
	c      *Cloud
	backup string
	m      contentMap
}

var _ move.Content = (*Content)(nil)

// OpenContent opens the content of a backup.
func (c *Cloud) OpenContent(ctx context.Context, backup string) (*Content, error) {
	m, err := c.content(ctx, backup, 0)
	for next := m.Next; err == nil && next != nil; {
		var page contentMap
		if page, err = c.content(ctx, backup, *next); err == nil && (page.ETag != m.ETag || page.Next != nil && *page.Next <= *next) {
			err = fmt.Errorf("the content of backup %s in cloud %s changed while it was listed", backup, c.Name)
		}
		m.Ranges = append(m.Ranges, page.Ranges...)
		next = page.Next
	}
	return &Content{c, backup, m}, explain(err)
}

// ParentID is the backup that this one is incremental on; "" for a full one.
func (o *Content) ParentID() string {
	if o.m.ParentID == nil {
		return ""
	}
	return *o.m.ParentID
}

// Size implements [move.Content].
func (o *Content) Size() int64 { return o.m.Size }

// Grid implements [move.Content].
func (o *Content) Grid() int64 { return 0 }

// Close implements [move.Content].
func (o *Content) Close() error { return nil }

// Data implements [move.Content].
func (o *Content) Data() iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) {
		for _, r := range o.m.Ranges {
			if !yield(r[0], r[1]) {
				return
			}
		}
	}
}

// Copy implements [move.Content].
func (o *Content) Copy(ctx context.Context, w io.Writer, from, to int64) error {
	return stream(ctx, from, to, func(from int64) (int64, error) { return o.part(ctx, "", o.m.ETag, w, from, to) })
}

// Digests implements [move.Content].
func (o *Content) Digests(ctx context.Context, w io.Writer) (int64, error) {
	blocks := (o.m.Size + o.m.BlockSize - 1) / o.m.BlockSize
	to := blocks * sha256.Size
	return o.m.BlockSize, stream(ctx, 0, to, func(from int64) (int64, error) { return o.part(ctx, "?digests", o.m.ETag+"-digests", w, from, to) })
}

// maxBreaks is how often in a row a stream may break off without a byte.
const maxBreaks = 5

// stream copies the range [from, to) by parts. A part copies what one answer has, from an
// offset to the end of the range, and returns its length. Where an answer breaks off, the next
// part continues.
func stream(ctx context.Context, from, to int64, part func(from int64) (int64, error)) error {
	for breaks := 0; from < to; {
		n, err := part(from)
		from += n
		switch {
		case err == nil:
			return nil
		case n > 0:
			breaks = 0
		}
		var cut *brokenOff
		if breaks++; !errors.As(err, &cut) || breaks > maxBreaks {
			return err
		}
		if err := sleep(ctx, time.Duration(breaks)*firstPause); err != nil {
			return err
		}
	}
	return nil
}

// brokenOff is the error of an answer that ended early.
type brokenOff struct{ err error }

func (b *brokenOff) Error() string { return "the answer broke off: " + b.err.Error() }
func (b *brokenOff) Unwrap() error { return b.err }

// part copies as much as one answer has, and returns its length.
func (o *Content) part(ctx context.Context, query, etag string, w io.Writer, from, to int64) (int64, error) {
	resp, err := o.c.volume.Request(ctx, http.MethodGet, o.c.volume.ServiceURL("backups", o.backup, "data")+query, &gophercloud.RequestOpts{
		KeepResponseBody: true, OkCodes: []int{http.StatusPartialContent, http.StatusOK},
		MoreHeaders: map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", from, to-1), "If-Range": `"` + etag + `"`, "Accept": "application/octet-stream"}})
	if err != nil {
		return 0, explain(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusPartialContent || resp.Header.Get("ETag") != `"`+etag+`"` {
		return 0, fmt.Errorf("the content of backup %s in cloud %s changed while it was read", o.backup, o.c.Name)
	}
	body := &failing{r: resp.Body}
	n, err := io.CopyN(w, body, to-from)
	if body.err != nil { // not w's
		return n, &brokenOff{body.err}
	}
	return n, err
}

// failing is a reader that remembers its error, which tells it from the writer's.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil {
		f.err = err
	}
	return n, err
}

// NewUpload is a backup whose content will be sent.
type NewUpload struct {
	Name          string         `json:"name"`
	Description   string         `json:"description,omitempty"`
	Size          int64          `json:"size,omitempty"` // GiB
	ParentID      string         `json:"parent_id,omitempty"`
	DataTimestamp string         `json:"data_timestamp,omitempty"`
	Volume        *UploadedState `json:"volume,omitempty"`
}

// UploadedState is what a restore of the backup gives a new volume.
type UploadedState struct {
	Name          string            `json:"name"`
	Description   string            `json:"description"`
	Bootable      bool              `json:"bootable"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	ImageMetadata map[string]string `json:"volume_image_metadata,omitempty"`
}

// EnsureUpload starts an upload, unless there is a backup of that name, and returns the
// backup's id.
func (c *Cloud) EnsureUpload(ctx context.Context, n NewUpload) (string, error) {
	found, err := c.Backups(ctx, n.Name, "")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return found[0].ID, nil
	}
	var made struct {
		Backup struct {
			ID string `json:"id"`
		} `json:"backup"`
	}
	_, err = c.volume.Post(ctx, c.volume.ServiceURL("backups", "upload"), map[string]any{"upload": n}, &made,
		&gophercloud.RequestOpts{OkCodes: []int{http.StatusAccepted}})
	return made.Backup.ID, explain(err)
}

// PutBytes sends a range of an upload. nil data: zeroes.
func (c *Cloud) PutBytes(ctx context.Context, backup string, from, to int64, data []byte) error {
	o := &gophercloud.RequestOpts{OkCodes: []int{http.StatusNoContent}, MoreHeaders: map[string]string{"Content-Range": fmt.Sprintf("bytes %d-%d/*", from, to-1)}}
	target, _ := url.Parse(c.volume.ServiceURL("backups", backup, "data")) // of the catalogue: gophercloud has parsed it
	if data == nil {
		target.RawQuery = "zeroes"
	} else {
		sum := sha256.Sum256(data)
		o.RawBody = bytes.NewReader(data)
		o.MoreHeaders["Content-Digest"] = "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
		o.MoreHeaders["Content-Type"] = "application/octet-stream"
	}
	_, err := c.volume.Request(ctx, http.MethodPut, target.String(), o)
	return explain(err)
}

// CommitUpload ends an upload, unless that has been done, and waits for the backup. received
// is the number of bytes that were sent.
func (c *Cloud) CommitUpload(ctx context.Context, backup string, received int64) error {
	b, err := c.Backup(ctx, backup)
	if err != nil {
		return err
	}
	if b.Status == "error" || b.Status == "creating" && !c.committed(ctx, backup) {
		_, err = c.volume.Post(ctx, c.volume.ServiceURL("backups", backup, "upload"), map[string]any{"commit": map[string]int64{"received": received}}, nil,
			&gophercloud.RequestOpts{OkCodes: []int{http.StatusAccepted}})
		if err != nil {
			return explain(err)
		}
	}
	_, err = c.WaitBackup(ctx, backup)
	return err
}

// committed reports whether an upload is known to be committed.
func (c *Cloud) committed(ctx context.Context, backup string) bool {
	var u struct {
		Upload struct {
			Committed bool `json:"committed"`
		} `json:"upload"`
	}
	_, err := c.volume.Get(ctx, c.volume.ServiceURL("backups", backup, "upload"), &u, nil)
	return err == nil && u.Upload.Committed
}

// AbortUpload gives up the uploads among the backups whose names begin with a prefix. Those
// that are complete stay.
func (c *Cloud) AbortUpload(ctx context.Context, prefix string) error {
	all, err := c.Backups(ctx, "", "")
	if err != nil {
		return err
	}
	for _, b := range all {
		if !strings.HasPrefix(b.Name, prefix) || b.Status != "creating" {
			continue
		}
		_, err := c.volume.Delete(ctx, c.volume.ServiceURL("backups", b.ID, "upload"), nil)
		if code := status(err); err != nil && code != http.StatusNotFound && code != http.StatusBadRequest { // 400: committed
			return explain(err)
		}
	}
	return nil
}
