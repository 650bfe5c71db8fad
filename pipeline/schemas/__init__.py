"""What becomes of the contract from one version to the next."""
