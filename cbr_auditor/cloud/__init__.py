"""The cloud's services besides CBR: IAM, which logs users in, KMS and the secret manager, which keep secrets."""
