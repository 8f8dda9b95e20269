"""Online sessions: learn the log as it grows, send what changed to serving, survive any crash."""
