"""The live loop's parts: workers and their timing, the music in the room, notices, recording, calibration."""
