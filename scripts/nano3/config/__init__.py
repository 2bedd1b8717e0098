"""What does a recipe request? Its sections, and what follows from them before any data is read."""
