"""Runs of models that their own trainers make: handed out, listened to, judged and promoted."""
