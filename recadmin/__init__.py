"""The project: settings, addresses, processes and roles."""
