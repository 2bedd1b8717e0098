"""What is asked for? The recipe, its parts, and what follows from it before any data is read."""
