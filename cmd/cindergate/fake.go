package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"text/template"
	"time"

	"github.com/spf13/cobra"

	"cindergate/driver/otcfake"
)

func fakeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "fake", Short: "Serve a stand-in for a cloud, to try drivers and tools on"}
	otc := &cobra.Command{
		Use: "otc", Short: "Serve a stand-in for Open Telekom Cloud or Huawei Cloud: IAM, VBS, CBR and EVS", Args: cobra.NoArgs,
		Long: "Serve a stand-in for Open Telekom Cloud or Huawei Cloud: IAM, VBS, CBR and EVS in memory,\n" +
			"with a project that has a volume in a vault. Every read moves everything one step on.",
	}
	address := otc.Flags().String("listen", "127.0.0.1:8790", "`address` to serve on")
	dialect := otc.Flags().String("dialect", otcfake.OTC, "`cloud` to stand in for: otc or huawei")
	otc.RunE = func(cmd *cobra.Command, _ []string) error {
		if *dialect != otcfake.OTC && *dialect != otcfake.Huawei {
			return fmt.Errorf("--dialect: %q is none of %s, %s", *dialect, otcfake.OTC, otcfake.Huawei)
		}
		listener, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", *address)
		if err != nil {
			return err
		}
		return serveFake(cmd.Context(), listener, *dialect, cmd.OutOrStdout())
	}
	cmd.AddCommand(otc)
	return cmd
}

// fakeGrace is how long requests that are being answered may take at the end.
const fakeGrace = 5 * time.Second

// serveFake serves until ctx ends, and says how to use it.
func serveFake(ctx context.Context, listener net.Listener, dialect string, out io.Writer) error {
	cloud := otcfake.New(otcfake.Options{Dialect: dialect, Auto: true})
	project := cloud.AddProject("demo")
	volume := cloud.AddVolume(project.ID, otcfake.Volume{Name: "data", SizeGiB: 10})
	vault := cloud.AddVault(project.ID, otcfake.Vault{Name: "demo", VolumeIDs: []string{volume}})
	if err := fakeUsage.Execute(out, map[string]any{
		"URL": "http://" + listener.Addr().String(), "Dialect": dialect, "Project": project, "Volume": volume, "Vault": vault,
		"ServiceUser": otcfake.ServiceUser, "ServicePassword": otcfake.ServicePassword, "ServiceProject": otcfake.ServiceProject,
	}); err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: cloud, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), fakeGrace)
	defer cancel()
	return server.Shutdown(grace)
}

// fakeUsage is YAML, so that it can be a gateway's configuration as it is.
var fakeUsage = template.Must(template.New("").Parse(`# A stand-in for a cloud of dialect {{.Dialect}} serves {{.URL}}
#
#   {{.URL}}/iam/v3   user {{.Project.User}}, password {{.Project.Password}}, project {{.Project.Name}}, domain default
#   {{.URL}}/vbs, {{.URL}}/cbr, {{.URL}}/evs
#   project {{.Project.ID}}, a token of it {{.Project.Token}}
#   volume {{.Volume}} (data), in vault {{.Vault}} (demo)
#
# export OS_AUTH_URL={{.URL}}/iam/v3 OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=eu-de OS_USERNAME={{.Project.User}} \
#   OS_PASSWORD={{.Project.Password}} OS_PROJECT_NAME={{.Project.Name}} OS_USER_DOMAIN_ID=default OS_PROJECT_DOMAIN_ID=default
#
# A gateway in front of it: this and one of
# backends: {cloud: {driver: cbr, cbr: {dialect: {{.Dialect}}, region: eu-de}}}
# backends: {cloud: {driver: vbs, vbs: {dialect: {{.Dialect}}, region: eu-de}}}
auth: keystone
keystone:
  url: {{.URL}}/iam/v3
  username: {{.ServiceUser}}
  password: {{.ServicePassword}}
  project: {{.ServiceProject}}
`))
