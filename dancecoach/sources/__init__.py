"""Where pictures and sound come from: devices, network, files and recorded sessions, all by one protocol."""
