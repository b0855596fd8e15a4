"""Arrays + plan -> a trained network: sampling, augmentation, losses, the loop, the checkpoint."""
