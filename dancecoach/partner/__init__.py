"""The live partner: understands the dancer and dances with them, one frame at a time, never looking ahead."""
