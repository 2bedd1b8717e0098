"""What does a recipe say, with those that it extends, and where? Files and values, before anything is typed."""
