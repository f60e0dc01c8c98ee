package translate

import (
	"context"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of transfers (cinder/policies/volume_transfer.py).
var (
	transferCreate = Policy{"volume:create_transfer", driver.Member}
	transferAccept = Policy{"volume:accept_transfer", driver.Member}
	transferDelete = Policy{"volume:delete_transfer", driver.Member}
)

// Bodies of transfer requests (cinder/api/schemas/volume_transfer.py).
var (
	createTransferV30 = schema.Members(
		schema.Property{Name: "volume_id", Schema: schema.UUID},
		schema.Property{Name: "name", Schema: schema.Schema{OneOf: []schema.Schema{schema.Name, {Types: []string{"null"}}}}},
	).Require("volume_id")
	createTransferV355   = createTransferV30.With(schema.Property{Name: "no_snapshots", Schema: schema.Boolean})
	createTransferBodies = []gated{
		{driver.MVTransfers, schema.Body("transfer", createTransferV355)},
		{0, schema.Body("transfer", createTransferV30)},
	}
	acceptTransferBody = schema.Body("accept", schema.Members(
		schema.Property{Name: "auth_key", Schema: schema.Schema{Types: []string{"string", "integer"}}},
	).Require("auth_key"))
)

var transferListing = &listing{
	columns: columnNames(driver.TransferColumns), sortByName: never, notFound: driver.TransferNotFound,
	filters: &filterRules{columns: displayName, allTenants: lenientAllTenants},
}

func (t *Translator) transfers() (driver.TransferManager, error) {
	return Capability[driver.TransferManager](t.driver, "volume transfers")
}

// transferView is a transfer on the wire, in Cinder's order of members
// (cinder/api/views/transfers.py).
type transferView struct {
	ID        string     `json:"id"`
	CreatedAt *timestamp `json:"created_at,omitempty"`
	Name      *string    `json:"name"`
	VolumeID  string     `json:"volume_id"`
	AuthKey   string     `json:"auth_key,omitempty"`
	Links     []link     `json:"links"`

	NoSnapshots *bool `json:"no_snapshots,omitempty"`
	*transferHistory
}

// transferHistory says where the volume went. An accepted transfer no longer exists here,
// so Destination is always null and Accepted always false.
type transferHistory struct {
	Destination *string `json:"destination_project_id"`
	Source      string  `json:"source_project_id"`
	Accepted    bool    `json:"accepted"`
}

func (r Request) transferSummary(t *driver.Transfer) transferView {
	return transferView{ID: t.ID, VolumeID: t.VolumeID, Name: t.Name, Links: r.links("os-volume-transfer", t.ID)}
}

func (r Request) transferDetail(t *driver.Transfer) transferView {
	v := r.transferSummary(t)
	created := timestamp(t.CreatedAt)
	v.CreatedAt = &created
	if r.Version.AtLeast(driver.MVTransfers) {
		v.NoSnapshots = &t.NoSnapshots
	}
	if r.Version.AtLeast(driver.MVTransferHistory) {
		v.transferHistory = &transferHistory{Source: t.SourceProjectID}
	}
	return v
}

// ListTransfers serves GET /os-volume-transfer, oldest first.
func (t *Translator) ListTransfers(ctx context.Context, r Request) (Response, error) {
	return t.listTransfers(ctx, r, false, r.transferSummary)
}

// ListTransfersDetail serves GET /os-volume-transfer/detail.
func (t *Translator) ListTransfersDetail(ctx context.Context, r Request) (Response, error) {
	return t.listTransfers(ctx, r, false, r.transferDetail)
}

// ListVolumeTransfers serves GET /volume-transfers. From 3.59 on, clients may sort it.
func (t *Translator) ListVolumeTransfers(ctx context.Context, r Request) (Response, error) {
	return t.listTransfers(ctx, r, true, r.transferSummary)
}

// ListVolumeTransfersDetail serves GET /volume-transfers/detail.
func (t *Translator) ListVolumeTransfersDetail(ctx context.Context, r Request) (Response, error) {
	return t.listTransfers(ctx, r, true, r.transferDetail)
}

func (t *Translator) listTransfers(ctx context.Context, r Request, sortable bool, view func(*driver.Transfer) transferView) (Response, error) {
	transfers, err := t.transfers()
	if err != nil {
		return Response{}, err
	}
	p, err := transferListing.list(r)
	if err != nil {
		return Response{}, err
	}
	if !sortable || !r.Version.AtLeast(driver.MVTransferPages) {
		p.Sort = []driver.SortKey{{Column: "created_at"}, {Column: "id"}}
	}
	found, err := transfers.ListTransfers(ctx, r.Caller, p.Query)
	if err != nil {
		return Response{}, err
	}
	id := func(t *driver.Transfer) string { return t.ID }
	return list(r, p, "transfers", "os-volume-transfer", found.Items, found.Count, id, view)
}

// ShowTransfer serves GET /os-volume-transfer/{id}.
func (t *Translator) ShowTransfer(ctx context.Context, r Request) (Response, error) {
	transfers, err := t.transfers()
	if err != nil {
		return Response{}, err
	}
	found, err := transfers.GetTransfer(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("transfer", r.transferDetail(&found)))
}

// CreateTransfer serves POST /os-volume-transfer. No other answer shows the auth key.
func (t *Translator) CreateTransfer(ctx context.Context, r Request) (Response, error) {
	transfers, err := t.transfers()
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "transfer", at(createTransferBodies, r.Version))
	if err != nil {
		return Response{}, err
	}
	volumeID := body.Text("volume_id")
	if err := r.allowOn(transferCreate, func() error { return t.volumeExists(ctx, r, volumeID) }); err != nil {
		return Response{}, err
	}
	made, key, err := transfers.CreateTransfer(ctx, r.Caller, driver.TransferSpec{
		VolumeID: volumeID, Name: optionalText(body, "name").Value, NoSnapshots: body.Flag("no_snapshots"),
	})
	if err != nil {
		return Response{}, err
	}
	view := r.transferDetail(&made)
	view.AuthKey = key
	return accepted(envelope("transfer", view))
}

// AcceptTransfer serves POST /os-volume-transfer/{id}/accept.
func (t *Translator) AcceptTransfer(ctx context.Context, r Request) (Response, error) {
	transfers, err := t.transfers()
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "accept", acceptTransferBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(transferAccept); err != nil {
		return Response{}, err
	}
	key, _ := body.Get("auth_key")
	done, err := transfers.AcceptTransfer(ctx, r.Caller, r.ID, schema.Str(key))
	if err != nil {
		return Response{}, err
	}
	return accepted(envelope("transfer", r.transferSummary(&done)))
}

// DeleteTransfer serves DELETE /os-volume-transfer/{id}.
func (t *Translator) DeleteTransfer(ctx context.Context, r Request) (Response, error) {
	transfers, err := t.transfers()
	if err != nil {
		return Response{}, err
	}
	exists := func() error {
		_, err := transfers.GetTransfer(ctx, r.Caller, r.ID)
		return err
	}
	if err := r.allowOn(transferDelete, exists); err != nil {
		return Response{}, err
	}
	return finish(transfers.DeleteTransfer(ctx, r.Caller, r.ID))
}
