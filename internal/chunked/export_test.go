package chunked

// What the tests of long objects of zeroes need.
var (
	EncodeZeroes = encodeZeroes
	ZeroMD5      = zeroMD5
)
