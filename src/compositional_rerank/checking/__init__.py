"""A generated answer, sentence by sentence, against the passages that it was made from."""
