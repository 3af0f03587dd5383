"""The pool `directory`: copies are plain files; for trying things out, without root."""
