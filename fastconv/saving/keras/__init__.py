"""The formats of Keras: configurations, .keras and .weights.h5 of Keras 3, and .h5 of Keras 2."""
