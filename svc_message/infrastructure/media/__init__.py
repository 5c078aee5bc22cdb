"""Files as documents and in the contract, and pages of the web."""
