// Package otcfake is a fake of Huawei Cloud and Open Telekom Cloud in one process and with
// state: IAM, VBS, CBR, EVS, IMS and OBS.
//
// VBS is the Volume Backup Service, CBR Cloud Backup and Recovery, EVS the Elastic Volume
// Service with its job API, IMS the Image Management Service as far as it brings disks in and
// out, and OBS the Object Storage Service. The fake refuses what the clouds refuse, with their codes, and can
// misbehave as they do.
//
// Nothing proceeds by itself: [Cloud.Step] and [Cloud.Settle] advance jobs, backups,
// restores and deletes. With [Options.Auto] every read does.
//
//	/iam/v3   IAM, as Keystone v3
//	/vbs      VBS: v2 own and native, v3 native (otc), v1 jobs
//	/cbr      CBR: v3
//	/evs      EVS: v2 and v3 native, v2 and v2.1 (huawei) own, v1 jobs
//	/ims      IMS: v2 without files, v1 own, v1 jobs
//	/         OBS, for requests that are signed as those of S3
//
// Where the vendor's documents leave an answer open, the fake takes the one that a client
// is more likely to handle wrongly: names match by substring, a job's id shows late if a
// trap says so, and numbers come as strings.
package otcfake
