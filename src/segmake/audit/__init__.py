"""What the manifests of a results folder say: who made what, whether it is still so, what differs."""
