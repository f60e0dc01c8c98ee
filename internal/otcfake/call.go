package otcfake

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// call is a request with a valid token, in that token's project.
type call struct {
	r       *http.Request
	token   *token
	project string
}

// id returns the id in the path.
func (k *call) id() string { return k.r.PathValue("id") }

// query returns a parameter, "" if it is missing.
func (k *call) query(name string) string { return k.r.URL.Query().Get(name) }

// base returns the URL by which the client reached the cloud.
func (k *call) base() string { return "http://" + k.r.Host }

// read decodes the body. A member that into lacks is an error, and so is a second value.
func (k *call) read(into any) bool {
	d := json.NewDecoder(k.r.Body)
	d.DisallowUnknownFields()
	return d.Decode(into) == nil && d.Decode(&struct{}{}) == io.EOF
}

// readSome decodes the body and ignores members that into lacks.
func (k *call) readSome(into any) bool {
	return json.NewDecoder(k.r.Body).Decode(into) == nil
}

// number reads a parameter that is a number between least and most. ok is false for any
// other value. A missing parameter gives absent.
func (k *call) number(name string, least, most, absent int) (n int, ok bool) {
	if !k.r.URL.Query().Has(name) {
		return absent, true
	}
	n, err := strconv.Atoi(k.query(name))
	return n, err == nil && n >= least && n <= most
}

// object is a JSON object.
type object map[string]any

// answer is the answer to a request. It has no body if body is nil.
type answer struct {
	status int
	body   any
	header map[string]string
}

func ok(body any) answer       { return answer{status: http.StatusOK, body: body} }
func accepted(body any) answer { return answer{status: http.StatusAccepted, body: body} }

func (a answer) text() []byte {
	if a.body == nil {
		return nil
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(a.body); err != nil {
		panic(err) // the fake's own types
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

func (a answer) write(w http.ResponseWriter) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	text := a.text()
	if text != nil {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(text) // the client may have left
}

// refuse returns the answer for one of the cloud's error codes.
func refuse(name string) answer { return code(name).answer() }

// answer returns the error in the form of the code's service.
func (c Code) answer() answer {
	switch c.Service {
	case "cbr":
		return answer{status: c.Status, body: object{"error_code": c.Code, "error_msg": c.Text}}
	case "apigw":
		return answer{status: c.Status, body: gatewayBody(c)}
	}
	return answer{status: c.Status, body: object{"error": object{"message": c.Text, "code": c.Code}}}
}

func gatewayBody(c Code) object {
	return object{"error_code": c.Code, "error_msg": c.Text, "request_id": uuid.NewString()}
}

// faultNames are Cinder's fault names in native calls (cinder/api/openstack/wsgi.py Fault).
var faultNames = map[int]string{
	http.StatusBadRequest: "badRequest", http.StatusUnauthorized: "unauthorized", http.StatusForbidden: "forbidden",
	http.StatusNotFound: "itemNotFound", http.StatusRequestEntityTooLarge: "overLimit",
}

// native returns an error of a native call.
func native(status int, message string) answer {
	return answer{status: status, body: object{faultNames[status]: object{"message": message, "code": status}}}
}

// handler answers a call while the cloud is locked.
type handler func(*call) answer

// open adds a route that needs no token.
func (c *Cloud) open(pattern string, h handler) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { h(&call{r: r}).write(w) })
}

// invalidToken is IAM's message, with 403 and not 401, for an expired token in X-Auth-Token
// (recorded: opentelekomcloud/vault-plugin-secrets-openstack, issue 87).
const invalidToken = "X-Auth-Token is invalid in the request" // #nosec G101 -- a message

// withToken adds a route that needs a valid token, of any project.
func (c *Cloud) withToken(pattern string, h handler) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		t := c.tokens[r.Header.Get("X-Auth-Token")]
		if t == nil || !c.o.Now().Before(t.expires) {
			keystoneFault(forbidden, invalidToken).write(w)
			return
		}
		h(&call{r: r, token: t}).write(w)
	})
}

// serve adds a route of a service. The path must name the token's project.
func (c *Cloud) serve(pattern string, h handler) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		t := c.tokens[r.Header.Get("X-Auth-Token")]
		switch {
		case t == nil || t.project == nil || !c.o.Now().Before(t.expires):
			refuse("APIGW.0301").write(w)
		case r.PathValue("project") != t.project.ID:
			c.foreign(r).write(w)
		default:
			h(&call{r: r, token: t, project: t.project.ID}).write(w)
		}
	})
}

// foreign refuses a path with another project than the token's. Only EVS documents the
// answer; for the others it is likely.
func (c *Cloud) foreign(r *http.Request) answer {
	if strings.HasPrefix(r.URL.Path, "/evs/") {
		return refuse("Common.0018")
	}
	return native(forbidden, "The project of the token is another one.")
}
