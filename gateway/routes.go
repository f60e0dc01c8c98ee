package gateway

import (
	"net/http"
	"regexp"

	"github.com/labstack/echo/v4"

	"cindergate/driver"
	"cindergate/translate"
)

// routes are what all backends share. What is below /v2 and /v3 goes to the
// backend of the caller's project.
func (s *Server) routes() {
	e := s.echo
	e.Any("/", s.allVersions)
	e.GET("/healthcheck", s.healthcheck)
	e.GET("/healthz", s.healthz)
	e.GET("/metrics", echo.WrapHandler(s.Metrics.handler()))
	for prefix, handler := range s.Mounts {
		e.Any(prefix, echo.WrapHandler(handler))
		e.Any(prefix+"/*", echo.WrapHandler(handler))
	}
	for prefix, v := range map[string]translate.Version{"/v2": translate.V2, "/v3": translate.V3} {
		e.Any(prefix, s.dispatch, speaks(v), s.authenticate)
		e.Any(prefix+"/*", s.dispatch, speaks(v), s.authenticate)
	}
	if s.VBS {
		for _, path := range vbsPaths {
			e.Any(path, s.dispatch, speaksVBS, s.authenticate)
		}
	}
}

// backendRoutes are the API of one backend: all of it, or, where the backend has a
// Block Storage API of its own, just the backups.
func (s *Server) backendRoutes(b *backend) {
	passthrough, forwards := b.driver.(driver.Passthrough)
	for _, prefix := range []string{"/v2", "/v3"} {
		b.api.GET(prefix, s.addSlash)
		b.api.GET(prefix+"/", s.ownVersion(b))
		api := b.api.Group(prefix)
		unknown := s.unknownProject
		if forwards && prefix == "/v3" {
			unknown = s.forward(passthrough) // the first segment is a resource: the project is the token's
		}
		groups := []*echo.Group{api.Group("/:project_id", onlyProjects(unknown))}
		if prefix == "/v3" {
			groups = append(groups, api) // v2 wants the project
		}
		for _, g := range groups {
			s.backups(g, b)
			if forwards {
				s.readQuotas(g, b)
				s.summary(g, b)
				g.Any("/*", s.forward(passthrough))
				continue
			}
			s.resources(g, b)
			if prefix == "/v3" {
				s.defaultTypes(g, b)
			}
		}
	}
}

func (s *Server) backups(g *echo.Group, b *backend) {
	t := b.translator
	do := func(op translate.Operation) echo.HandlerFunc { return s.handle(b, op) }

	g.GET("/backups", do(t.ListBackups))
	g.POST("/backups", do(t.CreateBackup))
	g.GET("/backups/detail", do(t.ListBackupsDetail))
	g.POST("/backups/import_record", do(t.ImportRecord))
	g.GET("/backups/:id", do(t.ShowBackup))
	g.PUT("/backups/:id", do(t.UpdateBackup))
	g.DELETE("/backups/:id", do(t.DeleteBackup))
	g.POST("/backups/:id/restore", do(t.RestoreBackup))
	g.POST("/backups/:id/action", do(t.ActOnBackup))
	g.GET("/backups/:id/export_record", do(t.ExportRecord))
	g.POST("/backups/:id/import_record", do(t.ImportRecord))
}

// readQuotas are the routes of quotas where the backend forwards the rest but tells of
// quotas in other ways than Cinder does.
func (s *Server) readQuotas(g *echo.Group, b *backend) {
	if _, reads := b.driver.(driver.QuotaReader); reads {
		g.GET("/limits", s.handle(b, b.translator.ShowLimits))
		g.GET("/os-quota-sets/:id", s.handle(b, b.translator.ShowQuotas))
	}
}

// summary is the route of summed up volumes where the backend forwards the rest but has
// none.
func (s *Server) summary(g *echo.Group, b *backend) {
	if _, sums := b.driver.(driver.VolumeSummarizer); sums {
		g.GET("/volumes/summary", s.handle(b, b.translator.SummarizeVolumes))
	}
}

