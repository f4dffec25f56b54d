terraform {
  required_version = ">= 1.9.0" # a variable is checked by another

  required_providers {
    huaweicloud = {
      source  = "huaweicloud/huaweicloud"
      version = ">= 1.97.0, < 2.0.0"
    }
  }
}

# Who deploys comes from the environment: HW_ACCESS_KEY and HW_SECRET_KEY.
provider "huaweicloud" {
  region       = var.region
  project_name = var.project_name
}
