package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"cindergate/internal/harness"
	"cindergate/internal/harness/clock"
	"cindergate/internal/otcfake"
	"cindergate/internal/sparse"
)

func fakeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "fake", Short: "Serve a stand-in for a cloud, to try drivers and tools on",
		Example: "  cindergate fake otc >cindergate.yaml",
	}
	otc := &cobra.Command{
		Use: "otc", Short: "Serve a stand-in for Open Telekom Cloud or Huawei Cloud: IAM, VBS, CBR, EVS, IMS and OBS", Args: cobra.NoArgs,
		Long: "Serve a stand-in for Open Telekom Cloud or Huawei Cloud: IAM, VBS, CBR, EVS, IMS and OBS in\n" +
			"memory, with a project that has a volume in a vault. Every read moves everything one step on.\n" +
			"It prints a configuration for a gateway in front of it, and in comments a clouds.yaml\n" +
			"with which openstack logs in at the stand-in and speaks to the gateway.",
		Example: "  cindergate fake otc >cindergate.yaml\n  cindergate fake otc --dialect huawei --listen 127.0.0.1:8791\n  cindergate fake otc --harness 127.0.0.1:8777 >cindergate.yaml",
	}
	address := otc.Flags().String("listen", "127.0.0.1:8790", "`address` to serve on")
	gateway := otc.Flags().String("gateway", "http://127.0.0.1:8776", "`URL` of the gateway, for the clouds.yaml that is printed")
	dialect := otc.Flags().String("dialect", otcfake.OTC, "`cloud` to stand in for: otc or huawei")
	disk := otc.Flags().String("disk", "", "`file` with the bytes of the volume; its size is that of the file, in whole GiB")
	control := otc.Flags().String("harness", "", "loopback `address` to serve the API of a harness on: clock, faults of answers, requests and reset")
	_ = otc.RegisterFlagCompletionFunc("dialect", cobra.FixedCompletions([]string{otcfake.OTC, otcfake.Huawei}, cobra.ShellCompDirectiveNoFileComp))
	otc.RunE = func(cmd *cobra.Command, _ []string) error {
		if *dialect != otcfake.OTC && *dialect != otcfake.Huawei {
			return usage(fmt.Errorf("--dialect: %q is none of %s, %s", *dialect, otcfake.OTC, otcfake.Huawei))
		}
		fake := &standIn{dialect: *dialect, disk: *disk, clock: clock.New(), seed: harness.NewSeed()}
		if err := fake.start(); err != nil {
			return fmt.Errorf("--disk: %w", err)
		}
		listener, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", *address)
		if err != nil {
			return err
		}
		explain := func() error {
			return explainFake(cmd.OutOrStdout(), *dialect, "http://"+listener.Addr().String(), strings.TrimRight(*gateway, "/"), fake.project, fake.volume, fake.vault)
		}
		if *control != "" {
			private, err := harness.Listen(cmd.Context(), *control)
			if err != nil {
				return errors.Join(usage(fmt.Errorf("--harness: %w", err)), listener.Close())
			}
			controlled := harness.NewControl(fake.clock, fake, fake.start)
			return serveControlled(cmd.Context(), controlled, controlled.API(), listener, private, func() error {
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "# export HARNESS_URL=http://%s%s\n", private.Addr(), harness.Prefix); err != nil {
					return err
				}
				return explain()
			})
		}
		if err := explain(); err != nil {
			return errors.Join(err, listener.Close())
		}
		return serveFake(cmd.Context(), listener, fake)
	}
	cmd.AddCommand(otc)
	return cmd
}

// fakeGrace limits how long open requests may take at shutdown.
const fakeGrace = 5 * time.Second

// standIn is a stand-in for a cloud that can begin anew, with the same ids.
type standIn struct {
	dialect, disk string
	clock         *clock.Clock
	seed          uint64
	cloud         atomic.Pointer[otcfake.Cloud]

	project       otcfake.Project
	volume, vault string
}