// resources are the other routes below /v2/{project_id}, /v3/{project_id} and /v3.
func (s *Server) resources(g *echo.Group, b *backend) {
	t := b.translator
	do := func(op translate.Operation) echo.HandlerFunc { return s.handle(b, op) }

	g.GET("/volumes", do(t.ListVolumes))
	g.POST("/volumes", do(t.CreateVolume))
	g.GET("/volumes/detail", do(t.ListVolumesDetail))
	g.GET("/volumes/summary", do(t.SummarizeVolumes))
	g.GET("/volumes/:id", do(t.ShowVolume))
	g.PUT("/volumes/:id", do(t.UpdateVolume))
	g.DELETE("/volumes/:id", do(t.DeleteVolume))
	g.POST("/volumes/:id/action", do(t.ActOnVolume))
	g.GET("/volumes/:id/encryption", do(t.ShowVolumeEncryption))
	g.GET("/volumes/:id/encryption/:key", do(t.ShowVolumeEncryption))
	metadata(g, "/volumes/:id/metadata", t.VolumeMetadata(), do)

	g.GET("/snapshots", do(t.ListSnapshots))
	g.POST("/snapshots", do(t.CreateSnapshot))
	g.GET("/snapshots/detail", do(t.ListSnapshotsDetail))
	g.GET("/snapshots/:id", do(t.ShowSnapshot))
	g.PUT("/snapshots/:id", do(t.UpdateSnapshot))
	g.DELETE("/snapshots/:id", do(t.DeleteSnapshot))
	g.POST("/snapshots/:id/action", do(t.ActOnSnapshot))
	metadata(g, "/snapshots/:id/metadata", t.SnapshotMetadata(), do)

	g.GET("/types", do(t.ListTypes))
	g.POST("/types", do(t.CreateType))
	g.GET("/types/:id", do(t.ShowType))
	g.PUT("/types/:id", do(t.UpdateType))
	g.DELETE("/types/:id", do(t.DeleteType))
	g.POST("/types/:id/action", do(t.ActOnType))
	g.GET("/types/:id/encryption", do(t.ShowTypeEncryption))
	g.POST("/types/:id/encryption", do(t.CreateTypeEncryption))
	g.GET("/types/:id/encryption/:key", do(t.ShowTypeEncryptionMember))
	g.PUT("/types/:id/encryption/:key", do(t.UpdateTypeEncryption))
	g.DELETE("/types/:id/encryption/:key", do(t.DeleteTypeEncryption))
	g.GET("/types/:id/os-volume-type-access", do(t.ListTypeAccess))
	g.GET("/types/:id/extra_specs", do(t.ListExtraSpecs))
	g.POST("/types/:id/extra_specs", do(t.AddExtraSpecs))
	g.GET("/types/:id/extra_specs/:key", do(t.ShowExtraSpec))
	g.PUT("/types/:id/extra_specs/:key", do(t.SetExtraSpec))
	g.DELETE("/types/:id/extra_specs/:key", do(t.DeleteExtraSpec))

	g.GET("/qos-specs", do(t.ListQoSSpecs))
	g.POST("/qos-specs", do(t.CreateQoSSpecs))
	g.GET("/qos-specs/:id", do(t.ShowQoSSpecs))
	g.PUT("/qos-specs/:id", do(t.UpdateQoSSpecs))
	g.DELETE("/qos-specs/:id", do(t.DeleteQoSSpecs))
	g.PUT("/qos-specs/:id/delete_keys", do(t.DeleteQoSKeys))
	g.GET("/qos-specs/:id/associations", do(t.ListQoSAssociations))
	g.GET("/qos-specs/:id/associate", do(t.AssociateQoSSpecs))
	g.GET("/qos-specs/:id/disassociate", do(t.DisassociateQoSSpecs))
	g.GET("/qos-specs/:id/disassociate_all", do(t.DisassociateAllQoSSpecs))

	g.GET("/attachments", do(t.ListAttachments))
	g.POST("/attachments", do(t.CreateAttachment))
	g.GET("/attachments/detail", do(t.ListAttachmentsDetail))
	g.GET("/attachments/:id", do(t.ShowAttachment))
	g.PUT("/attachments/:id", do(t.UpdateAttachment))
	g.DELETE("/attachments/:id", do(t.DeleteAttachment))
	g.POST("/attachments/:id/action", do(t.ActOnAttachment))

	g.GET("/group_types", do(t.ListGroupTypes))
	g.POST("/group_types", do(t.CreateGroupType))
	g.GET("/group_types/:id", do(t.ShowGroupType))
	g.PUT("/group_types/:id", do(t.UpdateGroupType))
	g.DELETE("/group_types/:id", do(t.DeleteGroupType))
	g.GET("/group_types/:id/group_specs", do(t.ListGroupSpecs))
	g.POST("/group_types/:id/group_specs", do(t.AddGroupSpecs))
	g.GET("/group_types/:id/group_specs/:key", do(t.ShowGroupSpec))
	g.PUT("/group_types/:id/group_specs/:key", do(t.SetGroupSpec))
	g.DELETE("/group_types/:id/group_specs/:key", do(t.DeleteGroupSpec))

	g.GET("/groups", do(t.ListGroups))
	g.POST("/groups", do(t.CreateGroup))
	g.GET("/groups/detail", do(t.ListGroupsDetail))
	g.POST("/groups/action", do(t.ActOnGroups))
	g.GET("/groups/:id", do(t.ShowGroup))
	g.PUT("/groups/:id", do(t.UpdateGroup))
	g.POST("/groups/:id/action", do(t.ActOnGroup))

	g.GET("/group_snapshots", do(t.ListGroupSnapshots))
	g.POST("/group_snapshots", do(t.CreateGroupSnapshot))
	g.GET("/group_snapshots/detail", do(t.ListGroupSnapshotsDetail))
	g.GET("/group_snapshots/:id", do(t.ShowGroupSnapshot))
	g.DELETE("/group_snapshots/:id", do(t.DeleteGroupSnapshot))
	g.POST("/group_snapshots/:id/action", do(t.ActOnGroupSnapshot))

	g.GET("/os-volume-transfer", do(t.ListTransfers))
	g.GET("/os-volume-transfer/detail", do(t.ListTransfersDetail))
	g.GET("/volume-transfers", do(t.ListVolumeTransfers))
	g.GET("/volume-transfers/detail", do(t.ListVolumeTransfersDetail))
	transfers(g, "/os-volume-transfer", t, do)
	transfers(g, "/volume-transfers", t, do)

	g.GET("/limits", do(t.ShowLimits))
	g.GET("/os-quota-sets/:id", do(t.ShowQuotas))
	g.PUT("/os-quota-sets/:id", do(t.UpdateQuotas))
	g.DELETE("/os-quota-sets/:id", do(t.ResetQuotas))
	g.GET("/os-quota-sets/:id/defaults", do(t.DefaultQuotas))
	g.GET("/os-quota-class-sets/:id", do(t.ShowQuotaClass))
	g.PUT("/os-quota-class-sets/:id", do(t.UpdateQuotaClass))

	g.GET("/messages", do(t.ListMessages))
	g.GET("/messages/:id", do(t.ShowMessage))
	g.DELETE("/messages/:id", do(t.DeleteMessage))

	g.GET("/os-services", do(t.ListServices))
	g.PUT("/os-services/:id", do(t.UpdateService))
	g.GET("/os-hosts", do(t.ListHosts))
	g.GET("/os-hosts/:id", do(t.ShowHost))
	g.GET("/os-availability-zone", do(t.ListAvailabilityZones))
	g.GET("/scheduler-stats/get_pools", do(t.ListPools))
	g.GET("/capabilities/:id", do(t.ShowCapabilities))
	g.GET("/extensions", do(translate.ListExtensions))
	g.GET("/extensions/:id", do(translate.ShowExtension))
	g.GET("/resource_filters", do(translate.ListResourceFilters))
	for path, list := range translate.EmptyLists {
		g.GET(path, do(list))
	}
}

