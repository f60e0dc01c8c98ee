package identity

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// read takes the members of a user from a request. password is nil if there is none.
func (u *Account) read(a *attributes) (password *string, err error) {
	a.inDefaultDomain()
	a.name(&u.Name, maxUserName)
	a.text("default_project_id", &u.DefaultProject, maxID)
	a.flag("enabled", &u.Enabled)
	if value, given := a.take("password"); given && value != nil {
		text, ok := value.(string)
		if !ok || text == "" || len(text) > maxPassword {
			a.invalid("password", fmt.Sprintf("it is not a text of 1 to %d bytes", maxPassword))
		}
		password = &text
	}
	u.Extra = a.merge(u.Extra)
	if u.Name == "" {
		a.refuse(http.StatusBadRequest, "'name' is a required property")
	}
	return password, a.err
}

func (u *Account) setPassword(password *string) (err error) {
	if password != nil {
		u.PasswordHash, err = HashPassword(*password)
	}
	return err
}

// freeUserName reports whether no other user has the name.
func (s *Service) freeUserName(made *Accounts, u Account) error {
	taken := func(id, name string) bool { return id != u.ID && sameName(name, u.Name) }
	if slices.ContainsFunc(s.configured.users, func(c configuredUser) bool { return taken(c.id, c.name) }) ||
		slices.ContainsFunc(made.Users, func(m Account) bool { return taken(m.ID, m.Name) }) {
		return refused(http.StatusConflict, "Conflict occurred attempting to store user - Duplicate entry found with name "+u.Name+
			" at domain ID "+DefaultDomain+".")
	}
	return nil
}

func (s *Service) createUser(w http.ResponseWriter, r *http.Request, _ *token) {
	a := readAttributes(w, r, "user", "")
	if a == nil {
		return
	}
	u := Account{ID: s.newID(), Enabled: true}
	password, err := u.read(a)
	if err == nil {
		err = s.change(r.Context(), func(ctx context.Context, store Changes, _ *directory, next *Accounts) error {
			if err := u.setPassword(password); err != nil {
				return err
			}
			if len(next.Users) >= maxAccounts {
				return refused(http.StatusForbidden, "There are as many users as there can be.")
			}
			if err := s.freeUserName(next, u); err != nil {
				return err
			}
			next.Users = append(next.Users, u)
			return store.SaveUser(ctx, u)
		})
	}
	s.answerUser(w, r, http.StatusCreated, u.ID, err)
}

// updateUser is PATCH /v3/users/{id}. The user's tokens end with a new password and
// with being disabled.
func (s *Service) updateUser(w http.ResponseWriter, r *http.Request, _ *token) {
	id := r.PathValue("id")
	a := readAttributes(w, r, "user", id)
	if a == nil {
		return
	}
	err := s.change(r.Context(), func(ctx context.Context, store Changes, _ *directory, next *Accounts) error {
		at, err := s.changeableUser(next, id)
		if err != nil {
			return err
		}
		u := next.Users[at]
		password, err := u.read(a)
		if err != nil {
			return err
		}
		if err := u.setPassword(password); err != nil {
			return err
		}
		if err := s.freeUserName(next, u); err != nil {
			return err
		}
		if password != nil || !u.Enabled {
			u.Generation++
		}
		next.Users[at] = u
		return store.SaveUser(ctx, u)
	})
	s.answerUser(w, r, http.StatusOK, id, err)
}

// changeableUser finds a user that was made through the API.
func (s *Service) changeableUser(made *Accounts, id string) (at int, err error) {
	if u := s.configured.user(id); u != nil && u.id == id {
		return 0, refused(http.StatusForbidden, "The user "+u.name+" is one of the configuration or a default one, and cannot be changed here.")
	}
	if at = made.user(id); at < 0 {
		return 0, refused(http.StatusNotFound, "Could not find user: "+id+".")
	}
	return at, nil
}

func (s *Service) answerUser(w http.ResponseWriter, r *http.Request, status int, id string, err error) {
	u := s.directory.Load().users.byID[id]
	switch {
	case err != nil:
		s.refuse(w, err)
	case u == nil: // deleted meanwhile
		missing(w, "user", id)
	default:
		write(w, status, map[string]any{"user": s.userView(r, u)})
	}
}

// changePassword is POST /v3/users/{id}/password, for the user itself. All its tokens
// end, that of the request included.
func (s *Service) changePassword(w http.ResponseWriter, r *http.Request, caller *token) {
	id := r.PathValue("id")
	if id != caller.user.id || caller.restricted() {
		forbidden(w, "change_password")
		return
	}
	a := readAttributes(w, r, "user", "")
	if a == nil {
		return
	}
	var original, password string
	a.text("original_password", &original, maxPassword)
	a.text("password", &password, maxPassword)
	if password == "" {
		a.invalid("password", "it must not be empty")
	}
	err := a.err
	own := s.directory.Load().users.byID[id]
	if own == nil { // deleted meanwhile
		unauthorized(w)
		return
	}
	if err == nil && !own.configured { // else the change is refused whatever the password is
		right, busy := s.matches(r, id, own.secret, original)
		switch {
		case busy != nil:
			s.refuseLogin(w, busy)
			return
		case !right:
			err = refused(http.StatusUnauthorized, "The original password is wrong.")
		}
	}
	if err == nil {
		err = s.change(r.Context(), func(ctx context.Context, store Changes, _ *directory, next *Accounts) error {
			at, err := s.changeableUser(next, id)
			if err != nil {
				return err
			}
			if next.Users[at].Generation != own.generation { // it was changed meanwhile
				return refused(http.StatusUnauthorized, "The original password is wrong.")
			}
			u := next.Users[at]
			if err := u.setPassword(&password); err != nil {
				return refused(http.StatusBadRequest, "Invalid input for field 'password': "+err.Error())
			}
			u.Generation++
			next.Users[at] = u
			return store.SaveUser(ctx, u)
		})
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Service) deleteUser(w http.ResponseWriter, r *http.Request, _ *token) {
	id := r.PathValue("id")
	err := s.change(r.Context(), func(ctx context.Context, store Changes, _ *directory, next *Accounts) error {
		at, err := s.changeableUser(next, id)
		if err != nil {
			return err
		}
		next.Users = slices.Delete(next.Users, at, at+1)
		next.Grants = slices.DeleteFunc(next.Grants, func(g Grant) bool { return g.UserID == id })
		return store.DeleteUser(ctx, id)
	})
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
