"""What is seen and heard: poses from pictures, beats from sound."""
