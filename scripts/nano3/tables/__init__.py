"""What a recipe comes to, worked out before anything is trained: its mixture, its schedule, beside another's."""
