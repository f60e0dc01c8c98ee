package driver

import "time"

// MaxRequestBody is the largest request body that Cinder takes, in bytes (oslo.middleware's
// max_request_body_size).
const MaxRequestBody = 114688

// AnswerTime is how long a driver may keep a client waiting while a backend makes
// something: less than clients wait for an answer, which is a minute as a rule.
const AnswerTime = 45 * time.Second
