//go:build tools

package terraform

import _ "github.com/terraform-provider-openstack/terraform-provider-openstack/v3/openstack"
