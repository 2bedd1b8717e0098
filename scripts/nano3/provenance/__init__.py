"""Where does an artifact come from? Questions that receipts answer."""
