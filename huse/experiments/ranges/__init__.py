"""Ranges for `huse tune`, each a YAML file in this folder that says what it is for."""
