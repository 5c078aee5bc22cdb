"""The store, the models and the neighbours of the AI service, one in each file."""
