package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"cindergate/gateway"
	"cindergate/internal/otcfake"
)

// This test runs the whole gateway against a stand-in for IAM. A token of another account
// is refused like an invalid one, and the log says why. Callers of the gateway's own
// account still succeed after the gateway's token has expired.
func TestTokensAtIAM(t *testing.T) {
	cloud := otcfake.New(otcfake.Options{})
	identity := httptest.NewServer(cloud)
	t.Cleanup(identity.Close)
	keystone, err := gateway.NewKeystone(gateway.KeystoneOptions{
		URL: identity.URL + "/iam/v3", Username: otcfake.ServiceUser, Password: otcfake.ServicePassword, Project: otcfake.ServiceProject,
		UserDomain: "default", ProjectDomain: "default",
	})
	must(t, err)
	g := newRig(t, func(o *gateway.Options) { o.Auth = keystone })
	mine, foreign := cloud.AddProject("mine"), cloud.AddForeignProject("foreign")
	ask := func(p otcfake.Project, status int) {
		t.Helper()
		answer, body := g.call(http.MethodGet, "/v3/"+p.ID+"/backups", p.Token, "")
		if answer.StatusCode != status || status == http.StatusUnauthorized && body != notAuthDoc {
			t.Errorf("%s: %d %s", p.Name, answer.StatusCode, body)
		}
	}
	ask(mine, http.StatusOK)
	ask(foreign, http.StatusUnauthorized)
	if n := g.log.FilterMessage("token not validated").Len(); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
	self, err := keystone.Self(t.Context())
	must(t, err)
	cloud.ExpireToken(string(self.Token))
	ask(cloud.AddProject("later"), http.StatusOK)
	ask(cloud.AddForeignProject("foreign too"), http.StatusUnauthorized)
	if again, err := keystone.Self(t.Context()); err != nil || again.Token == self.Token {
		t.Errorf("%v, the same token: %t", err, again.Token == self.Token)
	}
}
