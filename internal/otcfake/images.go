package otcfake

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// image is a private image of IMS.
type image struct {
	id, projectID string
	name          string
	status        string // queued, saving, active
	format        string
	minDisk       int // GiB
	content       string
	createdAt     time.Time
}

func (i *image) key() (string, string) { return i.id, i.projectID }

// The limits of IMS: of a data disk image's min_disk (IMS API Reference, "Creating a Data Disk
// Image Using an External Image File"), and of exports that name a format ("Exporting an
// Image").
const (
	leastDataDisk, mostDataDisk = 40, 2048
	largestExport               = 128
)

// routeIMS serves the Image Management Service: Glance's v2 without files, and of its own API
// the export to a bucket and the import of a data disk.
func (c *Cloud) routeIMS() {
	for _, pattern := range []string{"GET /ims/{$}", "GET /ims"} {
		c.open(pattern, func(k *call) answer {
			return answer{status: http.StatusMultipleChoices, body: object{"versions": []object{imsVersion(k)}}}
		})
	}
	for _, pattern := range []string{"GET /ims/v2/{$}", "GET /ims/v2"} {
		c.open(pattern, func(k *call) answer { return ok(object{"versions": []object{imsVersion(k)}}) })
	}
	c.withToken("GET /ims/v2/images", c.listImages)
	c.withToken("GET /ims/v2/images/{id}", c.onImage(func(_ *call, i *image) answer { return ok(imageView(i)) }))
	c.withToken("DELETE /ims/v2/images/{id}", c.onImage(func(_ *call, i *image) answer {
		remove(&c.images, i.id)
		return answer{status: http.StatusNoContent}
	}))
	c.withToken("POST /ims/v1/cloudimages/{id}/file", c.onImage(c.exportImage))
	c.withToken("POST /ims/v1/cloudimages/dataimages/action", c.importImage)
	c.serve("GET /ims/v1/{project}/jobs/{id}", c.showJob("ims"))
}

func imsVersion(k *call) object {
	return object{"id": "v2.7", "status": "CURRENT", "links": []object{{"rel": "self", "href": k.base() + "/ims/v2/"}}}
}

// imsFault is an error of IMS's own API.
func imsFault(number, text string) answer {
	return answer{status: badRequest, body: object{"error": object{"code": "IMG." + number, "message": text}}}
}

func (c *Cloud) onImage(h func(*call, *image) answer) handler {
	return func(k *call) answer {
		if k.token.project != nil {
			if i := own(c.images, k.token.project.ID, k.id()); i != nil {
				return h(k, i)
			}
		}
		return native(notFound, "No image found with ID "+k.id())
	}
}

func (c *Cloud) listImages(k *call) answer {
	views := []object{}
	if k.token.project != nil {
		for _, i := range slices.Backward(of(c.images, k.token.project.ID)) {
			if matchesText(k, "name", i.name) && matchesText(k, "status", i.status) {
				views = append(views, imageView(i))
			}
		}
	}
	return ok(object{"images": views, "first": "/v2/images", "schema": "/v2/schemas/images"})
}

func imageView(i *image) object {
	return object{
		"id": i.id, "name": i.name, "status": i.status, "disk_format": i.format, "container_format": "bare", "min_disk": i.minDisk, "min_ram": 0,
		"owner": i.projectID, "visibility": "private", "protected": false, "tags": []string{}, "__imagetype": "private", "__isregistered": "true",
		"created_at": i.createdAt.Format(time.RFC3339), "updated_at": i.createdAt.Format(time.RFC3339), "self": "/v2/images/" + i.id,
		"file": "/v2/images/" + i.id + "/file", "schema": "/v2/schemas/image", "virtual_env_type": "DataImage",
	}
}

// uploadImage makes an image of a volume (EVS API Reference, "Exporting an EVS Disk as an
// Image").
func (c *Cloud) uploadImage(k *call, v *Volume, name, format string, force bool) answer {
	switch {
	case v.Status != "available" && (v.Status != "in-use" || !force):
		return native(badRequest, "Invalid volume: the status does not allow an image.")
	case name == "" || len(name) > 128:
		return native(badRequest, "Invalid input for field/attribute image_name.")
	case !slices.Contains([]string{"", "vhd", "zvhd", "zvhd2", "raw", "qcow2"}, format):
		return native(badRequest, "Invalid input for field/attribute disk_format.")
	}
	setDefault(&format, "vhd")
	i := &image{id: c.newID(), projectID: k.project, name: name, status: "queued", format: format, minDisk: v.SizeGiB, content: v.Content, createdAt: c.now()}
	c.images = append(c.images, i)
	found := v.Status
	v.Status = "uploading"
	c.later(func() { i.status = "saving" }, func() { i.status, v.Status = "active", found })
	return accepted(object{"os-volume_upload_image": object{
		"id": v.ID, "status": "uploading", "image_id": i.id, "image_name": name, "disk_format": format, "container_format": "bare",
		"size": v.SizeGiB, "display_description": v.Description, "updated_at": nativeTime(c.now()), "volume_type": object{"name": v.Type},
	}})
}

