"""Acme's rules. Every file beside this one whose name does not begin with _ is a rule."""
