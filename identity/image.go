package identity

import (
	"net/http"
	"strings"
)

// Images is an image service without images below /image: version discovery and
// an empty list. `openstack volume create` refuses to work in a cloud that has no
// image service, even for a blank volume.
func (s *Service) Images() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/image"), "/")
		self := s.base(r) + "/image/v2/"
		v2 := map[string]any{"id": "v2.15", "status": "CURRENT", "links": []map[string]string{{"rel": "self", "href": self}}}
		switch {
		case r.Method != http.MethodGet:
			fail(w, http.StatusNotFound, "There is no image service here.")
		case path == "" || path == "/versions":
			write(w, http.StatusMultipleChoices, map[string]any{"versions": []any{v2}})
		case path == "/v2":
			write(w, http.StatusOK, map[string]any{"versions": []any{v2}})
		case path == "/v2/images":
			write(w, http.StatusOK, map[string]any{"images": []any{}, "first": "/v2/images", "schema": "/v2/schemas/images"})
		default:
			fail(w, http.StatusNotFound, "No image found with ID "+path[strings.LastIndexByte(path, '/')+1:])
		}
	})
}
