"""How does a folder of files become a recipe that runs?"""
