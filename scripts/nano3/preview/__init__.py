"""What does a recipe ask for, before it runs?"""
