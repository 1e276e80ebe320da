"""What makes the models: the renderer of training music, the networks, their training. Needs the extra `training`."""
