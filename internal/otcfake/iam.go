package otcfake

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// The user that may validate other users' tokens, and the user's project.
const (
	ServiceProject  = "service"
	ServiceUser     = "gateway"
	ServicePassword = "gateway-secret" // #nosec G101 -- nothing real is behind it
)

// tokenLifetime is the documented lifetime of tokens.
const tokenLifetime = 24 * time.Hour

type user struct {
	id, name, password string
	project            *Project
	admin              bool
	foreign            bool // belongs to another account
}

type token struct {
	text            string
	user            *user
	project         *Project // nil: unscoped
	issued, expires time.Time
}

// AddProject makes a project with one user, who already has a token. The user has the
// project's name and the password "<name>-secret".
func (c *Cloud) AddProject(name string) Project {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.newProject(name)
	u := &user{id: strings.ReplaceAll(c.newID(), "-", ""), name: name, password: name + "-secret", project: p}
	c.users = append(c.users, u)
	p.UserID, p.User, p.Password = u.id, u.name, u.password
	p.Token = c.newToken(u, p).text
	return *p
}

// AddForeignProject makes a project as AddProject does, but in another account. Its tokens
// are valid, but no user of this account may validate them.
func (c *Cloud) AddForeignProject(name string) Project {
	p := c.AddProject(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range c.users {
		if u.id == p.UserID {
			u.foreign = true
		}
	}
	return p
}

func (c *Cloud) newProject(name string) *Project {
	p := &Project{ID: strings.ReplaceAll(c.newID(), "-", ""), Name: name}
	c.projects = append(c.projects, p)
	return p
}

func (c *Cloud) newToken(u *user, p *Project) *token {
	now := c.o.Now().UTC()
	t := &token{text: "MII-" + c.newID(), user: u, project: p, issued: now, expires: now.Add(tokenLifetime)}
	c.tokens[t.text] = t
	return t
}

// ExpireToken makes a token expire now.
func (c *Cloud) ExpireToken(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.tokens[text]; t != nil {
		t.expires = time.Time{}
	}
}

func (c *Cloud) routeIAM() {
	for _, pattern := range []string{"GET /iam/{$}", "GET /iam"} {
		c.open(pattern, func(k *call) answer {
			return answer{status: http.StatusMultipleChoices, body: object{"versions": object{"values": []object{iamVersion(k)}}}}
		})
	}
	for _, pattern := range []string{"GET /iam/v3/{$}", "GET /iam/v3"} {
		c.open(pattern, func(k *call) answer { return ok(object{"version": iamVersion(k)}) })
	}
	c.open("POST /iam/v3/auth/tokens", c.login)
	c.withToken("GET /iam/v3/auth/tokens", c.showToken)
	c.withToken("POST /iam/v3.0/OS-CREDENTIAL/securitytokens", c.giveKey)
	c.withToken("GET /iam/v3/auth/catalog", func(k *call) answer { return ok(object{"catalog": c.catalog(k, k.token.project)}) })
}

func iamVersion(k *call) object {
	return object{
		"id": "v3.6", "status": "stable", "updated": "2016-04-04T00:00:00Z",
		"links":       []object{{"rel": "self", "href": k.base() + "/iam/v3/"}},
		"media-types": []object{{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}},
	}
}

// keystoneFault returns an error of IAM.
func keystoneFault(status int, message string) answer {
	return answer{status: status, body: object{"error": object{"code": status, "title": http.StatusText(status), "message": message}}}
}

type named struct{ ID, Name string }

// is reports whether a reference, by id or name, matches.
func (n named) is(id, name string) bool { return n.ID == id || n.ID == "" && n.Name == name }

func (c *Cloud) login(k *call) answer {
	var body struct {
		Auth struct {
			Identity struct {
				Methods  []string
				Password struct {
					User struct {
						named
						Password string
						Domain   named
					}
				}
				Token struct{ ID string }
			}
			Scope struct {
				Project *struct {
					named
					Domain named
				}
			}
		}
	}
	if !k.readSome(&body) || len(body.Auth.Identity.Methods) != 1 {
		return keystoneFault(badRequest, "The request body is invalid")
	}
	given := body.Auth.Identity.Password.User
	var caller *user
	switch body.Auth.Identity.Methods[0] {
	case "password":
		for _, u := range c.users {
			if given.is(u.id, u.name) && given.Password == u.password && (given.ID != "" || given.Domain.is(c.o.Domain, c.o.Domain)) {
				caller = u
			}
		}
	case "token":
		if t := c.tokens[body.Auth.Identity.Token.ID]; t != nil && c.o.Now().Before(t.expires) {
			caller = t.user
		}
	}
	if caller == nil {
		return keystoneFault(noToken, "The username or password is wrong.")
	}
	var into *Project
	if wanted := body.Auth.Scope.Project; wanted != nil {
		if !wanted.is(caller.project.ID, caller.project.Name) {
			return keystoneFault(noToken, "The user has no role in the project.")
		}
		into = caller.project
	}
	t := c.newToken(caller, into)
	return answer{status: http.StatusCreated, body: object{"token": c.tokenView(k, t)}, header: map[string]string{"X-Subject-Token": t.text}}
}

// showToken validates a token: the caller's own, or any token for ServiceUser.
func (c *Cloud) showToken(k *call) answer {
	text := k.r.Header.Get("X-Subject-Token")
	t := c.tokens[text]
	switch {
	case t == nil, !c.o.Now().Before(t.expires), t.user != k.token.user && !k.token.user.admin:
		return keystoneFault(notFound, "The token could not be found.")
	case t.user.foreign != k.token.user.foreign:
		// IAM validates tokens of its own account only. The status is likely, not
		// documented.
		return keystoneFault(forbidden, "You are not authorized to perform the requested action: identity:validate_token")
	}
	return answer{status: http.StatusOK, body: object{"token": c.tokenView(k, t)}, header: map[string]string{"X-Subject-Token": text}}
}

const iamTime = "2006-01-02T15:04:05.000000Z"

func (c *Cloud) tokenView(k *call, t *token) object {
	domain := object{"id": c.o.Domain, "name": c.o.Domain}
	v := object{
		"methods": []string{"password"}, "issued_at": t.issued.Format(iamTime), "expires_at": t.expires.Format(iamTime),
		"user": object{"id": t.user.id, "name": t.user.name, "domain": domain, "password_expires_at": ""},
	}
	if t.project == nil {
		return v
	}
	role := "member"
	if t.user.admin {
		role = "admin"
	}
	v["project"] = object{"id": t.project.ID, "name": t.project.Name, "domain": domain}
	v["roles"] = []object{{"id": "0", "name": role}}
	if k.query("nocatalog") == "" { // any value omits the catalogue; without the parameter it stays
		v["catalog"] = c.catalog(k, t.project)
	}
	return v
}

// catalog returns the catalogue with the types and forms of the dialect: OTC's entry for
// cbr ends in the project, and Huawei has no type for VBS.
func (c *Cloud) catalog(k *call, p *Project) []object {
	all := []object{}
	add := func(service, kind, name, path string) {
		if slices.Contains(c.o.Without, service) {
			return
		}
		if p != nil {
			path = strings.ReplaceAll(path, "%p", p.ID)
		}
		all = append(all, object{"type": kind, "name": name, "id": kind, "endpoints": []object{{
			"id": kind, "interface": "public", "region": c.o.Region, "region_id": c.o.Region, "url": k.base() + path,
		}}})
	}
	add("iam", "identity", "keystone", "/iam/v3")
	if p == nil {
		return all
	}
	add("evs", "volume", "evs", "/evs/v2/%p")
	add("evs", "volumev2", "evsv2", "/evs/v2/%p")
	add("evs", "volumev3", "evsv3", "/evs/v3/%p")
	add("ims", "image", "glance", "/ims")
	add("obs", "object", "obs", "")
	if c.o.Dialect == OTC {
		add("vbs", c.o.VBSType, "vbsv2", "/vbs/v2/%p")
		add("cbr", "cbr", "cbr", "/cbr/v3/%p")
	} else {
		add("cbr", "cbr", "cbr", "/cbr")
	}
	return all
}
