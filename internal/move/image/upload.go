package image

import (
	"context"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"cindergate/internal/move/cloud"
)

// sums are the digests of what was sent, hexadecimal.
type sums struct {
	MD5    string `json:"md5"`
	SHA512 string `json:"sha512"`
}

// of returns the digest that Glance has of an image as well: its name, that of what was sent and
// Glance's. The name is "" if there is none in common.
func (s sums) of(i cloud.Image) (name, got, want string) {
	switch {
	case i.HashAlgo == "sha512" && i.Hash != "":
		return i.HashAlgo, s.SHA512, i.Hash
	case i.MD5 != "":
		return "md5", s.MD5, i.MD5
	}
	return "", "", ""
}

// upload is a request that sends an image as it comes.
type upload struct {
	at          int64 // bytes that were taken
	pipe        *io.PipeWriter
	done        chan error // the answer
	md5, sha512 hash.Hash
}

// startUpload begins to send the image of an id. The upload ends with ctx.
func (t *Target) startUpload(ctx context.Context, id string) (*upload, error) {
	if err := t.Renew(ctx); err != nil { // the token must be valid for the whole upload
		return nil, err
	}
	r, w := io.Pipe()
	u := &upload{pipe: w, done: make(chan error, 1), md5: md5.New(), sha512: sha512.New()}
	go func() {
		err := t.PutImage(ctx, id, r)
		_ = r.CloseWithError(errEnded) // it returns nil always
		u.done <- err
	}()
	return u, nil
}

// errEnded says that the request has ended, so nothing reads what is written.
var errEnded = errors.New("the request has ended")

// write sends bytes. If the request has ended, the error is its own.
func (u *upload) write(p []byte) error {
	if _, err := u.pipe.Write(p); err != nil {
		if answer := <-u.done; answer != nil {
			return answer
		}
		return errors.New("the answer came before all bytes were sent")
	}
	u.md5.Write(p)
	u.sha512.Write(p)
	u.at += int64(len(p))
	return nil
}

// finish ends the upload and waits for the answer.
func (u *upload) finish() (sums, error) {
	_ = u.pipe.Close() // it returns nil always
	err := <-u.done
	return sums{MD5: hex.EncodeToString(u.md5.Sum(nil)), SHA512: hex.EncodeToString(u.sha512.Sum(nil))}, err
}
