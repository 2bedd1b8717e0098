"""Where does an artifact come from, and is it intact? Questions that receipts answer."""
