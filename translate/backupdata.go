package translate

import (
	"context"
	"io"
	"strconv"

	"cindergate/driver"
)

// backupData is the policy of the content of backups, which Cinder does not give out.
var backupData = Policy{"cindergate:backup:data", driver.Member}

// Stream is the body of an answer of bytes, of which a client may ask for a part (Range).
type Stream struct {
	// Tag is the value of the header ETag, without the quotes.
	Tag string
	// Size is the number of bytes.
	Size int64
	// Copy writes the bytes [from, to) to w, in order.
	Copy func(ctx context.Context, w io.Writer, from, to int64) error
}

// mapView lists where the content of a backup is not known to be zeroes.
type mapView struct {
	Size   int64      `json:"size"`   // bytes
	ETag   string     `json:"etag"`   // of the content, without quotes
	Ranges [][2]int64 `json:"ranges"` // bytes [from, to), in order
	Next   *int64     `json:"next"`   // offset to ask for the rest; null: this was the rest

	ParentID  *string `json:"parent_id"`  // null: a full backup
	BlockSize int64   `json:"block_size"` // bytes per digest
}

// maxRanges is the number of ranges in one answer.
const maxRanges = 10000

// ShowBackupData serves GET /backups/{id}/data: the bytes that a restore would write. With
// the query "map" it serves the ranges that hold data, from the query "offset" on. With the
// query "digests" it serves the SHA-256 of each block, 32 bytes each.
func (t *Translator) ShowBackupData(ctx context.Context, r Request) (Response, error) {
	reader, err := Capability[driver.ContentReader](t.driver, "the content of backups")
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(backupData, func() error { return t.backupExists(ctx, r) }); err != nil {
		return Response{}, err
	}
	offset, err := r.dataOffset()
	if err != nil {
		return Response{}, err
	}
	c, err := reader.OpenContent(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	_, asked := r.Query.Get("map")
	_, digests := r.Query.Get("digests")
	switch {
	case asked && digests:
		return Response{}, driver.Errorf(driver.InvalidInput, "Invalid input received: map and digests exclude each other.")
	case digests:
		return ok(Stream{Tag: c.Tag() + "-digests", Size: c.DigestsSize(), Copy: c.CopyDigests})
	case !asked:
		return ok(Stream{Tag: c.Tag(), Size: c.Size(), Copy: c.Copy})
	}
	v := mapView{Size: c.Size(), ETag: c.Tag(), Ranges: [][2]int64{}, BlockSize: c.BlockSize()}
	if id := c.ParentID(); id != "" {
		v.ParentID = &id
	}
	for from, to := range c.Data() {
		if to <= offset {
			continue
		}
		if len(v.Ranges) == maxRanges {
			v.Next = &from
			break
		}
		v.Ranges = append(v.Ranges, [2]int64{max(from, offset), to})
	}
	return ok(envelope("map", v))
}

// dataOffset returns the query "offset" of a map in bytes.
func (r Request) dataOffset() (int64, error) {
	text, asked := r.Query.Get("offset")
	if !asked {
		return 0, nil
	}
	offset, err := strconv.ParseInt(text, 10, 64)
	if err != nil || offset < 0 {
		return 0, driver.Errorf(driver.InvalidInput, "Invalid input received: offset must be a whole number of bytes, at least 0.")
	}
	return offset, nil
}
