"""Parts of the docks; each knows the session, or plain data, and never the viewer."""
