package otcfake

import (
	"net/http"
	"slices"
	"strings"
)

// Code is one of the clouds' error codes.
type Code struct {
	Service string // vbs, cbr, evs, or apigw: the API gateway in front of all
	Code    string
	// Status is the HTTP status. For VBS's codes it is not documented, only likely.
	Status int
	Text   string
	// Want is the status that a client of the Block Storage API must get; 0 if it depends
	// on the request.
	Want int
}

// Codes returns all known error codes.
func Codes() []Code { return slices.Clone(codes) }

// codeRow is a row of the tables. The numbers in one row have the same meaning.
type codeRow struct {
	numbers      string
	status, want int
	text         string
}

var codes = slices.Concat(
	expand("vbs", "common.", commonCodes), expand("vbs", "VolumeBackup.", volumeBackupCodes), expand("vbs", "AutoBackup.", autoBackupCodes),
	expand("cbr", "BackupService.", backupServiceCodes),
	expand("evs", "EVS.", evsCodes), expand("evs", "Common.", evsCommonCodes),
	expand("apigw", "APIGW.", gatewayCodes),
)

func expand(service, prefix string, rows []codeRow) []Code {
	var all []Code
	for _, row := range rows {
		for number := range strings.FieldsSeq(row.numbers) {
			all = append(all, Code{service, prefix + number, row.status, row.text, row.want})
		}
	}
	return all
}

// code finds a code. If the code has several statuses, it returns the first.
func code(name string) Code {
	at := slices.IndexFunc(codes, func(c Code) bool { return c.Code == name })
	if at < 0 {
		panic("otcfake: no code " + name)
	}
	return codes[at]
}

const (
	badRequest = http.StatusBadRequest
	notFound   = http.StatusNotFound
	tooMuch    = http.StatusRequestEntityTooLarge
	broken     = http.StatusInternalServerError
	forbidden  = http.StatusForbidden
	noToken    = http.StatusUnauthorized
	away       = http.StatusServiceUnavailable
)

var commonCodes = []codeRow{{"0011", badRequest, 0, "The job cannot be queried."}}

var volumeBackupCodes = []codeRow{
	{"0002", badRequest, badRequest, "The request has the wrong format."},
	{"0003", badRequest, badRequest, "The name of the backup is too long."},
	{"0004", badRequest, badRequest, "The name of the backup has characters that are not allowed."},
	{"0005", badRequest, badRequest, "The name of the backup begins with auto."},
	{"0006", badRequest, badRequest, "The description is too long or has characters that are not allowed."},
	{"0007", badRequest, badRequest, "The name of the backup is empty."},
	{"0008 0009", forbidden, forbidden, "The permission or key cannot be obtained."},
	{"0010", badRequest, badRequest, "volume_id is empty."},
	{"0011", badRequest, badRequest, "volume_id has the wrong form."},
	{"0012", badRequest, badRequest, "The disk is neither available nor in use."},
	{"0013", badRequest, badRequest, "The disk's previous backup still runs."},
	{"0014 0100", broken, broken, "The task could not be submitted."},
	{"0017 0018 0019 0020 0022 0023 0024 0025 0037 0038 0062 0063", broken, broken, "A step with the snapshot or the temporary disk failed."},
	{"0021", notFound, notFound, "The disk does not exist or was deleted."},
	{"0026", badRequest, badRequest, "The name of the backup is too short."},
	{"0027 0028 0029 0030 0039 0064", broken, broken, "The backup failed."},
	{"0035 0036 0043 0070", broken, broken, "Disks, backups or quotas could not be queried."},
	{"0040", badRequest, tooMuch, "The disk has as many backups as it may have."},
	{"0041 0042 0044", forbidden, forbidden, "The user has no right to do this."},
	{"0049", badRequest, badRequest, "A tag is not valid."},
	{"0050", badRequest, badRequest, "There are too many tags."},
	{"0053", badRequest, badRequest, "DESS disks cannot be backed up."},
	{"0071 0072 0073 0074 0075 0076 0082 0083", badRequest, tooMuch, "The quota of disks or their capacity is used up."},
	{"0077 0078 0079 0084", badRequest, tooMuch, "The quota of snapshots is used up."},
	{"0080", badRequest, tooMuch, "The quota of backups is used up."},
	{"0081", badRequest, tooMuch, "The quota of backup capacity is used up."},
	{"0089", badRequest, badRequest, "The backup is not available."},
	{"0101 0102 0109 0125", broken, broken, "A step of the delete failed."},
	{"0103 0104 0123", broken, broken, "What is to be deleted could not be queried."},
	{"0110", broken, 0, "The backup that is to be deleted could not be queried."},
	{"0105", badRequest, badRequest, "The delete request is not valid."},
	{"0111 0207", notFound, notFound, "The disk or backup for the restore does not exist."},
	{"0113", badRequest, badRequest, "An image was made of the backup."},
	{"0200 0201", broken, broken, "The restore failed."},
	{"0202 0205", badRequest, badRequest, "The disk is not available."},
	{"0203", badRequest, badRequest, "The backup's id is not valid."},
	{"0204", badRequest, badRequest, "The disk's id is not valid."},
	{"0206", badRequest, badRequest, "The disk is being backed up."},
	{"0208 0210", badRequest, badRequest, "The restore request is not valid."},
	{"0209", badRequest, badRequest, "The disk is smaller than the backup."},
	{"0211", badRequest, badRequest, "The disk is of a disaster recovery site."},
	{"0900", away, away, "The service is not available."},
}

