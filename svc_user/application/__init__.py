"""What can be done with accounts, sessions and friendships: one module a verb or noun of the contract."""
