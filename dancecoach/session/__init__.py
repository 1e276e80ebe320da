"""Takes on disk: recorder, store, replay, export."""
