"""The nouns: frozen, pure, known to all and knowing nobody."""
