// Package otc holds what the drivers for Huawei Cloud and Open Telekom Cloud share:
// endpoints, requests, errors, jobs and the volumes of EVS.
//
// EVS is the clouds' Block Storage service. Both clouds run the same services; [Dialect]
// names the cloud where they differ. An API gateway stands in front of all services and
// answers with errors of its own (APIGW.NNNN). Every request uses the caller's token. When
// the token expires, the caller gets that error; nothing logs in again.
//
//	what               request                                         answer
//	endpoints          GET  {identity}/auth/catalog                    or from the configuration
//	show a volume      GET  /v2/{project}/volumes/{id}
//	list volumes       GET  /v2/{project}/volumes/detail
//	volume of a backup POST /v2/{project}/cloudvolumes (otc)           a job, polled until there is a volume
//	                   POST /v2.1/{project}/cloudvolumes (huawei)      a job, and ids of volumes that may not exist yet
//	quotas             GET  /v2/{project}/os-quota-sets/{project}
//	a job              GET  /v1/{project}/jobs/{id}
//	everything else    /v2/{project}/…                                 unchanged, except for errors
//
// Requests for volumes use v2, also for clients of v3. EVS recommends v2, and the members
// that v2 and v3 share are all that tools need around a backup. Answers therefore name
// microversion 3.0, whatever version the client asked for. POST /volumes with backup_id,
// which clients may send from 3.47, becomes cloudvolumes. The sort parameter of a list
// becomes sort_key and sort_dir. The package sums /volumes/summary itself.
//
// The services' answers differ from their references in small things. A member of an
// unexpected type keeps its zero value. An answer without the requested object is an error.
package otc
