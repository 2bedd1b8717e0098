"""What is different between two trainings?"""
