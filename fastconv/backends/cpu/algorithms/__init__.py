"""The algorithms of convolutions, a file for each, and the choice among them."""
