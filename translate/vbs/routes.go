package vbs

import (
	"context"
	"net/http"
	"slices"

	"cindergate/translate"
)

// Route is one operation of the service's API, as data; see [translate.Route].
type Route struct {
	Method string
	// Path is the whole path. The segment :id becomes the request's ID.
	Path      string
	Operation string
	// Policy is the policy that the caller must meet; zero: any role may.
	Policy translate.Policy

	serve func(*Service, context.Context, translate.Request) (translate.Response, error)
}

// Of returns the operation for one backend.
func (r *Route) Of(s *Service) translate.Operation {
	return func(ctx context.Context, q translate.Request) (translate.Response, error) { return r.serve(s, ctx, q) }
}

// Routes returns every route of the service's API.
func Routes() []Route { return slices.Clone(routes) }

var routes = []Route{
	{http.MethodGet, "/v1/:project_id/jobs/:id", "ShowJob", translate.Policy{}, (*Service).ShowJob},
	{http.MethodPost, "/v2/:project_id/cloudbackups", "CreateBackup", translate.BackupCreate, (*Service).CreateBackup},
	{http.MethodGet, "/v2/:project_id/cloudbackups/quota", "ShowQuota", translate.Policy{}, (*Service).ShowQuota},
	{http.MethodPost, "/v2/:project_id/cloudbackups/:id", "DeleteBackup", translate.BackupDelete, (*Service).DeleteBackup},
	{http.MethodPost, "/v2/:project_id/cloudbackups/:id/restore", "RestoreBackup", translate.BackupRestore, (*Service).RestoreBackup},
}
