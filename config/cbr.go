package config

import "regexp"

// CBR is a backend with the driver cbr.
type CBR struct {
	OTC `mapstructure:",squash"`
	// Vault is the id or name of the vault for volumes that are in none.
	Vault string `mapstructure:"vault"`
	// Bind puts such volumes into the vault.
	Bind bool `mapstructure:"bind"`
	// CreateVault makes a vault of that name and of VaultSize GB in a project that has
	// none.
	CreateVault bool `mapstructure:"create_vault"`
	VaultSize   int  `mapstructure:"vault_size"`
}

// The sizes that CBR makes vaults of, in GB.
const smallestVault, largestVault = 10, 10485760

// vaultName is what CBR takes as a vault's name.
var vaultName = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

func (c *CBR) validate(key string, bad problem) {
	c.OTC.validate(key, bad)
	if !c.CreateVault {
		if c.VaultSize != 0 {
			bad(key+".vault_size", "has no effect without create_vault")
		}
		return
	}
	if !c.Bind {
		bad(key+".create_vault", "needs bind: a vault that is made is for volumes that are put into it")
	}
	if !vaultName.MatchString(c.Vault) {
		bad(key+".vault", "%q cannot be a vault's name, which create_vault needs: 1 to 64 of the characters 0-9, A-Z, a-z, _ and -", c.Vault)
	}
	if c.VaultSize < smallestVault || c.VaultSize > largestVault {
		bad(key+".vault_size", "%d is not between %d and %d GB", c.VaultSize, smallestVault, largestVault)
	}
}
