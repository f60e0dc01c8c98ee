package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	tenant "cindergate/internal/move/cloud"
	"cindergate/internal/verify"
)

// verifyLogin is the flags that say which endpoint is asked, and as whom.
type verifyLogin struct {
	cloud, second, admin       string
	endpoint, token, tokenFile string
}

func (f *verifyLogin) loginFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.cloud, "cloud", "", "`cloud` to ask, an entry of clouds.yaml")
	flags.StringVar(&f.second, "second-cloud", "", "`cloud` with a login in another project, for what concerns two projects")
	flags.StringVar(&f.admin, "admin-cloud", "", "`cloud` with an admin's login, for what needs an admin")
	flags.StringVar(&f.endpoint, "endpoint", "", "`URL` of the API instead of a cloud, as in the catalogue: https://host/v3/PROJECT")
	flags.StringVar(&f.token, "token", "", "`token` for --endpoint; other users of the machine can see it, so OS_TOKEN or --token-file is better")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the token for --endpoint")
}

func (f *verifyLogin) check() error {
	if (f.cloud == "") == (f.endpoint == "") {
		return usage(errors.New("either --cloud or --endpoint must be given"))
	}
	return nil
}

// endpointURL takes a catalogue's URL apart.
var endpointURL = regexp.MustCompile(`^(https?://.+?)(?:/v3(?:/([0-9a-fA-F-]+))?)?/?$`)

func (f *verifyLogin) logIn(ctx context.Context, o *verify.Options) error {
	if f.endpoint != "" {
		parts := endpointURL.FindStringSubmatch(f.endpoint)
		if u, err := url.Parse(f.endpoint); parts == nil || err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
			return usage(errors.New("--endpoint: it must be a URL such as https://host/v3/PROJECT"))
		}
		text, err := f.bareToken()
		if err != nil {
			return err
		}
		o.URL, o.Tester = parts[1], verify.Login{ProjectID: parts[2], Token: func(context.Context, string) (string, error) { return text, nil }}
	} else {
		c, l, err := loginOf(ctx, f.cloud)
		if err != nil {
			return err
		}
		o.URL, o.Image, o.Tester, o.Client = c.BlockStorage(), c.ImageService(), l, &http.Client{Transport: c.HTTP()}
	}
	for name, to := range map[string]**verify.Login{f.second: &o.Second, f.admin: &o.Boss} {
		if name == "" {
			continue
		}
		_, l, err := loginOf(ctx, name)
		if err != nil {
			return err
		}
		*to = &l
	}
	if o.Second != nil && o.Second.ProjectID == o.Tester.ProjectID {
		return usage(errors.New("--second-cloud: its project is that of --cloud or --endpoint"))
	}
	return nil
}

// bareToken is the token of --endpoint.
func (f *verifyLogin) bareToken() (string, error) {
	text := f.token
	switch {
	case text != "" && f.tokenFile != "":
		return "", usage(errors.New("--token and --token-file exclude each other"))
	case f.tokenFile != "":
		file, err := os.Open(f.tokenFile)
		if err != nil {
			return "", cannotTest{fmt.Errorf("--token-file: %w", err)}
		}
		defer file.Close()
		content, err := io.ReadAll(io.LimitReader(file, 64<<10))
		if err != nil {
			return "", cannotTest{fmt.Errorf("--token-file: %w", err)}
		}
		text = strings.TrimSpace(string(content))
	case text == "":
		text = os.Getenv("OS_TOKEN")
	}
	if text == "" {
		return "", usage(errors.New("--endpoint needs a token: in the variable OS_TOKEN, or by --token-file or --token"))
	}
	if strings.ContainsAny(text, "\r\n\x00") {
		return "", usage(errors.New("the token has a newline in it"))
	}
	return text, nil
}

// loginOf logs in at a cloud.
func loginOf(ctx context.Context, name string) (*tenant.Cloud, verify.Login, error) {
	c, err := tenant.Login(ctx, name)
	if err != nil {
		return nil, verify.Login{}, cannotTest{err}
	}
	role := ""
	for _, r := range []string{"reader", "member", "admin"} { // the last one counts
		if slices.Contains(c.Roles, r) {
			role = r
		}
	}
	return c, verify.Login{Token: c.Token, ProjectID: c.ProjectID, Role: role}, nil
}
