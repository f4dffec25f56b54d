"""An embedded CBR endpoint and a demo tenant: the auditor without an account, and under every fault in tests."""
