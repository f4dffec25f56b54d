"""Checks each step that a run takes, without auditing or sending anything, and says how to mend what fails.

One check is one small function; `examination` says which there are. A new channel or store joins there with one more.
"""
