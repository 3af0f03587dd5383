"""Translation: every shape that crosses a border is read and written here."""