var autoBackupCodes = []codeRow{
	{"0002", noToken, noToken, "The token is empty."},
	{"0003", noToken, noToken, "The token has expired."},
	{"0213", forbidden, forbidden, "The policy is not authorised."},
	{"0217", badRequest, tooMuch, "The quota of snapshots is used up."},
	{"0218", badRequest, tooMuch, "The quota of backups is used up."},
}

var backupServiceCodes = []codeRow{
	{"0001", badRequest, badRequest, "There is nothing to back up."},
	{"0002", broken, badRequest, "The resources are being backed up."},
	{"1005 1006", broken, broken, "An internal step failed."},
	{"1011 1012", badRequest, badRequest, "The backup cannot be replicated."},
	{"2001", badRequest, badRequest, "The disk is smaller than the backup."},
	{"2002", badRequest, badRequest, "The resource is being backed up."},
	{"2010", badRequest, badRequest, "The resource is being restored."},
	{"2003 2007 2008 2014 2015", badRequest, badRequest, "The server cannot be restored."},
	{"2005", badRequest, badRequest, "The backup's status does not allow a restore."},
	{"2009", badRequest, badRequest, "The disk's type does not allow a restore."},
	{"2011", badRequest, badRequest, "The disk's status does not allow a restore."},
	{"2012 2013", badRequest, badRequest, "The backup cannot be restored to this disk."},
	{"4001", notFound, notFound, "The migration does not exist."},
	{"4004 4005 4006 4007", broken, broken, "The migration failed."},
	{"6000 6002", notFound, notFound, "The policy does not exist."},
	{"6001 6003", badRequest, badRequest, "The policy is beyond a limit."},
	{"6100 6133 6142 7303", badRequest, tooMuch, "The vault or the number of vaults is at its limit."},
	{"6101 6102 6104 6106 6107 6108 6109 6110 6111 6116 6117 6121 6123 6126 6127 6136", badRequest, badRequest, "A parameter or the state of the vault does not allow this."},
	{"6103 7006", badRequest, badRequest, "The resource is bound to a vault already."},
	// An operator chose the vault, not the client.
	{"6105", notFound, away, "The vault does not exist."},
	{"6112 6113 6124 6202", badRequest, badRequest, "The vault's status or type allows no backup or restore."},
	{"6114", badRequest, tooMuch, "The vault's capacity is used up."},
	{"6125 6203", badRequest, badRequest, "A backup of the resource is running."},
	{"6118 6119 6120 6122 6128 6129 6130 6131", badRequest, badRequest, "The backup cannot be replicated."},
	{"6137", broken, badRequest, "The disk is in several vaults."},
	{"6132 6138 6139", broken, broken, "The vault's resources are not as they should be."},
	{"6134", badRequest, badRequest, "Resources are being removed from the vault."},
	{"6135", badRequest, badRequest, "The resource is not in the vault."},
	{"6200", notFound, notFound, "The backup does not exist."},
	{"6201 6204 6216 6220", badRequest, badRequest, "The backup cannot be deleted."},
	{"6206 6215", badRequest, badRequest, "The backup's status does not allow this."},
	{"6207 6208 6209 6210 6211 6212 6213 6214", broken, broken, "The operation on the backup failed."},
	{"6217", notFound, notFound, "The restore point does not exist."},
	{"6300 6301", badRequest, badRequest, "The provider or a parameter is not valid."},
	// 404 if a client shows or deletes a backup with a malformed id.
	{"9900", badRequest, 0, "A parameter is not valid."},
	{"6302", notFound, notFound, "The resource does not exist."},
	{"6400 6401 6403 6404 6405 6406 6407 6408", badRequest, 0, "The bucket cannot be used."},
	{"6600", badRequest, badRequest, "The tag is not valid."},
	{"6402", notFound, notFound, "The bucket is not empty."},
	{"6500", notFound, notFound, "The operation log does not exist."},
	{"6501", notFound, notFound, "The task does not exist."},
	{"6601", notFound, notFound, "The key does not exist."},
	{"6700 6701 6702 6703 6704 6706 6707 6708 6709 6710 6711 6712 6713 6714", badRequest, 0, "The backup cannot be shared."},
	{"6705", notFound, notFound, "The member does not exist."},
	{"7000", notFound, notFound, "The disk does not exist."},
	{"7001 7002 7004 7007 7106", badRequest, badRequest, "Disks of this kind cannot be backed up."},
	{"7003", badRequest, badRequest, "The disk's status does not allow a backup."},
	{"7008", badRequest, badRequest, "The disk is of a disaster recovery site."},
	{"7009", broken, badRequest, "A deleted backup is still being loaded."},
	{"7100", notFound, notFound, "The server does not exist."},
	{"7101 7102 7103 7104 7105 7107 7108 7109 7110 7111 7113 7114 7115 7116 7117 7200 7201 7203 7204", badRequest, badRequest, "The server's, database's or snapshot's state does not allow this."},
	{"7202", notFound, notFound, "The snapshot does not exist."},
	{"8300", badRequest, tooMuch, "The quota of snapshots is used up."},
	{"8400 9910", broken, broken, "The service failed."},
	{"8600", forbidden, forbidden, "The account is not authenticated by real name."},
	{"9998", broken, 0, "The authentication failed."},
}

