package meta

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Upload is a row of uploads: a backup whose content a client sends.
type Upload struct {
	BackupID   string // the key
	VolumeMeta *string
	Committed  bool  // the content is complete, nothing more may be sent
	Ranges     int   // number of rows of upload_ranges
	Received   int64 // bytes in them
	ExpiresAt  time.Time
}

// UploadRange is a row of upload_ranges: bytes [From, To) that are in the upload's file.
// Rows of an upload do not overlap.
type UploadRange struct {
	UploadID string
	From, To int64
	SHA256   string // hexadecimal; "": zeroes that were not sent
}

var uploads = table[Upload]{name: "uploads", key: func(u *Upload) string { return u.BackupID }, columns: []column[Upload]{
	{"id", func(u *Upload) any { return &u.BackupID }},
	{"volume_meta", func(u *Upload) any { return &u.VolumeMeta }},
	{"committed", func(u *Upload) any { return &u.Committed }},
	{"ranges", func(u *Upload) any { return &u.Ranges }},
	{"received", func(u *Upload) any { return &u.Received }},
	{"expires_at", func(u *Upload) any { return micros{&u.ExpiresAt} }},
}}

const uploadRangeColumns = "upload_id, from_byte, to_byte, sha256"

// Upload returns the upload of a backup; nil if there is none.
func (tx *Tx) Upload(backupID string) (*Upload, error) { return uploads.get(tx.ctx, tx.q, backupID) }

// PutUpload inserts or replaces a row.
func (tx *Tx) PutUpload(u *Upload) error { return uploads.put(tx.ctx, tx.q, u) }

// RemoveUpload deletes an upload and its ranges. A missing one is no error.
func (tx *Tx) RemoveUpload(backupID string) error {
	if _, err := tx.q.ExecContext(tx.ctx, "DELETE FROM upload_ranges WHERE upload_id = $1", backupID); err != nil {
		return fmt.Errorf("delete from upload_ranges: %w", err)
	}
	return uploads.remove(tx.ctx, tx.q, backupID)
}

// ExpiredUploads returns the uploads that expired before now.
func (tx *Tx) ExpiredUploads() ([]*Upload, error) {
	return uploads.find(tx.ctx, tx.q, "WHERE expires_at < $1 ORDER BY id", tx.Now.UnixMicro())
}

// NextUploadExpiry returns when the next upload expires, expired ones included; zero: there is none.
func (tx *Tx) NextUploadExpiry() (time.Time, error) {
	var next sql.NullInt64
	if err := tx.q.QueryRowContext(tx.ctx, "SELECT MIN(expires_at) FROM uploads").Scan(&next); err != nil {
		return time.Time{}, fmt.Errorf("read uploads: %w", err)
	}
	if !next.Valid {
		return time.Time{}, nil
	}
	return time.UnixMicro(next.Int64), nil
}

// PutUploadRange inserts a range. It must not overlap another.
func (tx *Tx) PutUploadRange(r *UploadRange) error {
	_, err := tx.q.ExecContext(tx.ctx, "INSERT INTO upload_ranges ("+uploadRangeColumns+") VALUES ($1, $2, $3, $4)",
		r.UploadID, r.From, r.To, r.SHA256)
	if err != nil {
		return fmt.Errorf("write upload_ranges: %w", err)
	}
	return nil
}

// OverlappingRange returns the last range of an upload that overlaps [from, to); nil if
// there is none.
func (tx *Tx) OverlappingRange(uploadID string, from, to int64) (*UploadRange, error) {
	rows, err := uploadRanges(tx.ctx, tx.q, "WHERE upload_id = $1 AND from_byte < $2 ORDER BY from_byte DESC LIMIT 1", uploadID, to)
	if err != nil || len(rows) == 0 || rows[0].To <= from {
		return nil, err
	}
	return &rows[0], nil
}

// Upload is [Tx.Upload] outside a transaction.
func (db *DB) Upload(ctx context.Context, backupID string) (*Upload, error) {
	return uploads.get(ctx, db.reader, backupID)
}

// UploadRanges returns the ranges of an upload that end after offset, in order, most of
// them at once; 0: all.
func (db *DB) UploadRanges(ctx context.Context, uploadID string, offset int64, most int) ([]UploadRange, error) {
	clause := "WHERE upload_id = $1 AND to_byte > $2 ORDER BY from_byte"
	if most > 0 {
		clause += fmt.Sprintf(" LIMIT %d", most)
	}
	return uploadRanges(ctx, db.reader, clause, strings.ToLower(uploadID), offset)
}

func uploadRanges(ctx context.Context, q querier, clause string, args ...any) ([]UploadRange, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+uploadRangeColumns+" FROM upload_ranges "+clause, args...)
	if err != nil {
		return nil, fmt.Errorf("read upload_ranges: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []UploadRange
	for rows.Next() {
		var r UploadRange
		if err := rows.Scan(&r.UploadID, &r.From, &r.To, &r.SHA256); err != nil {
			return nil, fmt.Errorf("read upload_ranges: %w", err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read upload_ranges: %w", err)
	}
	return all, nil
}
