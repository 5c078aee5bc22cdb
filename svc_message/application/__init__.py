"""The use cases of conversations, one verb a module."""
