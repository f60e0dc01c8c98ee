package verify_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cindergate/internal/verify"
	"cindergate/internal/verify/report"
)

// An endpoint that throws the secrets back, in every way that it can, finds none of them in any
// report.
func TestSecretsStaySecret(t *testing.T) {
	const secret = `gAAAA+token/with "odd" letters==`
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := r.Header.Get("X-Auth-Token")
		w.Header().Set("X-Echo", got)
		w.Header().Set("X-Subject-Token", "short")
		w.Header().Set("Set-Cookie", "session=abcdefgh-cookie")
		w.Header().Set("Location", "http://user:pass-of-the-url@cloud.example/"+url.QueryEscape(got))
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/" {
			_, _ = w.Write([]byte(`{"versions": [{"id": "v3.0", "version": "3.70"}]}`))
			return
		}
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte(`{"error": {"message": "` + strings.ReplaceAll(got, `"`, `\"`) + ` ` + base64.StdEncoding.EncodeToString([]byte(got)) + ` ` + url.QueryEscape(got) +
			`", "auth_key": "key-in-the-body", "adminPass": "pass-in-the-body", "connection_info": {"auth_password": "chap-in-the-body"}}}`))
	}))
	defer echo.Close()
	o := options(t, echo.URL, verify.Tenant)
	o.Tester, o.Second, o.Boss = verify.Login{Token: token(secret), ProjectID: testProject}, nil, nil
	r, err := verify.Run(t.Context(), o)
	must(t, err)
	if r.Count(verify.Deviates) < 50 {
		t.Fatalf("%s", r.Line())
	}
	for _, format := range report.Formats() {
		var b bytes.Buffer
		must(t, report.Write(&b, format, r))
		for _, word := range []string{"gAAAA", "odd", "letters==", base64.StdEncoding.EncodeToString([]byte(secret))[:20], "pass-of-the-url", "abcdefgh-cookie", "key-in-the-body", "pass-in-the-body", "chap-in-the-body"} {
			if strings.Contains(b.String(), word) {
				at := strings.Index(b.String(), word)
				t.Errorf("%s has %s: …%s…", format, word, b.String()[max(0, at-200):at+20])
			}
		}
	}
}
