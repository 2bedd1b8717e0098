"""Which token is in which sample?"""
