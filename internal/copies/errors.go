package copies

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"cindergate/driver"
	"cindergate/internal/move/cloud"
)

// classify makes an error for the user of what the engine returns. What the source's own content
// returned is left as it is, for the driver to explain.
func classify(backend string, err error) error {
	var known *driver.Error
	var own *sourceError
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &own):
		return own.err
	}
	kind := driver.InvalidState
	if cloud.Passing(err) {
		kind = driver.Unavailable
	}
	return driver.Wrap(kind, err, "The copy to backend %s failed: %s.", backend, short(err))
}

// short says what failed, in one line without addresses and paths: users see it. The log has the
// whole error.
func short(err error) string {
	var answer gophercloud.ErrUnexpectedResponseCode
	var network *net.OpError
	var request *url.Error
	switch {
	case errors.As(err, &answer):
		return "it answered " + strconv.Itoa(answer.Actual) + ": " + line(string(answer.Body))
	case errors.As(err, &network):
		return "it could not be reached: " + line(network.Err.Error())
	case errors.As(err, &request):
		return "a request to it failed: " + line(request.Err.Error())
	case errors.As(err, new(*fs.PathError)), errors.As(err, new(*os.LinkError)), errors.As(err, new(*os.SyscallError)):
		return "a file of the gateway could not be read or written; its log says why"
	}
	return line(err.Error())
}

// maxLine bounds the part of a message that a backend has written, in bytes.
const maxLine = 500

func line(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), maxLine)], "")
	return strings.TrimSuffix(strings.Join(strings.Fields(text), " "), ".")
}
