"""What the group service stands on: its store, its neighbours, and the bytes of its entries."""
