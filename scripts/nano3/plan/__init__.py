"""What would be made now, why, and at what cost?"""
