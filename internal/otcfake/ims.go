package otcfake

import "net/http"

// routeIMS serves the Image Management Service without images: versions and an empty list,
// as in Glance v2. `openstack volume create` works in no cloud without an image service.
func (c *Cloud) routeIMS() {
	for _, pattern := range []string{"GET /ims/{$}", "GET /ims"} {
		c.open(pattern, func(k *call) answer {
			return answer{status: http.StatusMultipleChoices, body: object{"versions": []object{imsVersion(k)}}}
		})
	}
	for _, pattern := range []string{"GET /ims/v2/{$}", "GET /ims/v2"} {
		c.open(pattern, func(k *call) answer { return ok(object{"versions": []object{imsVersion(k)}}) })
	}
	c.withToken("GET /ims/v2/images", func(*call) answer {
		return ok(object{"images": []object{}, "first": "/v2/images", "schema": "/v2/schemas/images"})
	})
	c.withToken("GET /ims/v2/images/{id}", func(k *call) answer {
		return native(notFound, "No image found with ID "+k.id())
	})
}

func imsVersion(k *call) object {
	return object{"id": "v2.7", "status": "CURRENT", "links": []object{{"rel": "self", "href": k.base() + "/ims/v2/"}}}
}
