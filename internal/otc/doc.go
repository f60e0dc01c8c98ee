// Package otc is what drivers for Huawei Cloud and Open Telekom Cloud have in common:
// where their services are, requests in the caller's name, their errors as driver
// errors, their jobs, and the volumes of EVS, their Block Storage service.
//
// Both clouds run the same services; [Dialect] tells them apart where they differ.
// An API gateway stands before all of them and answers with errors of its own
// (APIGW.NNNN). All lives from the caller's token alone: when it ends, the caller is
// told so, and nothing logs in again.
//
//	what               request                                         answer
//	endpoints          GET  {identity}/auth/catalog                    or from the configuration
//	show a volume      GET  /v2/{project}/volumes/{id}
//	list volumes       GET  /v2/{project}/volumes/detail
//	volume of a backup POST /v2/{project}/cloudvolumes (otc)           a job, which is asked until there is a volume
//	                   POST /v2.1/{project}/cloudvolumes (huawei)      a job, and volume_ids, which are promises
//	quotas             GET  /v2/{project}/os-quota-sets/{project}
//	a job              GET  /v1/{project}/jobs/{id}
//	everything else    /v2/{project}/…                                 untouched, but for errors
//
// Volumes are spoken in v2, also for clients of v3: EVS recommends it, and what the
// two have in common is all that tools need around a backup. Answers say microversion
// 3.0 for that reason, whatever was asked. POST /volumes with backup_id, which clients
// have from 3.47, is cloudvolumes. sort of a list becomes sort_key and sort_dir, and
// /volumes/summary is added up.
//
// The services' answers differ from their references in small things: a member of an odd
// type costs itself, and an answer without what was asked for is an error.
package otc