// start begins anew, with a project that has a volume in a vault.
func (s *standIn) start() error {
	cloud := otcfake.New(otcfake.Options{Dialect: s.dialect, Auto: true, Now: s.clock.Now, NewID: harness.IDs(s.seed)})
	s.project = cloud.AddProject("demo")
	var err error
	if s.volume, err = addDisk(cloud, s.project.ID, s.disk); err != nil {
		return err
	}
	s.vault = cloud.AddVault(s.project.ID, otcfake.Vault{Name: "demo", VolumeIDs: []string{s.volume}})
	s.cloud.Store(cloud)
	return nil
}

// ServeHTTP implements http.Handler.
func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.cloud.Load().ServeHTTP(w, r) }

// addDisk adds the volume data, with the bytes of a file; "": an empty one of 10 GiB.
func addDisk(cloud *otcfake.Cloud, project, file string) (id string, err error) {
	if file == "" {
		return cloud.AddVolume(project, otcfake.Volume{Name: "data", SizeGiB: 10}), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	const gib = 1 << 30
	size := st.Size()
	id = cloud.AddVolume(project, otcfake.Volume{Name: "data", SizeGiB: int((size + gib - 1) / gib)})
	p := make([]byte, 1<<20)
	for off := int64(0); off < size; {
		from, _ := sparse.NextData(f, off, size)
		if from >= size {
			break
		}
		n, err := f.ReadAt(p[:min(int64(len(p)), size-from)], from)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		cloud.WriteVolume(id, p[:n], from)
		off = from + int64(n)
	}
	return id, nil
}

// serveFake serves until ctx ends.
func serveFake(ctx context.Context, listener net.Listener, cloud http.Handler) error {
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

// explainFake prints how to use the stand-in at a URL.
func explainFake(out io.Writer, dialect, url, gateway string, p otcfake.Project, volume, vault string) error {
	_, err := fmt.Fprintf(out, fakeUsage, dialect, url, p.User, p.Password, p.Name, p.ID, p.Token, volume, vault,
		otcfake.ServiceUser, otcfake.ServicePassword, otcfake.ServiceProject, gateway)
	return err
}

// fakeUsage is YAML, so that it can serve as a gateway's configuration. It is not a
// text/template, because that would keep unused methods in the binary, a sixth of its size.
const fakeUsage = `# A stand-in for a cloud of dialect %[1]s serves %[2]s
#
#   %[2]s/iam/v3   user %[3]s, password %[4]s, project %[5]s, domain default
#   %[2]s/vbs, %[2]s/cbr, %[2]s/evs, %[2]s/ims, and OBS at %[2]s
#   project %[6]s, a token of it %[7]s
#   volume %[8]s (data), in vault %[9]s (demo)
#
# export OS_AUTH_URL=%[2]s/iam/v3 OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=eu-de OS_USERNAME=%[3]s \
#   OS_PASSWORD=%[4]s OS_PROJECT_NAME=%[5]s OS_USER_DOMAIN_ID=default OS_PROJECT_DOMAIN_ID=default
#
# A clouds.yaml for openstack, which logs in here and is told where the gateway is: what
# follows a colon. With all this in cindergate.yaml:
#     sed -n 's/^#: //p' cindergate.yaml >clouds.yaml; openstack --os-cloud fake volume list
#: clouds:
#:   fake:
#:     auth:
#:       auth_url: %[2]s/iam/v3
#:       username: %[3]s
#:       password: %[4]s
#:       project_name: %[5]s
#:       user_domain_id: default
#:       project_domain_id: default
#:     region_name: eu-de
#:     identity_api_version: "3"
#:     block_storage_endpoint_override: %[13]s/v3/%%(project_id)s
#:     volume_endpoint_override: %[13]s/v3/%%(project_id)s
#
# A gateway in front of it: this and one of
# backends: {cloud: {driver: cbr, cbr: {dialect: %[1]s, region: eu-de}}}
# backends: {cloud: {driver: vbs, vbs: {dialect: %[1]s, region: eu-de}}}
auth: keystone
keystone:
  url: %[2]s/iam/v3
  username: %[10]s
  password: %[11]s
  project: %[12]s
`
