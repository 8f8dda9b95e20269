"""What a version learned, told from samples and from both models. Imports no Django.

``report.explain`` is the door.
"""
