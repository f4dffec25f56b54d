terraform {
  required_version = ">= 1.9.0" # a variable is checked by another

  required_providers {
    opentelekomcloud = {
      source  = "opentelekomcloud/opentelekomcloud"
      version = ">= 1.36.54, < 2.0.0"
    }
  }
}

# Who deploys comes from the environment: OS_ACCESS_KEY, OS_SECRET_KEY, OS_DOMAIN_NAME and OS_PROJECT_ID, or clouds.yaml.
# The provider cannot make an agency while tenant_name (OS_PROJECT_NAME) is set: name the project by its id.
provider "opentelekomcloud" {
  region   = var.region
  auth_url = coalesce(var.iam_endpoint, "https://iam.${var.region}.otc.t-systems.com/v3")
}
