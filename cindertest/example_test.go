package cindertest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"

	"cindergate/cindertest"
)

// A test makes a cloud, and speaks to it with gophercloud.
func ExampleNew() {
	test := func(t testing.TB) {
		cloud := cindertest.New(t)
		client := cloud.BlockStorage()
		v, err := volumes.Create(t.Context(), client, volumes.CreateOpts{Size: 1}, nil).Extract()
		if err != nil {
			t.Fatal(err)
		}
		cloud.WriteVolume(v.ID, 0, []byte("data"))
		fmt.Println(string(cloud.ReadVolume(v.ID, 0, 4)))
	}
	run(test)
	// Output: data
}

// A backup is stuck until the test releases it. An hour passes in between.
func ExampleFault_Stick() {
	test := func(t testing.TB) {
		cloud := cindertest.New(t)
		client := cloud.BlockStorage()
		v, err := volumes.Create(t.Context(), client, volumes.CreateOpts{Size: 1}, nil).Extract()
		if err != nil {
			t.Fatal(err)
		}
		cloud.Faults.NextJob("backup").Stick()
		b, err := backups.Create(t.Context(), client, backups.CreateOpts{VolumeID: v.ID}).Extract()
		if err != nil {
			t.Fatal(err)
		}
		show := func() {
			b, err := backups.Get(t.Context(), client, b.ID).Extract()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println(cloud.Clock.Now().Format(time.TimeOnly), b.Status)
		}
		cloud.Clock.Advance(time.Hour)
		show()
		cloud.Release(b.ID)
		cloud.Settle()
		show()
	}
	run(test)
	// Output:
	// 01:00:00 creating
	// 01:00:00 available
}

// The next request to make a backup is answered with 503, and recorded.
func ExampleFaults_Next() {
	test := func(t testing.TB) {
		cloud := cindertest.New(t)
		cloud.Faults.Next("POST /backups").Fail(503)
		_, err := backups.Create(t.Context(), cloud.BlockStorage(), backups.CreateOpts{VolumeID: "x"}).Extract()
		fmt.Println(err != nil)
		for _, asked := range cloud.Requests(cindertest.Filter{Route: "/backups"}) {
			fmt.Println(asked.Method, asked.Route, asked.Status)
		}
	}
	run(test)
	// Output:
	// true
	// POST /backups 503
}

// A state is saved and comes back, with the clock.
func ExampleCloud_Restore() {
	test := func(t testing.TB) {
		cloud := cindertest.New(t)
		cloud.Save("empty")
		if _, err := volumes.Create(t.Context(), cloud.BlockStorage(), volumes.CreateOpts{Size: 1}, nil).Extract(); err != nil {
			t.Fatal(err)
		}
		cloud.Clock.Advance(48 * time.Hour)
		cloud.Restore("empty")
		pages, err := volumes.List(cloud.BlockStorage(), nil).AllPages(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		left, err := volumes.ExtractVolumes(pages)
		fmt.Println(len(left), err, cloud.Clock.Now().Format(time.DateOnly))
	}
	run(test)
	// Output: 0 <nil> 2026-01-01
}

// run runs the test of an example, as package testing does.
func run(test func(testing.TB)) {
	t := &example{}
	test(t)
	for _, end := range slices.Backward(t.ends) {
		end()
	}
}

// example is a test whose failures end the process.
type example struct {
	testing.TB
	ends []func()
}

func (*example) Helper()                      {}
func (*example) Context() context.Context     { return context.Background() }
func (e *example) Cleanup(end func())         { e.ends = append(e.ends, end) }
func (*example) Fatal(args ...any)            { panic(fmt.Sprint(args...)) }
func (*example) Fatalf(form string, a ...any) { panic(fmt.Sprintf(form, a...)) }
func (*example) Errorf(form string, a ...any) { panic(fmt.Sprintf(form, a...)) }
