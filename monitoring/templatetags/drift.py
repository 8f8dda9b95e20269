"""What a comparison says, on pages."""

from django import template

from monitoring.drift.sentences import sentence

register = template.Library()
register.filter("drift_sentence", sentence)
