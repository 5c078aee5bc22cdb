"""What all tests share: nothing but the rule that a test makes what it needs."""
