"""Many points: a file that says which, a store that holds them, and the ways to run and search them."""