// bucketFile splits the name of an object: bucket:file.
func (c *Cloud) bucketFile(projectID, url string) (*bucket, string) {
	name, file, ok := strings.Cut(url, ":")
	b := c.buckets[name]
	if !ok || file == "" || b == nil || b.projectID != projectID {
		return nil, ""
	}
	return b, file
}

func (c *Cloud) exportImage(k *call, i *image) answer {
	var body struct {
		URL    string `json:"bucket_url"`
		Format string `json:"file_format"`
		Quick  bool   `json:"is_quick_export"`
	}
	if !k.read(&body) {
		return imsFault("0029", "The request body is not valid.")
	}
	b, file := c.bucketFile(i.projectID, body.URL)
	switch {
	case body.Quick:
		return imsFault("0029", "This stand-in has no fast export.")
	case !slices.Contains([]string{"qcow2", "vhd", "zvhd", "vmdk"}, body.Format):
		return imsFault("0029", "file_format is not valid.")
	case i.minDisk > largestExport:
		return imsFault("0029", "The image is larger than 128 GB: it can only be exported fast.")
	case i.status != "active":
		return imsFault("0029", "The image is not active.")
	case b == nil:
		return imsFault("0064", "The bucket does not exist, or cannot be accessed.")
	}
	j := c.newJob(i.projectID, "ims", "imsNativeExportImageJob", "image_id", map[string]any{"image_id": i.id})
	failure := spend(&c.traps.FailImage)
	c.work(j, func() { runJob(j) }, func() {
		if failure != nil {
			c.endJob(j, failure)
			return
		}
		if body.Format != "qcow2" {
			c.endJob(j, &Failure{"IMG.0092", "This stand-in exports qcow2 only."})
			return
		}
		data, err := c.export(i.content, i.minDisk)
		if err != nil {
			c.endJob(j, &Failure{"IMG.0092", err.Error()})
			return
		}
		b.put(file, data)
		c.endJob(j, nil)
	})
	return ok(object{"job_id": j.id})
}

func (c *Cloud) importImage(k *call) answer {
	var body struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		OS          string `json:"os_type"`
		URL         string `json:"image_url"`
		MinDisk     int    `json:"min_disk"`
	}
	if !k.read(&body) || k.token.project == nil {
		return imsFault("0029", "The request body is not valid.")
	}
	project := k.token.project.ID
	b, file := c.bucketFile(project, body.URL)
	switch {
	case body.Name == "" || len(body.Name) > 128:
		return imsFault("0027", "name is not valid.")
	case body.OS != "Linux" && body.OS != "Windows":
		return imsFault("0029", "os_type is not valid.")
	case body.MinDisk < leastDataDisk || body.MinDisk > mostDataDisk:
		return imsFault("0029", "min_disk must be 40 to 2048.")
	case b == nil || b.objects[file] == nil:
		return imsFault("0064", "The image file does not exist, or cannot be accessed.")
	}
	j := c.newJob(project, "ims", "imsImportDataImageJob", "image_id", map[string]any{})
	failure := spend(&c.traps.FailImage)
	c.work(j, func() { runJob(j) }, func() {
		if failure != nil {
			c.endJob(j, failure)
			return
		}
		content, size, err := c.take(b.objects[file].data)
		if err == nil && size > int64(body.MinDisk)<<30 {
			err = errFormat
		}
		if err != nil {
			c.endJob(j, &Failure{"IMG.0058", err.Error()})
			return
		}
		i := &image{id: c.newID(), projectID: project, name: body.Name, status: "active", format: "zvhd2", minDisk: body.MinDisk, content: content, createdAt: c.now()}
		c.images = append(c.images, i)
		j.entities["image_id"] = i.id
		c.endJob(j, nil)
	})
	return ok(object{"job_id": j.id})
}
