"""The ownership protocol of pool datasets, explored: every order of everything."""