func transfers(g *echo.Group, path string, t *translate.Translator, do func(translate.Operation) echo.HandlerFunc) {
	g.POST(path, do(t.CreateTransfer))
	g.GET(path+"/:id", do(t.ShowTransfer))
	g.DELETE(path+"/:id", do(t.DeleteTransfer))
	g.POST(path+"/:id/accept", do(t.AcceptTransfer))
}

// defaultTypes are below /v3 only, with or without a project.
func (s *Server) defaultTypes(g *echo.Group, b *backend) {
	t := b.translator
	do := func(op translate.Operation) echo.HandlerFunc { return s.handle(b, op) }
	g.GET("/default-types", do(t.ListDefaultTypes))
	g.GET("/default-types/:id", do(t.ShowDefaultType))
	g.PUT("/default-types/:id", do(t.SetDefaultType))
	g.DELETE("/default-types/:id", do(t.UnsetDefaultType))
}

func metadata(g *echo.Group, path string, m translate.MetadataOperations, do func(translate.Operation) echo.HandlerFunc) {
	g.GET(path, do(m.List))
	g.POST(path, do(m.Add))
	g.PUT(path, do(m.Replace))
	g.GET(path+"/:key", do(m.Show))
	g.PUT(path+"/:key", do(m.Set))
	g.DELETE(path+"/:key", do(m.Remove))
}

// speaks notes the API of a path.
func speaks(v translate.Version) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			callOf(c).api = v
			return next(c)
		}
	}
}

// projectID is what Cinder's routes take for a project (cinder/api/openstack/__init__.py).
var projectID = regexp.MustCompile(`^[0-9a-f-]+$`)

// unknownProject answers where a path begins with neither a resource nor an id of a
// project. With noauth the project is what somebody has made up: the answer says what
// it may look like.
func (s *Server) unknownProject(c echo.Context) error {
	if _, open := s.Auth.(NoAuth); !open {
		return errNoRoute
	}
	return driver.Errorf(driver.NotFound, "The resource could not be found: %q is neither a resource nor the id of a project, "+
		"which has only the characters 0-9, a-f and -.", c.Param("project_id"))
}

// onlyProjects hands a request whose project is none to otherwise.
func onlyProjects(otherwise echo.HandlerFunc) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !projectID.MatchString(c.Param("project_id")) {
				return otherwise(c)
			}
			return next(c)
		}
	}
}

var _ http.Handler = (*Server)(nil)
