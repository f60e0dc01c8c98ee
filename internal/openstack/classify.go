package openstack

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"cindergate/driver"
)

// Classify turns the error of a request to the backend into a driver error. The message has
// text of the backend only if it comes from a readable fault body; it never has the
// request's URL or the token.
func (t *Transport) Classify(err error) error {
	if err == nil {
		return nil
	}
	var known *driver.Error
	if errors.As(err, &known) {
		return err
	}
	var answer gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &answer) {
		return t.answer(answer)
	}
	var broken *ErrBroken
	var body *ErrClientBody
	var large *ErrAnswerTooLarge
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var network net.Error
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &body):
		return driver.UnreadBody(err)
	case errors.Is(err, context.Canceled):
		return driver.Left(err)
	case errors.As(err, &large):
		return driver.Wrap(driver.Unavailable, err, "The answer of backend %s has more than %d bytes.", t.name, large.Limit)
	case errors.As(err, &broken):
		return &driver.Error{
			Kind: driver.Unavailable, RetryAfter: broken.RetryAfter, Err: err,
			Message: "Backend " + t.name + " failed repeatedly and is not asked for a while.",
		}
	case errors.As(err, &certificate), errors.As(err, &record):
		return driver.Wrap(driver.Unavailable, err, "Backend %s cannot be reached: its TLS certificate or protocol is not valid.", t.name)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errAnswerSlow), errors.As(err, &network) && network.Timeout():
		return driver.Wrap(driver.Unavailable, err, "Backend %s did not answer in time.", t.name)
	case errors.As(err, &syntax), errors.As(err, &wrongType), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return driver.Wrap(driver.Unavailable, err, "The answer of backend %s broke off or is not JSON.", t.name)
	}
	return driver.Wrap(driver.Unavailable, err, "Backend %s cannot be reached.", t.name)
}

// statuses maps a backend's status to a kind. Any other status is Internal.
var statuses = map[int]driver.Kind{
	http.StatusBadRequest:            driver.InvalidInput,
	http.StatusUnauthorized:          driver.Unauthorized,
	http.StatusForbidden:             driver.Forbidden,
	http.StatusNotFound:              driver.NotFound,
	http.StatusConflict:              driver.Conflict,
	http.StatusRequestEntityTooLarge: driver.OverLimit,
	http.StatusTooManyRequests:       driver.OverLimit,
	http.StatusNotImplemented:        driver.NotSupported,
	http.StatusMethodNotAllowed:      driver.NotSupported,
	http.StatusBadGateway:            driver.Unavailable,
	http.StatusServiceUnavailable:    driver.Unavailable,
	http.StatusGatewayTimeout:        driver.Unavailable,
}

func (t *Transport) answer(a gophercloud.ErrUnexpectedResponseCode) error {
	e := &driver.Error{Kind: statuses[a.Actual], Err: a, RetryAfter: RetryAfter(a.ResponseHeader, t.clock.Now())}
	if e.Kind == driver.OverLimit && (a.Actual == http.StatusTooManyRequests || e.RetryAfter > 0) {
		e.Reason = driver.RateLimited // a quota has no Retry-After other than 0
	}
	e.Message = FaultMessage(a.Body)
	if e.Message == "" {
		e.Message = "Backend " + t.name + " answered with status " + strconv.Itoa(a.Actual) + "."
	}
	return e
}

// FaultMessage returns the message of an OpenStack fault, {"name": {"code": …, "message":
// "…"}}, or of a fault of webob or keystonemiddleware. It returns "" for any other body.
func FaultMessage(body []byte) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return ""
	}
	for _, member := range members {
		var fault struct {
			Code    any    `json:"code"`
			Message string `json:"message"`
		}
		if json.Unmarshal(member, &fault) == nil && fault.Code != nil && fault.Message != "" {
			return fault.Message
		}
	}
	var plain struct {
		Title   string `json:"title"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &plain) == nil && plain.Title != "" {
		text, _, _ := strings.Cut(plain.Message, "<br")
		return strings.TrimSpace(text)
	}
	return ""
}

// RetryAfter reads the Retry-After header, in seconds or as a date. It returns 0 if there
// is none.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.Atoi(v); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
