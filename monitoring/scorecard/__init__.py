"""Whether drift alarms were worth it: each is settled later by what the loss did."""
