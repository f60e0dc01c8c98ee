package otc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// maxFault is the largest error body that is looked at, in bytes.
const maxFault = 64 << 10

// throttleWait is what clients are told to wait when the API gateway does not say: its
// windows are of minutes.
const throttleWait = time.Minute

// Refusal is an answer of a service that refuses a request.
type Refusal struct {
	Service string
	Status  int
	Code    string // such as VolumeBackup.0021, "" if the body has none
	Err     error
}

func (r *Refusal) Error() string {
	return strings.TrimSpace(r.Service+" "+r.Code) + ": " + r.Err.Error()
}

func (r *Refusal) Unwrap() error { return r.Err }

// CodeOf is the vendor's code of what went wrong, "" if there is none. Compare with
// strings.EqualFold: the services are not of one mind about Common and common.
func CodeOf(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// fault is what an error body tells.
type fault struct{ code, message string }

// parseFault reads an error body: the API gateway's and CBR's {"error_code",
// "error_msg"}, the own APIs' {"error": {"code", "message"}}, and OpenStack's {"name":
// {"code", "message"}}. A code is a text or a number. Other bodies tell nothing.
func parseFault(body []byte) fault {
	var flat struct {
		Code    Text `json:"error_code"`
		Message Text `json:"error_msg"`
	}
	if json.Unmarshal(body, &flat) == nil && (flat.Code != "" || flat.Message != "") {
		return fault{string(flat.Code), string(flat.Message)}
	}
	type nested struct {
		Code    Text `json:"code"`
		Message Text `json:"message"`
	}
	var own struct {
		Error nested `json:"error"`
	}
	if json.Unmarshal(body, &own) == nil && own.Error.Message != "" {
		return fault{string(own.Error.Code), string(own.Error.Message)}
	}
	// The first member that has a message; a map would not know which is first.
	in := json.NewDecoder(bytes.NewReader(body))
	if open, err := in.Token(); err != nil || open != json.Delim('{') {
		return fault{}
	}
	for in.More() {
		var value json.RawMessage
		if _, err := in.Token(); err != nil || in.Decode(&value) != nil {
			return fault{}
		}
		var member nested
		if json.Unmarshal(value, &member) == nil && member.Message != "" {
			return fault{string(member.Code), string(member.Message)}
		}
	}
	return fault{}
}

// classify turns what went wrong into a driver error.
func (s *Service) classify(caller driver.Caller, err error) error {
	var answer gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &answer) {
		return s.cloud.http.Classify(err)
	}
	return s.refused(caller, answer.Actual, answer.ResponseHeader, answer.Body, answer)
}

// refused classifies an error answer: its code counts before its status. Only what a
// fault body says gets through to the client.
func (s *Service) refused(caller driver.Caller, status int, header http.Header, body []byte, cause error) error {
	found := parseFault(body)
	e := &driver.Error{
		Kind: s.kind.codes.kind(status, found), Reason: s.kind.reason(found.code), RetryAfter: openstack.RetryAfter(header, s.Now()),
		Message: discreet(found.message, caller),
		Err:     &Refusal{Service: s.kind.Name, Status: status, Code: found.code, Err: cause},
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("%s of backend %s answered with status %d.", s.kind.Name, s.cloud.o.Name, status)
	}
	switch {
	case strings.EqualFold(found.code, "APIGW.0101"):
		e.Message = "Backend " + s.cloud.o.Name + " has no " + s.kind.Name + ", or not this function of it."
	case e.Reason == driver.RateLimited && e.RetryAfter == 0:
		e.RetryAfter = throttleWait
	}
	return e
}

// Gone says in Cinder's words that a backup is not there: the vendor's are about URLs at
// times.
func Gone(err error, backupID string) error {
	if driver.KindOf(err) == driver.NotFound {
		return driver.Because(err, driver.BackupNotFound(backupID))
	}
	return err
}

var anyURL = regexp.MustCompile(`[a-z]+://[^\s"']+`)

// discreet is a text without URLs and the caller's token, should the vendor's have any.
func discreet(text string, caller driver.Caller) string {
	if caller.Token != "" {
		text = strings.ReplaceAll(text, string(caller.Token), caller.Token.String())
	}
	return anyURL.ReplaceAllString(text, "…")
}
