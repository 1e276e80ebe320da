"""The Qt front end: it paints snapshots and commands the engine."""