var evsCodes = []codeRow{
	{"0001", badRequest, badRequest, "The project's id is not valid."},
	{"0002", badRequest, noToken, "The token is not valid."},
	{"0003", forbidden, forbidden, "The user's roles do not allow this."},
	{"1002", badRequest, badRequest, "The disk's id is not valid."},
	{"1006", badRequest, badRequest, "The backup's id is not valid."},
	{"1010", badRequest, badRequest, "The size is not valid."},
	{"1016", badRequest, badRequest, "There is more than one source."},
	{"1020", badRequest, badRequest, "The disk type is not valid."},
	{"1022", badRequest, badRequest, "The size is less than the backup's."},
	{"1027", forbidden, forbidden, "The role does not allow this."},
	{"1034", badRequest, tooMuch, "The quota of disks is used up."},
	{"1036", badRequest, badRequest, "The availability zone is not valid."},
	{"1042", badRequest, tooMuch, "The quota of capacity is used up."},
	{"1044", badRequest, badRequest, "The backup is not available."},
	{"1043", badRequest, badRequest, "A disk from this source takes no encryption metadata."},
	{"1045", badRequest, badRequest, "The backup's details could not be read."},
	{"1049", badRequest, badRequest, "The availability zone is not the backup's."},
	{"1051", badRequest, badRequest, "Only one disk can be made of a backup at a time."},
	{"2024", broken, broken, "The disk is in error."},
	{"2025", broken, broken, "The disk could not be restored."},
	// About encryption: a create from a backup of an encrypted disk gets these.
	{"2040", badRequest, badRequest, "The key is not enabled."},
	{"2041", badRequest, badRequest, "An encryption parameter is not valid."},
	{"2042", broken, badRequest, "The key could not be created."},
	{"2044", notFound, forbidden, "The role for KMS could not be checked."},
	{"2055", badRequest, forbidden, "EVS has no right to use KMS."},
	{"2105", broken, badRequest, "The key of the encrypted disk does not exist."},
	{"2143", noToken, forbidden, "You need to create an agency for this project first."},
	{"2265", notFound, forbidden, "The agency's token is null."},
	{"2053", badRequest, badRequest, "The availability zone does not exist."},
	{"2056", forbidden, forbidden, "The request was denied."},
	{"2070 2071 2072", badRequest, badRequest, "The disk type is not supported or sold out."},
	{"2130", badRequest, badRequest, "The disk is being backed up and cannot be deleted."},
	{"2144 2145", forbidden, forbidden, "The account is frozen or suspended."},
	{"5400", badRequest, badRequest, "The request has the wrong format."},
	{"5401", noToken, noToken, "The request is not authenticated."},
	{"5403", forbidden, forbidden, "The request is not allowed."},
	// In a create from a backup the path itself is valid.
	{"5404", notFound, badRequest, "The resource does not exist."},
	{"5413", tooMuch, tooMuch, "The quota is used up."},
	{"5500", broken, broken, "The service failed."},
	{"5503", away, away, "The service is not available."},
}

var evsCommonCodes = []codeRow{
	{"0011", badRequest, 0, "The job cannot be queried."},
	{"0013", badRequest, noToken, "The token in the header is not valid."},
	{"0018", badRequest, noToken, "The project in the URI is not the token's."},
}

var gatewayCodes = []codeRow{
	{"0101", notFound, http.StatusNotImplemented, "The API does not exist or has not been published."},
	{"0103 0104 0105", broken, 0, "The backend of the API is not configured."},
	{"0106", badRequest, badRequest, "The request is not valid."},
	{"0201", badRequest, badRequest, "The request has the wrong format."},
	{"0201", tooMuch, tooMuch, "The body is too large."},
	{"0201", http.StatusRequestURITooLong, 0, "The URI is too long."},
	{"0201", 494, 0, "The headers are too large."},
	{"0201", http.StatusBadGateway, 0, "The backend is not available."},
	{"0201", http.StatusGatewayTimeout, 0, "The backend did not answer in time."},
	{"0201", broken, 0, "The gateway failed."},
	{"0301", noToken, noToken, "The authentication information is not correct."},
	{"0302", forbidden, forbidden, "The user is not authorised."},
	{"0303", noToken, noToken, "The application's authentication information is not correct."},
	{"0304", forbidden, forbidden, "The application is not authorised."},
	{"0305", noToken, noToken, "The authentication information is not correct."},
	{"0306", forbidden, forbidden, "Access to the API is denied."},
	{"0307", noToken, noToken, "The token must be renewed."},
	{"0308", http.StatusTooManyRequests, tooMuch, "The request is beyond the limit of requests."},
}
