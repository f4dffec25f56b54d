"""Audit the backups of Open Telekom Cloud and Huawei Cloud CBR, and say what could not be seen."""

__version__ = "0.1.0"
