"""Ranges for `huse tune`, each a YAML file in this folder with its purpose."""
