"""Which recipes left what in results/, and what does none of them need?"""
