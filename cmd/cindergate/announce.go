package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/identity"
	"cindergate/internal/console"
)

// announce prints how to reach the gateway once it serves.
func announce(c *config.Config, listener net.Listener, clouds *demoClouds, log *zap.Logger) error {
	url := ownURL(c, listener.Addr())
	log.Info("serving", zap.String("url", url), zap.String("version", version), zap.String("data", c.Data))
	if clouds == nil {
		return announceUsers(c, url)
	}
	path := filepath.Join(c.Data, cloudsFile)
	if err := clouds.write(c.Data, url, c.Identity.Region); err != nil {
		return err
	}
	if shown, err := filepath.Abs(path); err == nil {
		path = shown
	}
	_, err := fmt.Fprintf(os.Stdout, `
Cindergate serves %s. In another terminal:

  export OS_CLIENT_CONFIG_FILE=%s OS_CLOUD=demo
  openstack volume create --size 1 first
  openstack volume backup create --name b1 first
  openstack volume backup list

%s`, url, path, consoleHint(c, url, "; users and passwords are in that file"))
	return err
}

// announceUsers prints how the first user of the configuration logs in.
func announceUsers(c *config.Config, url string) error {
	if c.Auth != "embedded" || len(c.Identity.Users) == 0 || len(c.Identity.Users[0].Projects) == 0 {
		return nil
	}
	user := c.Identity.Users[0]
	_, err := fmt.Fprintf(os.Stdout, `
Cindergate serves %s, with the users of the configuration. In another terminal:

  export OS_AUTH_URL=%s/identity/v3 OS_USERNAME='%s' OS_PROJECT_NAME='%s' \
      OS_USER_DOMAIN_ID=%s OS_PROJECT_DOMAIN_ID=%s OS_REGION_NAME=%s OS_IDENTITY_API_VERSION=3
  read -rsp 'Password: ' OS_PASSWORD; export OS_PASSWORD
  openstack volume backup list

%s`, url, url, user.Name, user.Projects[0].Project, identity.DefaultDomain, identity.DefaultDomain, c.Identity.Region, consoleHint(c, url, ""))
	return err
}

// consoleHint names the console, if there is one.
func consoleHint(c *config.Config, url, more string) string {
	if c.Console() == config.ConsoleOff {
		return ""
	}
	return fmt.Sprintf("The console is at %s%s/%s.\n\n", url, console.Prefix, more)
}

// ownURL returns the URL at which clients on this machine reach the gateway.
func ownURL(c *config.Config, addr net.Addr) string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if c.TLS.Certificate != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
