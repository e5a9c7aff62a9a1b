"""The models of the comparison, in plain PyTorch."""
