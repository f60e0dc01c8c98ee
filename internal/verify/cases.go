package verify

import (
	"net/http"
	"sync"
)

// Cases returns all cases, in the order in which they run.
var Cases = sync.OnceValue(func() []*Case {
	var all []*Case
	for _, file := range [][]Case{
		discoveryCases, microversionCases, faultCases, surroundingCases,
		listCases, filterCases, sortCases, pageCases,
		createCases, showCases, updateCases, restoreCases, volumeFromBackupCases, deleteCases,
		quotaCases, volumeCases, snapshotCases, tenancyCases, v2Cases, nativeCases,
		actionCases, recordCases, adminCases, dataCases,
	} {
		for i := range file {
			all = append(all, &file[i])
		}
	}
	return all
})

// refuses is the Run of a case whose request is answered with a fault.
func refuses(method, path string, body any, status int, words ...string) func(*X) {
	return func(x *X) { x.call(method, path, body).fault(status, words...) }
}

// refusesGet is [refuses] for what is read.
func refusesGet(path string, status int, words ...string) func(*X) {
	return refuses(http.MethodGet, path, nil, status, words...)
}
