"""What are the rows of a raw file of any format? Their text in file order, or one sentence that says why not."""
