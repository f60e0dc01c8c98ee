package driver

import "time"

// MaxRequestBody is the largest request body that Cinder accepts, in bytes
// (oslo.middleware's max_request_body_size).
const MaxRequestBody = 114688

// AnswerTime limits how long a driver may wait for a backend before it answers the client.
// Most clients time out after one minute.
const AnswerTime = 45 * time.Second
