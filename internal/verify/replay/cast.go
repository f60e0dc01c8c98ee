package replay

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"cindergate/internal/transcript"
	"cindergate/internal/verify"
)

// cast says which login plays the part of which recorded one.
type cast struct {
	e        *verify.Endpoint
	projects []string // recorded ones of members and readers, in the order in which they come
}

// pathProject finds the project in a path.
var pathProject = regexp.MustCompile(`^/v[123]/([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:/|\?|$)`)

// projectOf is the recorded project of an exchange; "": not known.
func projectOf(x *transcript.Exchange) string {
	if x.Project != "" {
		return x.Project
	}
	if m := pathProject.FindStringSubmatch(x.Req.Path); m != nil {
		return m[1]
	}
	return ""
}

// newCast gives each login its part, and notes in ids which project stands for which.
func newCast(e *verify.Endpoint, all []transcript.Exchange, ids transcript.IDs) (*cast, error) {
	c := &cast{e: e}
	boss := ""
	for i := range all {
		x := &all[i]
		project := projectOf(x)
		switch {
		case x.Role == nil || project == "":
		case *x.Role == admin:
			if boss == "" {
				boss = project
			}
		case !slices.Contains(c.projects, project):
			c.projects = append(c.projects, project)
		}
	}
	for i, who := range []verify.Who{verify.Tester, verify.Second} {
		if i < len(c.projects) {
			if err := c.same(c.projects[i], who, ids); err != nil {
				return nil, err
			}
		}
	}
	if boss != "" && !slices.Contains(c.projects, boss) {
		return c, c.same(boss, verify.Boss, ids)
	}
	return c, nil
}

// same notes that the project of a login stands for a recorded one.
func (c *cast) same(recorded string, who verify.Who, ids transcript.IDs) error {
	login := c.e.Login(who)
	switch {
	case login == nil:
		return nil
	case login.ProjectID == "":
		return errors.New("the URL of the endpoint must have the project, as in https://host/v3/PROJECT: the paths of the transcript have one")
	case transcript.IsID(recorded) && transcript.IsID(login.ProjectID):
		ids[recorded] = login.ProjectID
	default: // too short to be replaced everywhere
		for _, version := range []string{"/v1/", "/v2/", "/v3/"} {
			ids[version+recorded+"/"] = version + login.ProjectID + "/"
		}
	}
	return nil
}

// The recorded roles.
const (
	admin  = "admin"
	member = "member"
	reader = "reader"
)

// who returns the login that sends a request, or why there is none.
func (c *cast) who(x *transcript.Exchange) (verify.Who, string) {
	if x.Role == nil {
		return verify.Nobody, ""
	}
	who, part := verify.Tester, 0
	if project := projectOf(x); project != "" {
		part = slices.Index(c.projects, project)
	}
	switch {
	case *x.Role == admin && c.e.Login(verify.Boss) == nil:
		return "", "an admin sent it, which needs --admin-cloud"
	case *x.Role == admin && c.e.Login(verify.Boss).ProjectID != c.here(x):
		return "", "an admin of a member's project sent it, and the admin's login is of another project"
	case *x.Role == admin:
		return verify.Boss, ""
	case *x.Role != member && *x.Role != reader:
		return "", fmt.Sprintf("somebody with the role %q sent it, for whom there is no login", *x.Role)
	case part > 1:
		return "", "a member of a third project sent it, for whom there is no login"
	case part == 1 && c.e.Login(verify.Second) == nil:
		return "", "a member of another project sent it, which needs --second-cloud"
	case part == 1:
		who = verify.Second
	case c.e.Admin:
		return "", "a member sent it, and the login is an admin's, who may do more"
	}
	if role := c.e.Login(who).Role; !x.Req.Reads() && (role == reader) != (*x.Role == reader) {
		return "", "a " + *x.Role + " sent it, and the login has another role"
	}
	return who, ""
}

// here is the id of the endpoint's project that stands for an admin's.
func (c *cast) here(x *transcript.Exchange) string {
	if slices.Contains(c.projects, projectOf(x)) {
		return c.e.Login(verify.Tester).ProjectID
	}
	return c.e.Login(verify.Boss).ProjectID
}
