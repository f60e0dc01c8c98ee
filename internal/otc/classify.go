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

// maxFault is the largest part of an error body that is read, in bytes.
const maxFault = 64 << 10

// throttleWait is the RetryAfter for a throttled request if the API gateway names none. The
// gateway counts requests in windows of minutes.
const throttleWait = time.Minute

// Refusal is the cause of an error answer of a service.
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

// CodeOf returns the vendor's error code, "" if there is none. Compare it with
// strings.EqualFold: some services write Common, others common.
func CodeOf(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// fault is the content of an error body.
type fault struct{ code, message string }

// parseFault reads an error body in one of three forms: {"error_code", "error_msg"} of the
// API gateway and CBR, {"error": {"code", "message"}} of the services' own APIs, and
// {"name": {"code", "message"}} of OpenStack. A code is a string or a number. Any other
// body gives an empty fault.
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
	// Takes the first member that has a message. A map would lose the order.
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

// classify turns the error of a request into a driver error.
func (s *Service) classify(caller driver.Caller, err error) error {
	var answer gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &answer) {
		return s.cloud.http.Classify(err)
	}
	return s.refused(caller, answer.Actual, answer.ResponseHeader, answer.Body, answer)
}

// refused classifies an error answer, by its code before its status. The client sees only
// the message of the fault body.
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

// Gone replaces the message of a NotFound by Cinder's own for a missing backup. The
// vendor's message may speak of URLs.
func Gone(err error, backupID string) error {
	if driver.KindOf(err) == driver.NotFound {
		return driver.Because(err, driver.BackupNotFound(backupID))
	}
	return err
}

var anyURL = regexp.MustCompile(`[a-z]+://[^\s"']+`)

// discreet removes URLs and the caller's token from a vendor's text.
func discreet(text string, caller driver.Caller) string {
	if caller.Token != "" {
		text = strings.ReplaceAll(text, string(caller.Token), caller.Token.String())
	}
	return anyURL.ReplaceAllString(text, "…")
}
