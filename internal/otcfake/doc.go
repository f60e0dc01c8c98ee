// Package otcfake is a stand-in for Huawei Cloud and Open Telekom Cloud: IAM, Volume
// Backup Service (VBS), Cloud Backup and Recovery (CBR) and Elastic Volume Service
// (EVS) with its job API, and the few answers of the Image Management Service (IMS) that
// clients insist on, in one process and with state. It refuses what the clouds
// refuse, with their codes, and can be told to misbehave as they do.
//
// Nothing happens by itself: [Cloud.Step] and [Cloud.Settle] let jobs, backups,
// restores and deletes go on, or every read does with [Options.Auto].
//
//	/iam/v3   IAM, as Keystone v3
//	/vbs      VBS: v2 own and native, v3 native (otc), v1 jobs
//	/cbr      CBR: v3
//	/evs      EVS: v2 and v3 native, v2 and v2.1 (huawei) own, v1 jobs
//	/ims      IMS: v2, without images
//
// Where the vendor's documents leave an answer open, the fake takes the one that a
// client gets wrong more easily: names match by part, a job's id shows late if asked
// to, numbers come as text.
package otcfake
